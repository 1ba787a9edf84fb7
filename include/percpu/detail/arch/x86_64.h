/* SPDX-License-Identifier: MIT */
/*
 * x86_64: the per-CPU register is GS_BASE. A %gs: prefix adds it to any address, so an access to
 * the current CPU is the compiler's own addressing mode with a prefix: one instruction, which
 * neither an interrupt nor a migration can split.
 *
 * SDM: Intel 64 and IA-32 Architectures Software Developer's Manual.
 */
#ifndef PERCPU_DETAIL_ARCH_X86_64_H
#define PERCPU_DETAIL_ARCH_X86_64_H

#ifndef PERCPU__NO_INTERRUPTS
/* -- Interrupts: RFLAGS.IF (SDM vol. 3A, 7.8.1 "Masking Maskable Hardware Interrupts") --- */

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t flags;
    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
    return flags;
}

PERCPU__INLINE void percpu__irq_restore(uintptr_t flags)
{
    if (flags & 0x200)
        __asm__ volatile("sti" : : : "memory");
}

#endif
PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("pause");
}
#define percpu__relax percpu__relax

#ifdef PERCPU__USE_REGISTER

/* -- The register: IA32_GS_BASE, MSR 0xc0000101 (SDM vol. 4, table 2-2) ------------------ */

/* RDGSBASE, WRGSBASE (SDM vol. 2): valid where CR4.FSGSBASE, bit 16, is set; also for programs. */
PERCPU__INLINE uintptr_t percpu__x86_rdgsbase(void)
{
    uintptr_t base;
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}

PERCPU__INLINE void percpu__x86_wrgsbase(uintptr_t base)
{
    __asm__ volatile("wrgsbase %0" : : "r"(base) : "memory");
}

PERCPU__INLINE bool percpu__x86_cr4(int bit)
{
    uintptr_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    return cr4 >> bit & 1;
}

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uint32_t low, high;
    if (percpu__x86_cr4(16))
        return percpu__x86_rdgsbase();
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000101u));
    return (uintptr_t)high << 32 | low;
}

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    uint32_t low = (uint32_t)delta, high = (uint32_t)(delta >> 32);
    if (percpu__x86_cr4(16))
        percpu__x86_wrgsbase(delta);
    else
        __asm__ volatile("wrmsr" : : "a"(low), "d"(high), "c"(0xc0000101u) : "memory");
}

/*
 * It must be canonical: bits 63..47 alike, or 63..56 with CR4.LA57, bit 12 (SDM vol. 1, 3.3.7.1).
 */
PERCPU__INLINE bool percpu__reg_holds(uintptr_t delta)
{
    int unused = 64 - (percpu__x86_cr4(12) ? 57 : 48);
    return (uintptr_t)((intptr_t)(delta << unused) >> unused) == delta;
}
#define percpu__reg_holds percpu__reg_holds

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near __attribute__((unused)))
{
    uintptr_t address = (uintptr_t)p;
    __asm__ volatile("addq %%gs:%1, %0"
                     : "+r"(address)
                     : "m"(*PERCPU__VAR(__PERCPU_percpu__head.delta))
                     : "cc");
    return address;
}
#define percpu__current percpu__current
#define PERCPU__X86_GS "%%gs:"
#else
#define PERCPU__X86_GS "" /* single: the variable itself */
#endif

/* -- Accesses ---------------------------------------------------------------------------- */

#define PERCPU__X86_FN(type, name, bits, ...)                                                      \
    PERCPU__INLINE type percpu__##name##_##bits(__VA_ARGS__, bool near __attribute__((unused)))

/* clang-format off */
#define PERCPU__X86_ACCESS(bits, suffix, in, immediate)                                            \
    PERCPU__X86_FN(uint##bits##_t, read, bits, const volatile void *p)                             \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
        __asm__ volatile("mov" suffix " " PERCPU__X86_GS "%1, %0"                                  \
                         : "=" in(value) : "m"(*(const volatile percpu__u##bits *)p));             \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__X86_FN(void, write, bits, volatile void *p, uint##bits##_t value)                      \
    {                                                                                              \
        __asm__ volatile("mov" suffix " %1, " PERCPU__X86_GS "%0"                                  \
                         : "=m"(*(volatile percpu__u##bits *)p) : in immediate(value));            \
    }
PERCPU__X86_ACCESS(8, "b", "q", "i")
PERCPU__X86_ACCESS(16, "w", "r", "i")
PERCPU__X86_ACCESS(32, "l", "r", "i")
PERCPU__X86_ACCESS(64, "q", "r", "e")
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__write_8 percpu__write_8
#define PERCPU__ONE_INSTRUCTION(p, size, near) true

#include <percpu/detail/arch/x86_64_update.h>

#endif
