/* SPDX-License-Identifier: MIT */
#include <percpu/asm.h>

        .syntax unified
        .text
        .globl asm_cpu, asm_delta, asm_read
        .type asm_cpu, %function
        .type asm_delta, %function
        .type asm_read, %function
asm_cpu:
        movw    r0, #:lower16:(PERCPU_HEAD + PERCPU_HEAD_CPU)
#ifndef PERCPU_ZERO_VMA
        movt    r0, #:upper16:(PERCPU_HEAD + PERCPU_HEAD_CPU)
#endif
        mrc     p15, 0, r1, c13, c0, 3
        ldr     r0, [r0, r1]
        bx      lr
asm_delta:
        PERCPU_READ_DELTA(r0)
        bx      lr
asm_read:
        movw    r0, #:lower16:PERCPU_SYMBOL(asm_word)
#ifndef PERCPU_ZERO_VMA
        movt    r0, #:upper16:PERCPU_SYMBOL(asm_word)
#endif
        mrc     p15, 0, r1, c13, c0, 3
        ldr     r0, [r0, r1]
        bx      lr
        .section .note.GNU-stack, "", %progbits
