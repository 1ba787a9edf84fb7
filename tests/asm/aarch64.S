/* SPDX-License-Identifier: MIT */
#include <percpu/asm.h>

        .text
        .globl asm_cpu, asm_delta, asm_read
asm_cpu:
#ifdef PERCPU_ZERO_VMA
        movz    x0, #:abs_g0:PERCPU_HEAD + PERCPU_HEAD_CPU
#else
        adrp    x0, PERCPU_HEAD + PERCPU_HEAD_CPU
        add     x0, x0, :lo12:PERCPU_HEAD + PERCPU_HEAD_CPU
#endif
        mrs     x1, tpidr_el1
        ldr     x0, [x0, x1]
        ret
asm_delta:
        PERCPU_READ_DELTA(x0)
        ret
asm_read:
#ifdef PERCPU_ZERO_VMA
        movz    x0, #:abs_g0:PERCPU_SYMBOL(asm_word)
#else
        adrp    x0, PERCPU_SYMBOL(asm_word)
        add     x0, x0, :lo12:PERCPU_SYMBOL(asm_word)
#endif
        mrs     x1, tpidr_el1
        ldr     x0, [x0, x1]
        ret
        .section .note.GNU-stack, "", %progbits
