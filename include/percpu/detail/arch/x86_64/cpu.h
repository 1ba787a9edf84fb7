/* SPDX-License-Identifier: MIT */
/*
 * x86_64: the per-CPU register is GS_BASE.
 * SDM: Intel 64 and IA-32 Architectures Software Developer's Manual.
 */

PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("pause");
}
#define percpu__relax percpu__relax

/* -- The register: IA32_GS_BASE, MSR 0xc0000101 (SDM vol. 4, "Architectural MSRs") ------- */

/* RDGSBASE, WRGSBASE (SDM vol. 2): valid where CR4.FSGSBASE, bit 16, is set; also for programs. */
PERCPU__INLINE uintptr_t percpu__x86_rdgsbase(void)
{
    uintptr_t base;
    __asm__ volatile(PERCPU__X86_ATT "rdgsbase %0" : "=r"(base));
    return base;
}

PERCPU__INLINE void percpu__x86_wrgsbase(uintptr_t base)
{
    __asm__ volatile(PERCPU__X86_ATT "wrgsbase %0" : : "r"(base) : "memory");
}

PERCPU__INLINE bool percpu__x86_cr4(int bit)
{
    uintptr_t cr4;
    __asm__ volatile(PERCPU__X86_ATT "mov %%cr4, %0" : "=r"(cr4));
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
#define percpu__reg_read percpu__reg_read

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    uint32_t low = (uint32_t)delta, high = (uint32_t)(delta >> 32);
    if (percpu__x86_cr4(16))
        percpu__x86_wrgsbase(delta);
    else
        __asm__ volatile("wrmsr" : : "a"(low), "d"(high), "c"(0xc0000101u) : "memory");
}
#define percpu__reg_write percpu__reg_write

/*
 * The delta must be canonical: bits 63..47 alike, or 63..56 with CR4.LA57, bit 12 (SDM vol. 1,
 * "Canonical Addressing").
 */
PERCPU__INLINE bool percpu__reg_holds(uintptr_t delta)
{
    int unused = 64 - (percpu__x86_cr4(12) ? 57 : 48);
    return (uintptr_t)((intptr_t)(delta << unused) >> unused) == delta;
}
#define percpu__reg_holds percpu__reg_holds
