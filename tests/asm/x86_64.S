/* SPDX-License-Identifier: MIT */
/* uintptr_t asm_cpu(void); uintptr_t asm_delta(void); uintptr_t asm_read(void); void asm_inc(void) */
#include <percpu/asm.h>

        .text
        .globl asm_cpu, asm_delta, asm_read, asm_inc
asm_cpu:
        movq %gs:PERCPU_HEAD + PERCPU_HEAD_CPU(%rip), %rax
        ret
asm_delta:
        PERCPU_READ_DELTA(%rax)
        ret
asm_read:
        movq %gs:PERCPU_SYMBOL(asm_word)(%rip), %rax
        ret
asm_inc:
        incq %gs:PERCPU_SYMBOL(asm_word)(%rip)
        ret
        .section .note.GNU-stack, "", %progbits
