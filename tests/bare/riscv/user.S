/* SPDX-License-Identifier: MIT */
/*
 * For tests/restart/user.c: in a restartable sequence, add 1 to the word at the argument, for ever. Moved
 * back to its start, do so to the word behind it.
 */
#include <percpu/asm.h>

    .text
begin:
    j after
    .globl sequence_loop
sequence_loop:
    lw a1, 0(a0)
    addi a1, a1, 1
    sw a1, 0(a0)
    j sequence_loop
end:
after:
    lw a1, 4(a0)
    addi a1, a1, 1
    sw a1, 4(a0)
    j after

    PERCPU_RESTART_SEQUENCE begin, end

    .section .note.GNU-stack, "", %progbits
