/* SPDX-License-Identifier: MIT */
/*
 * riscv, 64 and 32 bits, supervisor mode or with PERCPU_RISCV_M_MODE machine mode. The per-CPU
 * register is gp, or with PERCPU_RISCV_TP tp: "unallocatable" to compilers (psABI).
 *
 * Unprivileged: The RISC-V Instruction Set Manual, volume I. Privileged: volume II. psABI: RISC-V
 * ABIs Specification, "Integer Register Convention", "Code models" and "Linker Relaxation".
 */
#ifndef PERCPU_DETAIL_ARCH_RISCV_H
#define PERCPU_DETAIL_ARCH_RISCV_H
/* clang-format off */

/* -- Interrupts: mstatus.MIE or sstatus.SIE (Privileged, 3.1.6.1 and "sstatus") ---------------- */

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

/* pause: a fence that orders nothing, where it is not known (Unprivileged, "Zihintpause"). */
PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile(".4byte 0x0100000f" : : : "memory");
}
#define percpu__relax percpu__relax

#ifdef PERCPU__USE_REGISTER
/* -- The register ------------------------------------------------------------------------------ */

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

#include <percpu/detail/arch/riscv_gp.h>

/* -- Accesses: base and access in one statement ------------------------------------------------ */

/*
 * TEXT(low, base, ...) accesses low(base). Near: base is the register. A symbol: [t] becomes delta
 * plus the upper part of the address; natural VMA: 2 GiB around the PC, VMA 0: absolute. Linkers
 * check that part, and truncate a lower one that stands alone. Relaxed, both would be a single
 * instruction relative to x0, without the add between them.
 */
#define PERCPU__AT(p) PERCPU__OPAQUE(p)
#define PERCPU__RISCV_HIGH                                                                         \
    PERCPU__BY_VMA("lui %[t], %%hi(%[p])\n\t", "1:\tauipc %[t], %%pcrel_hi(%[p])\n\t")
#define PERCPU__RISCV_LOW PERCPU__BY_VMA("%%lo(%[p])", "%%pcrel_lo(1b)")
#define PERCPU__RISCV_ADD(p) "add %[t], " p ", " PERCPU__RISCV_BASE "\n\t"
#define PERCPU__RISCV_NORELAX(text) ".option push\n\t.option norelax\n\t" text "\n\t.option pop"
#define PERCPU__RISCV_ONE(text) text
#define PERCPU__RISCV_SEQUENCE(text) PERCPU__RESTART_BEGIN text PERCPU__RESTART_END
#define PERCPU__RISCV_LIST(...) __VA_ARGS__
#define PERCPU__RISCV_DO(outputs, inputs, NEAR, FAR, TEXT, ...)                                    \
    if (PERCPU__IS_SYMBOL(p) && near)                                                              \
        __asm__ volatile(PERCPU__RISCV_NORELAX(                                                    \
                             NEAR(TEXT("%%lo(%[p])", PERCPU__RISCV_BASE, __VA_ARGS__)))            \
                         : PERCPU__RISCV_LIST outputs : PERCPU__RISCV_LIST inputs, [p] "i"(p));    \
    else if (PERCPU__IS_SYMBOL(p))                                                                 \
        __asm__ volatile(PERCPU__RISCV_NORELAX(FAR(                                                \
                             PERCPU__RISCV_HIGH PERCPU__RISCV_ADD("%[t]")                          \
                             TEXT(PERCPU__RISCV_LOW, "%[t]", __VA_ARGS__)))                        \
                         : PERCPU__RISCV_LIST outputs : PERCPU__RISCV_LIST inputs, [p] "i"(p));    \
    else                                                                                           \
        __asm__ volatile(FAR(PERCPU__RISCV_ADD("%[p]") TEXT("0", "%[t]", __VA_ARGS__))             \
                         : PERCPU__RISCV_LIST outputs : PERCPU__RISCV_LIST inputs, [p] "r"(p))

#define PERCPU__RISCV_LOAD(low, base, insn) insn " %[t], " low "(" base ")"
#define PERCPU__RISCV_STORE(low, base, insn) insn " %z[v], " low "(" base ")"
#define PERCPU__RISCV_OBJECT(p) (PERCPU__IS_SYMBOL(p) ? percpu__anywhere() : (uintptr_t)(p))

#define PERCPU__RISCV_ACCESS(bits, load, store)                                                    \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p, bool near)           \
    {                                                                                              \
        uintptr_t a = PERCPU__RISCV_OBJECT(p);                                                     \
        uint##bits##_t value;                                                                      \
        PERCPU__RISCV_DO(([t] PERCPU__RESTART_OUT(value)),                                         \
                         ("m"(*(const volatile percpu__u##bits *)a)),                              \
                         PERCPU__RISCV_ONE, PERCPU__RISCV_SEQUENCE, PERCPU__RISCV_LOAD, load);     \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value, bool near)    \
    {                                                                                              \
        uintptr_t t, a = PERCPU__RISCV_OBJECT(p);                                                  \
        PERCPU__RISCV_DO(([t] "=&r"(t), "=m"(*(volatile percpu__u##bits *)a)), ([v] "rJ"(value)),  \
                         PERCPU__RISCV_ONE, PERCPU__RISCV_SEQUENCE, PERCPU__RISCV_STORE, store);   \
    }
PERCPU__RISCV_ACCESS(8, "lbu", "sb")
PERCPU__RISCV_ACCESS(16, "lhu", "sh")
PERCPU__RISCV_ACCESS(32, "lw", "sw")
#if __riscv_xlen == 64
#define PERCPU__RISCV_LOAD_WORD "ld"
PERCPU__RISCV_ACCESS(64, "ld", "sd")
#else
#define PERCPU__RISCV_LOAD_WORD "lw"
PERCPU__ACCESS_64_BY_MASKING()
#endif
#define percpu__read_8 percpu__read_8
#define percpu__write_8 percpu__write_8
#define PERCPU__REMOTE_MAX (__riscv_xlen / 8)
#define PERCPU__ONE_INSTRUCTION(p, size, near)                                                     \
    ((size) <= sizeof(uintptr_t) && (PERCPU__RESTARTS || (PERCPU__IS_SYMBOL(p) && (near))))

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    uintptr_t copy;
    if (PERCPU__IS_SYMBOL(p) && near)
        __asm__ volatile(PERCPU__RISCV_NORELAX("addi %0, " PERCPU__RISCV_BASE ", %%lo(%1)")
                         : "=r"(copy) : "i"(p));
    else if (PERCPU__IS_SYMBOL(p))
        __asm__ volatile(PERCPU__RISCV_NORELAX(PERCPU__RISCV_HIGH PERCPU__RISCV_ADD("%[t]")
                                               "addi %[t], %[t], " PERCPU__RISCV_LOW)
                         : [t] "=&r"(copy) : [p] "i"(p));
    else
        __asm__ volatile("add %0, %1, " PERCPU__RISCV_BASE : "=r"(copy) : "r"(p));
    return copy;
}
#define percpu__current percpu__current

/* percpu__delta[cpu]: compilers do not fold the lower part of the address into the load. */
PERCPU__INLINE uintptr_t percpu__delta_of(size_t cpu)
{
    uintptr_t delta, offset = cpu * sizeof(delta);
    __asm__ volatile(PERCPU__RISCV_NORELAX(
                         "1:\tauipc %0, %%pcrel_hi(percpu__delta)\n\tadd %0, %0, %1\n\t"
                         PERCPU__RISCV_LOAD_WORD " %0, %%pcrel_lo(1b)(%0)")
                     : "=&r"(delta) : "r"(offset), "m"(*(uintptr_t *)percpu__anywhere()));
    return delta;
}
#define percpu__delta_of percpu__delta_of
/* clang-format on */
#include <percpu/detail/arch/riscv_restart.h>
#endif /* PERCPU__USE_REGISTER */
#endif
