/* SPDX-License-Identifier: MIT */
/*
 * arm: ARMv7-A, A32 and T32. The per-CPU register is TPIDRURO (c13, c0, 3), which user mode can
 * read, or with PERCPU_ARM_TPIDRPRW TPIDRPRW (c13, c0, 4), which it cannot.
 * ARM: ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, DDI 0406C.
 */

PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}
#define percpu__relax percpu__relax

/* -- The register (ARM, by its name). Reads see writes without a barrier (B3.15.5). ------------ */

#define PERCPU__ARM_MRC "mrc p15, 0, %0, " PERCPU__ARM_TPID

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    __asm__ volatile(PERCPU__ARM_MRC : "=r"(delta));
    return delta;
}
#define percpu__reg_read percpu__reg_read

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    __asm__ volatile("mcr p15, 0, %0, " PERCPU__ARM_TPID : : "r"(delta) : "memory");
}
#define percpu__reg_write percpu__reg_write

/* MMU and caches on: SCTLR.M and C (ARM, B4.1.130). Else exclusives may not work (A3.4.5). */
PERCPU__INLINE bool percpu__atomics_work(void)
{
    uintptr_t sctlr;
    __asm__ volatile("mrc p15, 0, %0, c1, c0, 0" : "=r"(sctlr));
    return (sctlr & 5) == 5;
}
#define percpu__atomics_work percpu__atomics_work
