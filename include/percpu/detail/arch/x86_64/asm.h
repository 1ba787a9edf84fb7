/* SPDX-License-Identifier: MIT */
/* x86_64: the per-CPU register in assembly. Part of <percpu/asm.h>, as every port's. */

#ifdef __x86_64__
/* clang-format off */
#define PERCPU_READ_DELTA(reg) movq %gs:PERCPU_HEAD + PERCPU_HEAD_DELTA(%rip), reg
/* clang-format on */
#endif
