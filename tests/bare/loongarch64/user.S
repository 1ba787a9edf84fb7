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
    ld.w $a1, $a0, 0
    addi.w $a1, $a1, 1
    st.w $a1, $a0, 0
    b sequence_loop
end:
after:
    ld.w $a1, $a0, 4
    addi.w $a1, $a1, 1
    st.w $a1, $a0, 4
    b after

    PERCPU_RESTART_SEQUENCE begin, end

    .section .note.GNU-stack, "", %progbits
