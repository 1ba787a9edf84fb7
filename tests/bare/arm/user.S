/* SPDX-License-Identifier: MIT */
/*
 * For tests/restart/user.c: in a restartable sequence, add 1 to the word at the argument, for ever. Moved
 * back to its start, do so to the word behind it.
 */
#include <percpu/asm.h>

    .syntax unified
    .arch armv7-a
    .arm
    .text
begin:
    b after
    .globl sequence_loop
    .type sequence_loop, %function
sequence_loop:
    ldr r1, [r0]
    add r1, r1, #1
    str r1, [r0]
    b sequence_loop
end:
after:
    ldr r1, [r0, #4]
    add r1, r1, #1
    str r1, [r0, #4]
    b after

    PERCPU_RESTART_SEQUENCE begin, end

    .section .note.GNU-stack, "", %progbits
