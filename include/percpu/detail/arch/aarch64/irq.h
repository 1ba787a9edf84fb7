/* SPDX-License-Identifier: MIT */
/*
 * aarch64: interrupts, PSTATE.I and PSTATE.F, since some machines signal ordinary interrupts as
 * FIQ. Arm ARM (DDI 0487), "AArch64 System Register Descriptions", DAIF.
 */

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t daif;
    __asm__ volatile("mrs %0, daif\n\tmsr daifset, #3" : "=r"(daif) : : "memory");
    return daif;
}
#define percpu__irq_save percpu__irq_save

PERCPU__INLINE void percpu__irq_restore(uintptr_t daif)
{
    __asm__ volatile("msr daif, %0" : : "r"(daif) : "memory");
}
#define percpu__irq_restore percpu__irq_restore
