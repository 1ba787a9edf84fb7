/* SPDX-License-Identifier: MIT */
/* Code that is right in a program and not in a shared library. */
#include <percpu/asm.h>

    .text
    .hidden PERCPU_SYMBOL(table)
    incl    %gs:PERCPU_SYMBOL(table)(%rip)

    .section .note.GNU-stack, "", %progbits
