/* SPDX-License-Identifier: MIT */
/* riscv: the per-CPU register in assembly. Part of <percpu/asm.h>, as every port's. */

#ifdef __riscv
/* clang-format off */
#ifdef PERCPU_RISCV_TP
#define PERCPU_READ_DELTA(reg) mv reg, tp
#else
#define PERCPU_READ_DELTA(reg) mv reg, gp
#endif
/* clang-format on */
#endif
