/* SPDX-License-Identifier: MIT */
/* aarch64: the per-CPU register in assembly. Part of <percpu/asm.h>, as every port's. */

#ifdef __aarch64__
/* clang-format off */
#if defined(PERCPU_ARM_X18)
#define PERCPU_READ_DELTA(reg) mov reg, x18
#elif defined(PERCPU_ARM_EL3)
#define PERCPU_READ_DELTA(reg) mrs reg, tpidr_el3
#elif defined(PERCPU_ARM_EL2)
#define PERCPU_READ_DELTA(reg) mrs reg, tpidr_el2
#else
#define PERCPU_READ_DELTA(reg) mrs reg, tpidr_el1
#endif
/* clang-format on */
#endif
