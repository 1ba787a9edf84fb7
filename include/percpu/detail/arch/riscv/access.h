/* SPDX-License-Identifier: MIT */
/* riscv: accesses to the current CPU's copy, base and access in one statement. */
/* clang-format off */

/*
 * TEXT(low, base, ...) accesses low(base). For a near variable the base is the per-CPU register.
 * For a symbol it is [t], the delta plus the upper part of the address, which is relative to the PC
 * (2 GiB), at VMA 0 absolute. Linkers check the upper part's range, and truncate a lower part that
 * stands alone. norelax: relaxation would make both parts one instruction relative to x0, without
 * the add between them.
 */
#define PERCPU__RISCV_HIGH                                                                         \
    PERCPU__BY_VMA("lui %[t], %%hi(%[p])\n\t", "1:\tauipc %[t], %%pcrel_hi(%[p])\n\t")
/* %i1 is the letter i for a constant, and nothing for a register. */
#define PERCPU__ABSOLUTE                                                                           \
    ".ifc %i1,i\n\t" PERCPU__RISCV_NORELAX("lui %0, %%hi(%1)\n\taddi %0, %0, %%lo(%1)")            \
    "\n\t.else\n\tmv %0, %1\n\t.endif"
#define PERCPU__RISCV_LOW PERCPU__BY_VMA("%%lo(%[p])", "%%pcrel_lo(1b)")
#define PERCPU__RISCV_ADD(p) "add %[t], " p ", " PERCPU__RISCV_BASE "\n\t"
#define PERCPU__RISCV_NORELAX(text) ".option push\n\t.option norelax\n\t" text "\n\t.option pop"
#define PERCPU__RISCV_ONE(text) text
#define PERCPU__RISCV_RESTARTED(text) PERCPU__RESTART_BEGIN text PERCPU__RESTART_END
#define PERCPU__RISCV_LIST(...) __VA_ARGS__
#define PERCPU__RISCV_DO(ASM, outputs, inputs, NEAR, FAR, TEXT, ...)                               \
    if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))                                                    \
        ASM(PERCPU__RISCV_NORELAX(                                                                 \
                             NEAR(TEXT("%%lo(%[p])", PERCPU__RISCV_BASE, __VA_ARGS__)))            \
                         : PERCPU__RISCV_LIST outputs : PERCPU__RISCV_LIST inputs, [p] "i"(p));    \
    else if (PERCPU__IS(where, PERCPU__SYMBOL))                                                    \
        ASM(PERCPU__RISCV_NORELAX(FAR(                                                             \
                             PERCPU__RISCV_HIGH PERCPU__RISCV_ADD("%[t]")                          \
                             TEXT(PERCPU__RISCV_LOW, "%[t]", __VA_ARGS__)))                        \
                         : PERCPU__RISCV_LIST outputs : PERCPU__RISCV_LIST inputs, [p] "i"(p));    \
    else                                                                                           \
        ASM(FAR(PERCPU__RISCV_ADD("%[p]") TEXT("0", "%[t]", __VA_ARGS__))                          \
                         : PERCPU__RISCV_LIST outputs : PERCPU__RISCV_LIST inputs, [p] "r"(a))

#define PERCPU__RISCV_LOAD(low, base, insn) insn " %[t], " low "(" base ")"
#define PERCPU__RISCV_STORE(low, base, insn) insn " %z[v], " low "(" base ")"
/* A symbol's address is in no register. */
#define PERCPU__RISCV_OBJECT(p)                                                                    \
    (PERCPU__IS(where, PERCPU__POINTER) ? percpu__hide(p) : percpu__any_place())

#define PERCPU__RISCV_ACCESS(bits, load, store)                                                    \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        uintptr_t a = PERCPU__RISCV_OBJECT(p);                                                     \
        (void)where;                                                                               \
        uint##bits##_t value;                                                                      \
        PERCPU__RISCV_DO(__asm__ volatile, ([t] PERCPU__RESTART_OUT(value)),                       \
                         ("m"(*(const volatile percpu__u##bits *)a)),                              \
                         PERCPU__RISCV_ONE, PERCPU__RISCV_RESTARTED, PERCPU__RISCV_LOAD, load);    \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__stable_##bits(const volatile void *p,                    \
                                                        enum percpu__where where)                  \
    {                                                                                              \
        uintptr_t a = PERCPU__IS(where, PERCPU__POINTER) ? percpu__hide(p) : percpu__one_place();  \
        (void)where;                                                                               \
        uint##bits##_t value;                                                                      \
        PERCPU__RISCV_DO(__asm__, ([t] PERCPU__RESTART_OUT(value)),                                \
                         ("m"(*(const percpu__u##bits *)a)),                                       \
                         PERCPU__RISCV_ONE, PERCPU__RISCV_RESTARTED, PERCPU__RISCV_LOAD, load);    \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value,               \
                                             enum percpu__where where)                             \
    {                                                                                              \
        uintptr_t t, a = PERCPU__RISCV_OBJECT(p);                                                  \
        (void)where;                                                                               \
        PERCPU__RISCV_DO(__asm__ volatile, ([t] "=&r"(t), "=m"(*(volatile percpu__u##bits *)a)),   \
                         ([v] "rJ"(value)),                                                        \
                         PERCPU__RISCV_ONE, PERCPU__RISCV_RESTARTED, PERCPU__RISCV_STORE, store);  \
    }
PERCPU__RISCV_ACCESS(8, "lbu", "sb")
PERCPU__RISCV_ACCESS(16, "lhu", "sh")
PERCPU__RISCV_ACCESS(32, "lw", "sw")
#if __riscv_xlen == 64
#define PERCPU__RISCV_LOAD_WORD "ld"
PERCPU__RISCV_ACCESS(64, "ld", "sd")
#define percpu__read_64 percpu__read_64
#define percpu__stable_64 percpu__stable_64
#define percpu__write_64 percpu__write_64
#else
#define PERCPU__RISCV_LOAD_WORD "lw"
#endif
#define percpu__read_8 percpu__read_8
#define percpu__stable_8 percpu__stable_8
#define percpu__write_8 percpu__write_8
#define PERCPU__ONE_INSTRUCTION(size, where)                                                       \
    ((size) <= sizeof(uintptr_t) && (PERCPU__RESTARTS || PERCPU__IS(where, PERCPU__NEAR_SYMBOL)))

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    uintptr_t copy;
    (void)where;
    if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))
        __asm__ volatile(PERCPU__RISCV_NORELAX("addi %0, " PERCPU__RISCV_BASE ", %%lo(%1)")
                         : "=r"(copy) : "i"(p));
    else if (PERCPU__IS(where, PERCPU__SYMBOL))
        __asm__ volatile(PERCPU__RISCV_NORELAX(PERCPU__RISCV_HIGH PERCPU__RISCV_ADD("%[t]")
                                               "addi %[t], %[t], " PERCPU__RISCV_LOW)
                         : [t] "=&r"(copy) : [p] "i"(p));
    else
        __asm__ volatile("add %0, %1, " PERCPU__RISCV_BASE : "=r"(copy) : "r"(percpu__hide(p)));
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
                     : "=&r"(delta) : "r"(offset), "m"(*(uintptr_t *)percpu__any_place()));
    return delta;
}
#define percpu__delta_of percpu__delta_of
/* clang-format on */

#ifdef PERCPU_RESTART
#include <percpu/detail/arch/riscv/restart.h>
#endif
