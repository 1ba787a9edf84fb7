/* SPDX-License-Identifier: MIT */
/* loongarch64: the per-CPU register in assembly. Part of <percpu/asm.h>, as every port's. */

#ifdef __loongarch64
/* clang-format off */
#define PERCPU_READ_DELTA(reg) move reg, $r21
/* clang-format on */
#endif
