/* SPDX-License-Identifier: MIT */
/*
 * aarch64: the per-CPU register is TPIDR_EL1, or with PERCPU_ARM_EL2 TPIDR_EL2.
 * Arm ARM: Arm Architecture Reference Manual for A-profile, DDI 0487. It describes registers in
 * "AArch64 System Register Descriptions", by name.
 */
#ifndef PERCPU_DETAIL_ARCH_AARCH64_H
#define PERCPU_DETAIL_ARCH_AARCH64_H

/* -- Interrupts: PSTATE.I and PSTATE.F, since some machines signal ordinary ones as FIQ (DAIF) - */

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t daif;
    __asm__ volatile("mrs %0, daif\n\tmsr daifset, #3" : "=r"(daif) : : "memory");
    return daif;
}

PERCPU__INLINE void percpu__irq_restore(uintptr_t daif)
{
    __asm__ volatile("msr daif, %0" : : "r"(daif) : "memory");
}

PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}
#define percpu__relax percpu__relax

#ifdef PERCPU__USE_REGISTER
/* -- The register. A CPU's own accesses to it need no barrier between them (TPIDR_EL1, EL2) ---- */
#define PERCPU__A64_TPIDR "tpidr_el" PERCPU__STR(PERCPU__A64_EL)
#define PERCPU__A64_MRS "mrs %0, " PERCPU__A64_TPIDR "\n\t"

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    __asm__ volatile(PERCPU__A64_MRS : "=r"(delta));
    return delta;
}

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    __asm__ volatile("msr " PERCPU__A64_TPIDR ", %0" : : "r"(delta) : "memory");
}

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

/* -- Accesses ---------------------------------------------------------------------------------- */
/*
 * The template address, which compilers may share and move: it is the same on each CPU. At VMA 0
 * movz reaches 64 KiB and linkers refuse more (R_AARCH64_MOVW_UABS_G0). Elsewhere GCC itself adds
 * a member's offset in a third instruction. In PIC GCC needs "S", for members clang 14 "i".
 */
#ifdef PERCPU_ZERO_VMA
#define PERCPU__A64_ADDRESS "movz %0, #:abs_g0:%c1"
#else
#define PERCPU__A64_ADDRESS "adrp %0, %c1\n\tadd %0, %0, #:lo12:%c1"
#endif
#define PERCPU__AT(p) PERCPU__OPAQUE(p)

PERCPU__INLINE uintptr_t percpu__a64_address(const volatile void *p, bool near)
{
    uintptr_t address = (uintptr_t)p;
    if (PERCPU__IS_SYMBOL(p) && near)
        address = percpu__anywhere(); /* in no register: it is an access's own offset */
    else if (PERCPU__IS_SYMBOL(p))
        __asm__(PERCPU__A64_ADDRESS : "=r"(address) : "Si"(p));
    return address;
}

#define PERCPU__A64_ONCE(access) PERCPU__RESTART_BEGIN PERCPU__A64_MRS access PERCPU__RESTART_END
#define PERCPU__ONE_INSTRUCTION(p, size, near) PERCPU__RESTARTS /* as good as one */
/* clang-format off */
#define PERCPU__A64_ACCESS(bits, load, store)                                                      \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p, bool near)           \
    {                                                                                              \
        uintptr_t t, a = percpu__a64_address(p, near);                                             \
        uint64_t value;                                                                            \
        if (PERCPU__IS_SYMBOL(p) && near)                                                          \
            __asm__ volatile(PERCPU__A64_ONCE(load ", [%0, #:lo12:%c2]") : "=&r"(t), "=r"(value)   \
                             : "Si"(p), "m"(*(const volatile percpu__u##bits *)a));                \
        else                                                                                       \
            __asm__ volatile(PERCPU__A64_ONCE(load ", [%0, %2]") : "=&r"(t), "=r"(value)           \
                             : "r"(a), "m"(*(const volatile percpu__u##bits *)a));                 \
        return (uint##bits##_t)value;                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value, bool near)    \
    {                                                                                              \
        uintptr_t t, a = percpu__a64_address(p, near);                                             \
        if (PERCPU__IS_SYMBOL(p) && near)                                                          \
            __asm__ volatile(PERCPU__A64_ONCE(store ", [%0, #:lo12:%c3]")                          \
                             : "=&r"(t), "=m"(*(volatile percpu__u##bits *)a)                      \
                             : "rZ"(value), "Si"(p));                                              \
        else                                                                                       \
            __asm__ volatile(PERCPU__A64_ONCE(store ", [%0, %3]")                                  \
                             : "=&r"(t), "=m"(*(volatile percpu__u##bits *)a)                      \
                             : "rZ"(value), "r"(a));                                               \
    }
PERCPU__A64_ACCESS(8, "ldrb %w1", "strb %w2")
PERCPU__A64_ACCESS(16, "ldrh %w1", "strh %w2")
PERCPU__A64_ACCESS(32, "ldr %w1", "str %w2")
PERCPU__A64_ACCESS(64, "ldr %1", "str %x2")
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__write_8 percpu__write_8

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    uintptr_t copy, a = percpu__a64_address(p, near);
    if (PERCPU__IS_SYMBOL(p) && near)
        __asm__ volatile(PERCPU__A64_MRS "add %0, %0, #:lo12:%c1" : "=r"(copy) : "Si"(p));
    else
        __asm__ volatile(PERCPU__A64_MRS "add %0, %0, %1" : "=&r"(copy) : "r"(a));
    return copy;
}
#define percpu__current percpu__current

#include <percpu/detail/arch/aarch64_restart.h>
#endif /* PERCPU__USE_REGISTER */
#endif
