/* SPDX-License-Identifier: MIT */
/*
 * aarch64: the per-CPU register is TPIDR_EL1, with PERCPU_ARM_EL2 TPIDR_EL2, with PERCPU_ARM_EL3
 * TPIDR_EL3, with PERCPU_ARM_X18 x18.
 * Arm ARM: Arm Architecture Reference Manual for A-profile, DDI 0487. It describes registers in
 * "AArch64 System Register Descriptions", by name.
 */

PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}
#define percpu__relax percpu__relax

/* -- The register ------------------------------------------------------------------------------ */

#ifdef PERCPU_ARM_X18
#include <percpu/detail/arch/aarch64/x18.h>
#else
/* A CPU's own accesses to TPIDR_ELx need no barrier between them (Arm ARM, by their names). */
#define PERCPU__A64_TPIDR "tpidr_el" PERCPU__STR(PERCPU__A64_EL)
#define PERCPU__A64_READ(to) "mrs " to ", " PERCPU__A64_TPIDR
#define PERCPU__A64_WRITE(from) "msr " PERCPU__A64_TPIDR ", " from
/* An access copies the register to one that instructions can add: its scratch operand, [t]. */
#define PERCPU__A64_BASE "%[t]"
#define PERCPU__A64_BASE_READ PERCPU__A64_READ("%[t]") "\n\t"
#define PERCPU__A64_SCRATCH(t) [t] "=&r"(t),
#define PERCPU__A64_RESERVED() ((void)0)
#endif

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    PERCPU__A64_RESERVED();
    __asm__ volatile(PERCPU__A64_READ("%0") : "=r"(delta));
    return delta;
}
#define percpu__reg_read percpu__reg_read

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    PERCPU__A64_RESERVED();
    __asm__ volatile(PERCPU__A64_WRITE("%0") : : "r"(delta) : "memory");
}
#define percpu__reg_write percpu__reg_write

/* CurrentEL, bits 3..2. With VHE names of EL1 registers mean registers of EL2, except TPIDR_EL1. */
PERCPU__INLINE unsigned percpu__a64_el(void)
{
    uintptr_t el;
    __asm__ volatile("mrs %0, currentel" : "=r"(el));
    return (unsigned)el >> 2 & 3;
}

#ifdef PERCPU__A64_EL
PERCPU__INLINE int percpu__reg_check(void)
{
    return percpu__a64_el() == PERCPU__A64_EL ? 0 : -PERCPU_EEL;
}
#define percpu__reg_check percpu__reg_check
#endif

/*
 * Exclusives and atomics need cacheable memory (Arm ARM, "Load-Exclusive and Store-Exclusive
 * instruction usage restrictions"): SCTLR_ELx.M (bit 0) and C (bit 2). x is the CPU's level and not
 * PERCPU__A64_EL: percpu_init() runs before percpu_init_reg() refuses a wrong level, and EL1 cannot
 * read SCTLR_EL2.
 */
PERCPU__INLINE bool percpu__atomics_work(void)
{
    uintptr_t sctlr;
    switch (percpu__a64_el()) {
    case 3: __asm__ volatile("mrs %0, sctlr_el3" : "=r"(sctlr)); break;
    case 2: __asm__ volatile("mrs %0, sctlr_el2" : "=r"(sctlr)); break;
    default: __asm__ volatile("mrs %0, sctlr_el1" : "=r"(sctlr)); break;
    }
    return (sctlr & 5) == 5;
}
#define percpu__atomics_work percpu__atomics_work
