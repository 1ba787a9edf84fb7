/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: the per-CPU register is $r21, "reserved (non-allocatable)" in the psABI, so that
 * compilers neither use nor save it, and have no option for it. Indexed loads and stores add it to
 * any template address: an access is one instruction, which neither an interrupt nor a migration can
 * split, after one or more that form the address and do not know of CPUs.
 *
 * LA: LoongArch Reference Manual, volume 1. psABI: Procedure Call Standard for the LoongArch
 * Architecture, "Base ABI Variants", table of general-purpose registers; ELF for the LoongArch
 * Architecture, "Relocation types".
 */
#ifndef PERCPU_DETAIL_ARCH_LOONGARCH64_H
#define PERCPU_DETAIL_ARCH_LOONGARCH64_H

/* -- Interrupts: CRMD.IE, CSR 0, bit 2 (LA 7.4.1); csrxchg swaps masked bits (LA 4.2.1.3) ------- */

PERCPU__INLINE uintptr_t percpu__loong_ie(uintptr_t value)
{
    __asm__ volatile("csrxchg %0, %1, 0" : "+r"(value) : "r"((uintptr_t)4) : "memory");
    return value;
}

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    return percpu__loong_ie(0);
}

PERCPU__INLINE void percpu__irq_restore(uintptr_t state)
{
    (void)percpu__loong_ie(state);
}

#ifdef PERCPU__USE_REGISTER

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    __asm__ volatile("move %0, $r21" : "=r"(delta));
    return delta;
}

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    __asm__ volatile("move $r21, %0" : : "r"(delta) : "memory");
}

/* -- Template addresses -------------------------------------------------------------------------- */

/*
 * A template at VMA 0 can be further than the 2 GiB around the PC that pcalau12i reaches, and no
 * linker checks that relocation. There variables have the model "extreme" (config.h): addresses that
 * the compiler makes reach everywhere, in five instructions, and those of symbols are made here:
 * absolute ones of 31 bits, or the 11 of a near variable in a load's own displacement. Linkers
 * truncate both silently; the linker script asserts the limits.
 *
 * A symbol, plus a constant perhaps, is what an "i" operand can be. It has the same least and
 * greatest remaining size; clang does not know the greatest one of an external variable. All that
 * clang's front end does not take for a symbol is made opaque (PERCPU__OPERAND), and so are per-CPU
 * pointers (PERCPU__AT), since `c ? &a : &b` has one size too.
 */
#if defined(PERCPU_ZERO_VMA) && defined(__OPTIMIZE__)
#define PERCPU__LOONG_SIZE(p, kind) __builtin_object_size((const void *)(uintptr_t)(p), kind)
#define PERCPU__LOONG_ABSOLUTE(p)                                                                  \
    (PERCPU__LOONG_SIZE(p, 2) != 0 && (PERCPU__LOONG_SIZE(p, 2) == PERCPU__LOONG_SIZE(p, 0) ||     \
                                       PERCPU__LOONG_SIZE(p, 0) == SIZE_MAX))
#define PERCPU__OPERAND(p)                                                                         \
    (__builtin_constant_p(__builtin_object_size((const void *)(p), 0)) ? (p) : PERCPU__AT(p))
#define PERCPU__AT(p) ((__typeof__(&*(p)))percpu__hide(p))
#else
#define PERCPU__LOONG_ABSOLUTE(p) 0
#endif

PERCPU__INLINE uintptr_t percpu__loong_address(const volatile void *p)
{
    uintptr_t address = (uintptr_t)p;
    if (PERCPU__LOONG_ABSOLUTE(p))
        __asm__("lu12i.w %0, %%abs_hi20(%1)\n\tori %0, %0, %%abs_lo12(%1)"
                : "=r"(address) : "i"(p));
    return address;
}

/* -- Accesses -------------------------------------------------------------------------------------- */

/*
 * A memory operand tells the compiler that an access reads or changes an object. Where the address is
 * in no register (near) it gets a pointer to anywhere, out of an empty statement: it costs nothing,
 * may alias any variable whose address was given to a statement, and nothing uses its value.
 */
PERCPU__INLINE volatile void *percpu__loong_somewhere(void)
{
    volatile void *p;
    __asm__ volatile("" : "=r"(p)); /* volatile: a shared one would be kept, across calls too */
    return p;
}

/* clang-format off */
#define PERCPU__LOONG_ACCESS(bits, load, indexed_load, store, indexed_store)                       \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p, bool near)           \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
        if (near && PERCPU__LOONG_ABSOLUTE(p)) {                                                   \
            const volatile void *q = percpu__loong_somewhere();                                    \
            __asm__ volatile(load " %0, $r21, %%pc_lo12(%1)"                                       \
                             : "=r"(value) : "i"(p), "m"(*(const volatile percpu__u##bits *)q));   \
        } else {                                                                                   \
            uintptr_t a = percpu__loong_address(p);                                                      \
            __asm__ volatile(indexed_load " %0, %1, $r21"                                          \
                             : "=r"(value) : "r"(a), "m"(*(const volatile percpu__u##bits *)a));   \
        }                                                                                          \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value, bool near)    \
    {                                                                                              \
        if (near && PERCPU__LOONG_ABSOLUTE(p)) {                                                   \
            volatile void *q = percpu__loong_somewhere();                                          \
            __asm__ volatile(store " %z1, $r21, %%pc_lo12(%2)"                                     \
                             : "=m"(*(volatile percpu__u##bits *)q) : "rJ"(value), "i"(p));        \
        } else {                                                                                   \
            uintptr_t a = percpu__loong_address(p);                                                      \
            __asm__ volatile(indexed_store " %z1, %2, $r21"                                        \
                             : "=m"(*(volatile percpu__u##bits *)a) : "rJ"(value), "r"(a));        \
        }                                                                                          \
    }
PERCPU__LOONG_ACCESS(8, "ld.bu", "ldx.bu", "st.b", "stx.b")
PERCPU__LOONG_ACCESS(16, "ld.hu", "ldx.hu", "st.h", "stx.h")
PERCPU__LOONG_ACCESS(32, "ld.wu", "ldx.wu", "st.w", "stx.w")
PERCPU__LOONG_ACCESS(64, "ld.d", "ldx.d", "st.d", "stx.d")
#undef PERCPU__LOONG_ACCESS
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__write_8 percpu__write_8

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    uintptr_t address;
    if (near && PERCPU__LOONG_ABSOLUTE(p))
        __asm__ volatile("addi.d %0, $r21, %%pc_lo12(%1)" : "=r"(address) : "i"(p));
    else
        __asm__ volatile("add.d %0, %1, $r21" : "=r"(address) : "r"(percpu__loong_address(p)));
    return address;
}
#define percpu__current percpu__current

#define PERCPU__ONE_INSTRUCTION_READ 1
#define PERCPU__ONE_INSTRUCTION_WRITE 1

#endif /* PERCPU__USE_REGISTER */
#endif
