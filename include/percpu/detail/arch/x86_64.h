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

PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("pause");
}
#define percpu__relax percpu__relax

#ifdef PERCPU__USE_REGISTER

/* -- The register. User space has only the FSGSBASE instructions ------------------------- */

/* SDM vol. 2, RDGSBASE and WRGSBASE: valid where CR4.FSGSBASE (bit 16) is set. */
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

PERCPU__INLINE uintptr_t percpu__x86_cr4(void)
{
    uintptr_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    return cr4;
}

/* IA32_GS_BASE is MSR 0xc0000101 (SDM vol. 4, table 2-2). */
PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uint32_t low, high;
    if (percpu__x86_cr4() & 1u << 16)
        return percpu__x86_rdgsbase();
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000101u));
    return (uintptr_t)high << 32 | low;
}

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    if (percpu__x86_cr4() & 1u << 16)
        percpu__x86_wrgsbase(delta);
    else
        __asm__ volatile("wrmsr" : : "a"((uint32_t)delta), "d"((uint32_t)(delta >> 32)),
                         "c"(0xc0000101u) : "memory");
}

/*
 * GS_BASE must be canonical: bits 63..47 alike, or 63..56 with CR4.LA57 (bit 12; SDM vol. 1,
 * 3.3.7.1). Writing anything else raises #GP.
 */
PERCPU__INLINE bool percpu__reg_holds(uintptr_t delta)
{
    int unused = percpu__x86_cr4() & 1u << 12 ? 64 - 57 : 64 - 48;
    return (uintptr_t)((intptr_t)(delta << unused) >> unused) == delta;
}
#define percpu__reg_holds percpu__reg_holds

/* -- Accesses ---------------------------------------------------------------------------- */

/* clang-format off */
#define PERCPU__X86_ACCESS(bits, suffix, in, immediate)                                            \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p)                               \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
        __asm__ volatile("mov" suffix " %%gs:%1, %0"                                               \
                         : "=" in(value) : "m"(*(const volatile percpu__u##bits *)p));                      \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value)                        \
    {                                                                                              \
        __asm__ volatile("mov" suffix " %1, %%gs:%0"                                               \
                         : "=m"(*(volatile percpu__u##bits *)p) : in immediate(value));                     \
    }
PERCPU__X86_ACCESS(8, "b", "q", "i")
PERCPU__X86_ACCESS(16, "w", "r", "i")
PERCPU__X86_ACCESS(32, "l", "r", "i")
PERCPU__X86_ACCESS(64, "q", "r", "e")
#undef PERCPU__X86_ACCESS
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__write_8 percpu__write_8
/* The update operations (add, xchg, cmpxchg ...) have their place here: one instruction each. */

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p)
{
    uintptr_t address = (uintptr_t)p;
    __asm__ volatile("addq %%gs:%1, %0"
                     : "+r"(address) : "m"(__PERCPU_percpu__head.delta) : "cc");
    return address;
}
#define percpu__current percpu__current

/* A read or write is one instruction here: no guard. */
#define PERCPU__ONE_INSTRUCTION_READ 1
#define PERCPU__ONE_INSTRUCTION_WRITE 1

#endif /* PERCPU__USE_REGISTER */
#endif
