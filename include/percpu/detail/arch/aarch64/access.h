/* SPDX-License-Identifier: MIT */
/*
 * aarch64: accesses to the current CPU's copy: the read of the base and the access are one asm
 * statement. Where loads and stores cannot add the register, PERCPU_RESTART makes the statement a
 * restartable sequence.
 */

/*
 * The template address, which compilers may share and move: it is the same on each CPU. At VMA 0
 * movz reaches 64 KiB and linkers refuse more (R_AARCH64_MOVW_UABS_G0). At a natural VMA GCC itself
 * would add a member's offset in a third instruction. In PIC GCC needs the constraint "S", and
 * clang 14 needs "i" for members. A near symbol's address is in no register: it is the displacement
 * of the access itself.
 */
#ifdef PERCPU_ZERO_VMA
#define PERCPU__A64_ADDRESS "movz %0, #:abs_g0:%c1"
/* %w1 and %x1 differ for a register, in its first letter, and are the same for a constant. */
#define PERCPU__ABSOLUTE ".ifc %w1,%x1\n\tmovz %0, #:abs_g0:%x1\n\t.else\n\tmov %0, %x1\n\t.endif"
/*
 * Given "Sr" clang would choose a register. "S" is a symbol, since clang 18 also a symbol plus a
 * constant.
 */
#ifdef __clang__
#if __clang_major__ < 18
#define PERCPU__ABSOLUTE_CONSTANT "Si"
#else
#define PERCPU__ABSOLUTE_CONSTANT "S"
#endif
#endif
#else
#define PERCPU__A64_ADDRESS "adrp %0, %c1\n\tadd %0, %0, #:lo12:%c1"
#endif

PERCPU__INLINE uintptr_t percpu__a64_address(const volatile void *p, enum percpu__where where)
{
    uintptr_t address;
    PERCPU__A64_RESERVED();
    (void)where;
    if (PERCPU__IS(where, PERCPU__POINTER))
        return percpu__hide(p);
    if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))
        return percpu__any_place();
    __asm__(PERCPU__A64_ADDRESS : "=r"(address) : "Si"(p));
    return address;
}

#ifdef PERCPU_ARM_X18
#define PERCPU__A64_ONCE(access) access
#define PERCPU__A64_ONLY "[v]"
#define PERCPU__A64_ONLY_OUTPUT(value) [v] "=r"(value)
#define PERCPU__ONE_INSTRUCTION(size, where) true
#else
#define PERCPU__A64_ONCE(access)                                                                   \
    PERCPU__RESTART_BEGIN PERCPU__A64_BASE_READ access PERCPU__RESTART_END
#define PERCPU__ONE_INSTRUCTION(size, where) PERCPU__RESTARTS /* a sequence is as good */
/* Compilers merge only statements of one output: one register holds the base, then the value. */
#define PERCPU__A64_ONLY "[t]"
#define PERCPU__A64_ONLY_OUTPUT(value) [t] "=&r"(value)
#endif
#define PERCPU__A64_NEAR(insn) insn ", [" PERCPU__A64_BASE ", #:lo12:%c[p]]"
#define PERCPU__A64_FAR(insn) insn ", [" PERCPU__A64_BASE ", %[a]]"
/* clang-format off */
#define PERCPU__A64_ACCESS(bits, load, store)                                                      \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        uintptr_t t __attribute__((unused)), a = percpu__a64_address(p, where);                    \
        uint64_t value;                                                                            \
        if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))                                                \
            __asm__ volatile(PERCPU__A64_ONCE(PERCPU__A64_NEAR(load "[v]"))                        \
                             : PERCPU__A64_SCRATCH(t) [v] "=r"(value)                              \
                             : [p] "Si"(p), "m"(*(const volatile percpu__u##bits *)a));            \
        else                                                                                       \
            __asm__ volatile(PERCPU__A64_ONCE(PERCPU__A64_FAR(load "[v]"))                         \
                             : PERCPU__A64_SCRATCH(t) [v] "=r"(value)                              \
                             : [a] "r"(a), "m"(*(const volatile percpu__u##bits *)a));             \
        return (uint##bits##_t)value;                                                              \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__stable_##bits(const volatile void *p,                    \
                                                        enum percpu__where where)                  \
    {                                                                                              \
        uintptr_t a = PERCPU__IS(where, PERCPU__NEAR_SYMBOL) ? percpu__one_place()                 \
                                                             : percpu__a64_address(p, where);      \
        uint64_t value;                                                                            \
        if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))                                                \
            __asm__(PERCPU__A64_ONCE(PERCPU__A64_NEAR(load PERCPU__A64_ONLY))                      \
                    : PERCPU__A64_ONLY_OUTPUT(value)                                               \
                    : [p] "Si"(p), "m"(*(const percpu__u##bits *)a));                              \
        else                                                                                       \
            __asm__(PERCPU__A64_ONCE(PERCPU__A64_FAR(load PERCPU__A64_ONLY))                       \
                    : PERCPU__A64_ONLY_OUTPUT(value)                                               \
                    : [a] "r"(a), "m"(*(const percpu__u##bits *)a));                               \
        return (uint##bits##_t)value;                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value,               \
                                             enum percpu__where where)                             \
    {                                                                                              \
        uintptr_t t __attribute__((unused)), a = percpu__a64_address(p, where);                    \
        if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))                                                \
            __asm__ volatile(PERCPU__A64_ONCE(PERCPU__A64_NEAR(store "[v]"))                       \
                             : PERCPU__A64_SCRATCH(t) "=m"(*(volatile percpu__u##bits *)a)         \
                             : [v] "rZ"(value), [p] "Si"(p));                                      \
        else                                                                                       \
            __asm__ volatile(PERCPU__A64_ONCE(PERCPU__A64_FAR(store "[v]"))                        \
                             : PERCPU__A64_SCRATCH(t) "=m"(*(volatile percpu__u##bits *)a)         \
                             : [v] "rZ"(value), [a] "r"(a));                                       \
    }
PERCPU__A64_ACCESS(8, "ldrb %w", "strb %w")
PERCPU__A64_ACCESS(16, "ldrh %w", "strh %w")
PERCPU__A64_ACCESS(32, "ldr %w", "str %w")
PERCPU__A64_ACCESS(64, "ldr %x", "str %x")
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__stable_8 percpu__stable_8
#define percpu__read_64 percpu__read_64
#define percpu__stable_64 percpu__stable_64
#define percpu__write_8 percpu__write_8
#define percpu__write_64 percpu__write_64

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    uintptr_t copy, a = percpu__a64_address(p, where);
    if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))
        __asm__ volatile(PERCPU__A64_BASE_READ "add %[t], " PERCPU__A64_BASE ", #:lo12:%c[p]"
                         : [t] "=r"(copy)
                         : [p] "Si"(p));
    else
        __asm__ volatile(PERCPU__A64_BASE_READ "add %[t], " PERCPU__A64_BASE ", %[a]"
                         : [t] "=&r"(copy)
                         : [a] "r"(a));
    return copy;
}
#define percpu__current percpu__current

#ifdef PERCPU_RESTART
#include <percpu/detail/arch/aarch64/restart.h>
#endif
