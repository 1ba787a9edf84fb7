/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: the per-CPU register is $r21, which compilers neither use nor save and so have no
 * option for: "reserved (non-allocatable)" (Procedure Call Standard for the LoongArch Architecture,
 * 20231219, "General-purpose register convention"; LLVM, LoongArchRegisterInfo::getReservedRegs).
 * Indexed loads and stores add it to any template address: an access is one instruction, which
 * neither an interrupt nor a migration can split, after those that form the address, which is the
 * same on all CPUs.
 *
 * LA: LoongArch Reference Manual, volume 1.
 */
#ifndef PERCPU_DETAIL_ARCH_LOONGARCH64_H
#define PERCPU_DETAIL_ARCH_LOONGARCH64_H

/* -- Interrupts: CSR 0 is CRMD, bit 2 IE (LA 7.4.1). csrxchg swaps the bits of a mask ----- */

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

/* -- Template addresses ------------------------------------------------------------------ */

/*
 * A template at VMA 0 can be further than the 2 GiB around the PC that pcalau12i reaches, and no
 * linker checks that relocation. There variables have the model "extreme" (config.h): addresses
 * that the compiler makes reach everywhere, in five instructions, and those of symbols are made
 * here: absolute ones of 31 bits, or the 11 of a near variable in an instruction's displacement.
 * Linkers truncate both silently; the linker script asserts the limits.
 */
#define PERCPU__LOONG_ABSOLUTE(p) (sizeof(PERCPU__CFG_VMA) > 1 && PERCPU__IS_SYMBOL(p))
#define PERCPU__AT(p) PERCPU__OPAQUE(p)

PERCPU__INLINE uintptr_t percpu__loong_address(const volatile void *p)
{
    uintptr_t address = (uintptr_t)p;
    if (PERCPU__LOONG_ABSOLUTE(p))
        __asm__("lu12i.w %0, %%abs_hi20(%1)\n\tori %0, %0, %%abs_lo12(%1)"
                : "=r"(address)
                : "i"(p));
    return address;
}

#define PERCPU__ADDRESS(p) ((const void *)percpu__loong_address(PERCPU__OPERAND(p)))

/*
 * -- Accesses. `width` is bu, hu, w or d (LA, "Common Memory Access Instructions"); p names the
 * object, or register a holds its address.
 */
#define PERCPU__LOONG_NEAR(op, width, r) op "." width " " r ", $r21, %%pc_lo12(%[p])"
#define PERCPU__LOONG_FAR(op, width, r) op "x." width " " r ", %[a], $r21"
#define PERCPU__LOONG_IS_NEAR(p) (near && PERCPU__LOONG_ABSOLUTE(p))
#define PERCPU__LOONG_A(p)                                                                         \
    (PERCPU__LOONG_IS_NEAR(p) ? percpu__anywhere() : percpu__loong_address(p))

/* clang-format off */
#define PERCPU__LOONG_ACCESS(bits, load, store)                                                    \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p, bool near)           \
    {                                                                                              \
        uintptr_t v, a = PERCPU__LOONG_A(p);                                                       \
        if (PERCPU__LOONG_IS_NEAR(p))                                                              \
            __asm__ volatile(PERCPU__LOONG_NEAR("ld", load, "%[v]")                                \
                             : [v] "=r"(v)                                                         \
                             : [p] "i"(p), "m"(*(const volatile percpu__u##bits *)a));             \
        else                                                                                       \
            __asm__ volatile(PERCPU__LOONG_FAR("ld", load, "%[v]")                                 \
                             : [v] "=r"(v)                                                         \
                             : [a] "r"(a), "m"(*(const volatile percpu__u##bits *)a));             \
        return (uint##bits##_t)v;                                                                  \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t v, bool near)        \
    {                                                                                              \
        uintptr_t a = PERCPU__LOONG_A(p);                                                          \
        if (PERCPU__LOONG_IS_NEAR(p))                                                              \
            __asm__ volatile(PERCPU__LOONG_NEAR("st", store, "%z[v]")                              \
                             : "=m"(*(volatile percpu__u##bits *)a) : [p] "i"(p), [v] "rJ"(v));    \
        else                                                                                       \
            __asm__ volatile(PERCPU__LOONG_FAR("st", store, "%z[v]")                               \
                             : "=m"(*(volatile percpu__u##bits *)a) : [a] "r"(a), [v] "rJ"(v));    \
    }
PERCPU__LOONG_ACCESS(8, "bu", "b")
PERCPU__LOONG_ACCESS(16, "hu", "h")
PERCPU__LOONG_ACCESS(32, "w", "w")
PERCPU__LOONG_ACCESS(64, "d", "d")
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__write_8 percpu__write_8
#define PERCPU__ONE_INSTRUCTION(p, size, near) true

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    uintptr_t copy;
    if (PERCPU__LOONG_IS_NEAR(p))
        __asm__ volatile("addi.d %0, $r21, %%pc_lo12(%1)" : "=r"(copy) : "i"(p));
    else
        __asm__ volatile("add.d %0, %1, $r21" : "=r"(copy) : "r"(percpu__loong_address(p)));
    return copy;
}
#define percpu__current percpu__current

#ifdef PERCPU_RESTART
#include <percpu/detail/arch/loongarch64_restart.h>
#endif

#endif /* PERCPU__USE_REGISTER */
#endif
