/* SPDX-License-Identifier: MIT */
#include <percpu/asm.h>

        .text
        .globl asm_cpu, asm_delta, asm_read
asm_cpu:
        la.abs  $a0, PERCPU_HEAD + PERCPU_HEAD_CPU
        ldx.d   $a0, $a0, $r21
        ret
asm_delta:
        PERCPU_READ_DELTA($a0)
        ret
asm_read:
        la.abs  $a0, PERCPU_SYMBOL(asm_word)
        ldx.d   $a0, $a0, $r21
        ret
        .section .note.GNU-stack, "", %progbits
