/* SPDX-License-Identifier: MIT */
/*
 * arm: ARMv7-A, A32 and T32. The per-CPU register is TPIDRURO (c13, c0, 3), which user mode can
 * read, or with PERCPU_ARM_TPIDRPRW TPIDRPRW (c13, c0, 4), which it cannot.
 *
 * ARM: ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, DDI 0406C.
 *
 * 64-bit accesses contain LDREXD, the one access of 8 bytes that is single-copy atomic on each
 * ARMv7-A (ARM, A3.5.3). So they need Normal memory: MMU on, or a CPU that is known to do without
 * (A3.4.5). And the kernel's return from exceptions must clear the local monitor (CLREX).
 */
#ifndef PERCPU_DETAIL_ARCH_ARM_H
#define PERCPU_DETAIL_ARCH_ARM_H

/* -- Interrupts: IRQ, CPSR.I (ARM, B1.3.3). FIQ stays on: it is this architecture's NMI. -------- */

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t cpsr;
    __asm__ volatile("mrs %0, cpsr\n\tcpsid i" : "=r"(cpsr) : : "memory");
    return cpsr;
}

PERCPU__INLINE void percpu__irq_restore(uintptr_t cpsr)
{
    __asm__ volatile("msr cpsr_c, %0" : : "r"(cpsr) : "memory");
}

PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}
#define percpu__relax percpu__relax

/* -- 8 bytes at once. A store owns the address through its own LDREXD (ARM, A3.4.1). ------------ */

PERCPU__INLINE uint64_t percpu__load_64(uintptr_t address)
{
    uint64_t value;
    __asm__ volatile("ldrexd %Q0, %R0, [%1]"
                     : "=&r"(value) : "r"(address), "m"(*(const volatile percpu__u64 *)address));
    return value;
}

PERCPU__INLINE void percpu__store_64(uintptr_t address, uint64_t value)
{
    uint64_t scratch;
    __asm__ volatile("1:\tldrexd %Q0, %R0, [%2]\n\t"
                     "strexd %Q0, %Q3, %R3, [%2]\n\t"
                     "teq %Q0, #0\n\t"
                     "bne 1b"
                     : "=&r"(scratch), "+m"(*(volatile percpu__u64 *)address)
                     : "r"(address), "r"(value) : "cc");
}
#define percpu__load_64 percpu__load_64
#define percpu__store_64 percpu__store_64

#ifdef PERCPU__USE_REGISTER

/* -- The register (ARM, B4.1.150 and 149). Its own reads see a write without barriers (B3.15.5). - */

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    __asm__ volatile("mrc p15, 0, %0, " PERCPU__ARM_TPID : "=r"(delta));
    return delta;
}

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    __asm__ volatile("mcr p15, 0, %0, " PERCPU__ARM_TPID : : "r"(delta) : "memory");
}

/* -- Accesses: base and access in one statement, the template address where it may ---------------- */

/*
 * The address of a symbol, or of a member, in a register: unlike the base, compilers may share it
 * and move it out of loops. Their own way takes one more instruction for a member, and at VMA 0,
 * where :lower16: is all of it: the linker drops the upper half without a word, so percpu-vma0.ld
 * asserts __percpu_zero_vma_limit. When the most and the least that can follow p in its object
 * are equal, p is a symbol plus a constant.
 */
PERCPU__INLINE uintptr_t percpu__arm_address(const volatile void *p)
{
#if defined(__OPTIMIZE__) && !defined(__PIC__)
    if (__builtin_object_size((const void *)p, 0) == __builtin_object_size((const void *)p, 2)) {
        uintptr_t address;
        __asm__("movw %0, #:lower16:%c1" PERCPU__ARM_MOVT : "=r"(address) : "i"(p));
        return address;
    }
#endif
    return (uintptr_t)p;
}
/* A per-CPU pointer, which is a register: never what the above takes for a symbol. */
#define PERCPU__AT(p)                                                                              \
    __extension__({                                                                                \
        __typeof__(p) percpu__at = (p);                                                            \
        __asm__("" : "+r"(percpu__at));                                                            \
        percpu__at;                                                                                \
    })

/* clang-format off */
#define PERCPU__ARM_ACCESS(bits, suffix)                                                           \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p, bool near)           \
    {                                                                                              \
        uintptr_t address = percpu__arm_address(p);                                                \
        uint32_t value;                                                                            \
        (void)near;                                                                                \
        __asm__ volatile("mrc p15, 0, %0, " PERCPU__ARM_TPID "\n\tldr" suffix " %0, [%1, %0]"      \
                         : "=&r"(value)                                                            \
                         : "r"(address), "m"(*(const volatile percpu__u##bits *)address));         \
        return (uint##bits##_t)value;                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value, bool near)    \
    {                                                                                              \
        uintptr_t base, address = percpu__arm_address(p);                                          \
        (void)near;                                                                                \
        __asm__ volatile("mrc p15, 0, %0, " PERCPU__ARM_TPID "\n\tstr" suffix " %3, [%2, %0]"      \
                         : "=&r"(base), "+m"(*(volatile percpu__u##bits *)address)                 \
                         : "r"(address), "r"((uint32_t)value));                                    \
    }
PERCPU__ARM_ACCESS(8, "b")
PERCPU__ARM_ACCESS(16, "h")
PERCPU__ARM_ACCESS(32, "")
#undef PERCPU__ARM_ACCESS
/* clang-format on */

PERCPU__INLINE uint64_t percpu__read_64(const volatile void *p, bool near)
{
    uintptr_t address = percpu__arm_address(p);
    uint64_t value;
    (void)near;
    __asm__ volatile("mrc p15, 0, %Q0, " PERCPU__ARM_TPID "\n\t"
                     "add %Q0, %1, %Q0\n\t"
                     "ldrexd %Q0, %R0, [%Q0]"
                     : "=&r"(value) : "r"(address), "m"(*(const volatile percpu__u64 *)address));
    return value;
}

PERCPU__INLINE void percpu__write_64(volatile void *p, uint64_t value, bool near)
{
    uintptr_t copy, address = percpu__arm_address(p);
    uint64_t scratch;
    (void)near;
    __asm__ volatile("mrc p15, 0, %0, " PERCPU__ARM_TPID "\n\t"
                     "add %0, %3, %0\n"
                     "1:\tldrexd %Q1, %R1, [%0]\n\t"
                     "strexd %Q1, %Q4, %R4, [%0]\n\t"
                     "teq %Q1, #0\n\t"
                     "bne 1b"
                     : "=&r"(copy), "=&r"(scratch), "+m"(*(volatile percpu__u64 *)address)
                     : "r"(address), "r"(value) : "cc");
}
#define percpu__read_8 percpu__read_8
#define percpu__write_8 percpu__write_8

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    uintptr_t copy, address = percpu__arm_address(p);
    (void)near;
    __asm__ volatile("mrc p15, 0, %0, " PERCPU__ARM_TPID "\n\tadd %0, %1, %0"
                     : "=&r"(copy) : "r"(address));
    return copy;
}
#define percpu__current percpu__current

#endif /* PERCPU__USE_REGISTER */
#endif
