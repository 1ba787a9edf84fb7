/* SPDX-License-Identifier: MIT */
/*
 * aarch64: the per-CPU register is TPIDR_EL1, or with PERCPU_ARM_EL2 TPIDR_EL2.
 * Arm ARM: Arm Architecture Reference Manual for A-profile, DDI 0487. It describes registers in
 * "AArch64 System Register Descriptions", by name.
 */
#ifndef PERCPU_DETAIL_ARCH_AARCH64_CPU_H
#define PERCPU_DETAIL_ARCH_AARCH64_CPU_H

PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}
#define percpu__relax percpu__relax

/* -- The register. A CPU's own accesses to it need no barrier between them (TPIDR_EL1, EL2) ---- */
#define PERCPU__A64_TPIDR "tpidr_el" PERCPU__STR(PERCPU__A64_EL)
#define PERCPU__A64_MRS "mrs %0, " PERCPU__A64_TPIDR "\n\t"

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    __asm__ volatile(PERCPU__A64_MRS : "=r"(delta));
    return delta;
}
#define percpu__reg_read percpu__reg_read

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    __asm__ volatile("msr " PERCPU__A64_TPIDR ", %0" : : "r"(delta) : "memory");
}
#define percpu__reg_write percpu__reg_write

/* CurrentEL bits 3..2. VHE gives EL1's names to registers of EL2, but not to TPIDR_EL2. */
PERCPU__INLINE unsigned percpu__a64_el(void)
{
    uintptr_t el;
    __asm__ volatile("mrs %0, currentel" : "=r"(el));
    return (unsigned)el >> 2 & 3;
}

PERCPU__INLINE int percpu__reg_check(void)
{
    return percpu__a64_el() == PERCPU__A64_EL ? 0 : -PERCPU_EEL;
}
#define percpu__reg_check percpu__reg_check

/*
 * Exclusives and atomics need cacheable memory (Arm ARM, "Load-Exclusive and Store-Exclusive
 * instruction usage restrictions"): SCTLR_ELx.M (bit 0) and C (bit 2), of the level that the CPU is
 * at: percpu_init() runs before percpu_init_reg() refuses, and EL1 cannot read SCTLR_EL2.
 */
PERCPU__INLINE bool percpu__atomics_work(void)
{
    uintptr_t sctlr;
    if (percpu__a64_el() == 2)
        __asm__ volatile("mrs %0, sctlr_el2" : "=r"(sctlr));
    else
        __asm__ volatile("mrs %0, sctlr_el1" : "=r"(sctlr));
    return (sctlr & 5) == 5;
}
#define percpu__atomics_work percpu__atomics_work

#endif
