/* SPDX-License-Identifier: MIT */
#include <percpu/asm.h>

#if __SIZEOF_POINTER__ == 8
#define LOAD ld
#else
#define LOAD lw
#endif

        .option norelax
        .text
        .globl asm_cpu, asm_delta, asm_read
asm_cpu:
#ifdef PERCPU_ZERO_VMA
        lui     a0, %hi(PERCPU_HEAD + PERCPU_HEAD_CPU)
        add     a0, a0, gp
        LOAD    a0, %lo(PERCPU_HEAD + PERCPU_HEAD_CPU)(a0)
#else
        lla     a0, PERCPU_HEAD + PERCPU_HEAD_CPU
        add     a0, a0, gp
        LOAD    a0, 0(a0)
#endif
        ret
asm_delta:
        PERCPU_READ_DELTA(a0)
        ret
asm_read:
#ifdef PERCPU_ZERO_VMA
        lui     a0, %hi(PERCPU_SYMBOL(asm_word))
        add     a0, a0, gp
        LOAD    a0, %lo(PERCPU_SYMBOL(asm_word))(a0)
#else
        lla     a0, PERCPU_SYMBOL(asm_word)
        add     a0, a0, gp
        LOAD    a0, 0(a0)
#endif
        ret
        .section .note.GNU-stack, "", %progbits
