/* SPDX-License-Identifier: MIT */
/*
 * riscv, 64 and 32 bits: the per-CPU register is gp, or with PERCPU_RISCV_TP tp. The psABI calls both
 * unallocatable: compilers neither use nor save them. Supervisor mode, or with PERCPU_RISCV_M_MODE
 * machine mode.
 *
 * Unprivileged: The RISC-V Instruction Set Manual, volume I. Privileged: volume II. psABI: RISC-V
 * ELF psABI, "Register Convention", "Relocations" and "Linker Relaxation".
 *
 * Linkers that relax rewrite a lui or auipc and the instruction after it to one that is relative to
 * x0 or gp, and lose the add between the two: no statement that contains a symbol may be relaxed.
 * The compiler's own accesses may, but not relative to __global_pointer$ while gp is in use here:
 * the symbol percpu_riscv_base_gp makes ld/ refuse that one.
 */
#ifndef PERCPU_DETAIL_ARCH_RISCV_H
#define PERCPU_DETAIL_ARCH_RISCV_H

/* -- Interrupts: mstatus.MIE or sstatus.SIE (Privileged, 3.1.6.1 and "sstatus") ------------------ */

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t status;
    __asm__ volatile("csrrci %0, " PERCPU__RISCV_STATUS ", %1"
                     : "=r"(status) : "i"(PERCPU__RISCV_IE) : "memory");
    return status;
}

PERCPU__INLINE void percpu__irq_restore(uintptr_t status)
{
    __asm__ volatile("csrs " PERCPU__RISCV_STATUS ", %0"
                     : : "r"(status & PERCPU__RISCV_IE) : "memory");
}

/* pause, which CPUs without Zihintpause take for a fence that orders nothing (Unprivileged, Zihintpause). */
PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile(".4byte 0x0100000f" : : : "memory");
}
#define percpu__relax percpu__relax

#ifdef PERCPU__USE_REGISTER

__asm__(".weak percpu_riscv_base_" PERCPU__RISCV_BASE "\n\t"
        ".set percpu_riscv_base_" PERCPU__RISCV_BASE ", 1");

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    __asm__ volatile("mv %0, " PERCPU__RISCV_BASE : "=r"(delta));
    return delta;
}

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    __asm__ volatile("mv " PERCPU__RISCV_BASE ", %0" : : "r"(delta) : "memory");
}

/* -- Accesses: base and access in one statement ------------------------------------------------- */

/*
 * [t] becomes delta plus the upper part of a symbol's address; the access adds the lower. Natural VMA:
 * 2 GiB around the PC. VMA 0: absolute, and then GNU ld reaches what auipc does not, LLD refuses.
 * Linkers check the upper part of both, and truncate a lower part that stands alone (near).
 */
#define PERCPU__RISCV_HIGH                                                                         \
    PERCPU__BY_VMA("lui %[t], %%hi(%[p])\n\t", "1:\tauipc %[t], %%pcrel_hi(%[p])\n\t")
#define PERCPU__RISCV_LOW PERCPU__BY_VMA("%%lo(%[p])", "%%pcrel_lo(1b)")
#define PERCPU__RISCV_ADD(p) "add %[t], " p ", " PERCPU__RISCV_BASE "\n\t"
#define PERCPU__RISCV_NORELAX(text) ".option push\n\t.option norelax\n\t" text "\n\t.option pop"
#define PERCPU__RISCV_FAR(access)                                                                  \
    PERCPU__RISCV_NORELAX(PERCPU__RISCV_HIGH PERCPU__RISCV_ADD("%[t]") access)
#define PERCPU__RISCV_NEAR(access)                                                                 \
    PERCPU__RISCV_NORELAX(access "%%lo(%[p])(" PERCPU__RISCV_BASE ")")
#define PERCPU__AT(p) PERCPU__OPAQUE(p)

/* clang-format off */
#define PERCPU__RISCV_ACCESS(bits, load, store)                                                    \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p, bool near)           \
    {                                                                                              \
        uintptr_t a = PERCPU__IS_SYMBOL(p) ? percpu__anywhere() : (uintptr_t)p;                    \
        uint##bits##_t value;                                                                      \
        if (PERCPU__IS_SYMBOL(p) && near)                                                          \
            __asm__ volatile(PERCPU__RISCV_NEAR(load " %[t], ") : [t] "=r"(value)                  \
                             : [p] "i"(p), "m"(*(const volatile percpu__u##bits *)a));             \
        else if (PERCPU__IS_SYMBOL(p))                                                             \
            __asm__ volatile(PERCPU__RISCV_FAR(load " %[t], " PERCPU__RISCV_LOW "(%[t])")          \
                             : [t] "=&r"(value)                                                    \
                             : [p] "i"(p), "m"(*(const volatile percpu__u##bits *)a));             \
        else                                                                                       \
            __asm__ volatile(PERCPU__RISCV_ADD("%[p]") load " %[t], 0(%[t])" : [t] "=&r"(value)    \
                             : [p] "r"(p), "m"(*(const volatile percpu__u##bits *)a));             \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value, bool near)    \
    {                                                                                              \
        uintptr_t t, a = PERCPU__IS_SYMBOL(p) ? percpu__anywhere() : (uintptr_t)p;                 \
        if (PERCPU__IS_SYMBOL(p) && near)                                                          \
            __asm__ volatile(PERCPU__RISCV_NEAR(store " %z[v], ")                                  \
                             : "=m"(*(volatile percpu__u##bits *)a) : [p] "i"(p), [v] "rJ"(value)); \
        else if (PERCPU__IS_SYMBOL(p))                                                             \
            __asm__ volatile(PERCPU__RISCV_FAR(store " %z[v], " PERCPU__RISCV_LOW "(%[t])")        \
                             : [t] "=&r"(t), "=m"(*(volatile percpu__u##bits *)a)                  \
                             : [p] "i"(p), [v] "rJ"(value));                                       \
        else                                                                                       \
            __asm__ volatile(PERCPU__RISCV_ADD("%[p]") store " %z[v], 0(%[t])"                     \
                             : [t] "=&r"(t), "=m"(*(volatile percpu__u##bits *)a)                  \
                             : [p] "r"(p), [v] "rJ"(value));                                       \
    }
PERCPU__RISCV_ACCESS(8, "lbu", "sb")
PERCPU__RISCV_ACCESS(16, "lhu", "sh")
PERCPU__RISCV_ACCESS(32, "lw", "sw")
#if __riscv_xlen == 64
PERCPU__RISCV_ACCESS(64, "ld", "sd")
#define PERCPU__RISCV_LX "ld"
#else
#define PERCPU__RISCV_LX "lw"
PERCPU__ACCESS_64_BY_MASKING()
/* For access.h: another CPU could see 8 bytes half written. */
#define PERCPU__REMOTE_MAX 4
#endif
#undef PERCPU__RISCV_ACCESS
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__write_8 percpu__write_8

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    uintptr_t copy;
    if (PERCPU__IS_SYMBOL(p) && near)
        __asm__ volatile(PERCPU__RISCV_NORELAX("addi %[t], " PERCPU__RISCV_BASE ", %%lo(%[p])")
                         : [t] "=r"(copy) : [p] "i"(p));
    else if (PERCPU__IS_SYMBOL(p))
        __asm__ volatile(PERCPU__RISCV_FAR("addi %[t], %[t], " PERCPU__RISCV_LOW)
                         : [t] "=&r"(copy) : [p] "i"(p));
    else
        __asm__ volatile(PERCPU__RISCV_ADD("%[p]") : [t] "=r"(copy) : [p] "r"(p));
    return copy;
}
#define percpu__current percpu__current

/* percpu__delta[cpu]: compilers do not fold the lower part of the address into the load. */
PERCPU__INLINE uintptr_t percpu__delta_of(size_t cpu)
{
    uintptr_t delta, offset = cpu * sizeof(delta);
    __asm__ volatile(PERCPU__RISCV_NORELAX("1:\tauipc %0, %%pcrel_hi(percpu__delta)\n\tadd %0, %0, %1\n\t"
                                           PERCPU__RISCV_LX " %0, %%pcrel_lo(1b)(%0)")
                     : "=&r"(delta) : "r"(offset), "m"(*(uintptr_t *)percpu__anywhere()));
    return delta;
}
#define percpu__delta_of percpu__delta_of

#define PERCPU__ONE_INSTRUCTION(p, size, near)                                                     \
    (PERCPU__IS_SYMBOL(p) && (near) && (size) <= sizeof(uintptr_t))

#endif /* PERCPU__USE_REGISTER */
#endif
