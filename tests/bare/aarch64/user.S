/* SPDX-License-Identifier: MIT */
/*
 * For tests/restart/user.c: in a restartable sequence, add 1 to the word at the argument, for ever. Moved
 * back to its start, do so to the word behind it.
 */
#include <percpu/asm.h>

    .text
begin:
    b after
    .globl sequence_loop
sequence_loop:
    ldr w1, [x0]
    add w1, w1, #1
    str w1, [x0]
    b sequence_loop
end:
after:
    ldr w1, [x0, #4]
    add w1, w1, #1
    str w1, [x0, #4]
    b after

    PERCPU_RESTART_SEQUENCE begin, end

    .section .note.GNU-stack, "", %progbits
