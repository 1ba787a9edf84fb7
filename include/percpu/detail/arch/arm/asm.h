/* SPDX-License-Identifier: MIT */
/* arm: the per-CPU register in assembly. Part of <percpu/asm.h>, as every port's. */

#ifdef __arm__
/* clang-format off */
#ifdef PERCPU_ARM_TPIDRPRW
#define PERCPU_READ_DELTA(reg) mrc p15, 0, reg, c13, c0, 4
#else
#define PERCPU_READ_DELTA(reg) mrc p15, 0, reg, c13, c0, 3
#endif
/* clang-format on */
#endif
