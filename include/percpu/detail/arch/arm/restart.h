/* SPDX-License-Identifier: MIT */
/*
 * arm: a kernel's restartable sequences. Part of access.h. Those of 8 bytes commit by STREXD,
 * which leaves the sequence whether or not it stored; where it did not, they begin again.
 */
#ifndef PERCPU_DETAIL_ARCH_ARM_RESTART_H
#define PERCPU_DETAIL_ARCH_ARM_RESTART_H

/* clang-format off */
/*
 * Load the old value into o, make the new one, n, from it by `op`, store `result`: n or v. Going to
 * 2 stores nothing. `value_in` (GCC manual, "Machine Constraints", ARM): I an immediate operand, L
 * and K one after negation and inversion, which assemblers do.
 */
#define PERCPU__ARM_WORD_SEQUENCE(bits, suffix, name, op, result, value_in)                        \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t at, address = percpu__arm_address(p, where);                                     \
        uint32_t o, n;                                                                             \
        __asm__ volatile(PERCPU__ARM_BEGIN "ldr" suffix " %[o], [%m[a], %[copy]]\n\t" op           \
                         "str" suffix " " result ", [%m[a], %[copy]]" PERCPU__RESTART_END "\n2:"   \
                         : [copy] "=&r"(at), [o] "=&r"(o), [n] "=&r"(n),                           \
                           [a] "+Q"(*(volatile percpu__u##bits *)address)                          \
                         : [v] value_in((uint32_t)value), [e] "rI"((uint32_t)expected) : "cc");    \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n;                                        \
        return true;                                                                               \
    }

/*
 * The same with few registers, since compilers that do not optimise run out of pairs: o becomes the
 * new value, and `before` finds the old one again. STREXD's answer goes to `failed`; where that is
 * a part of o, `after` mends it. The rest are operands: outputs, the colon, inputs.
 */
#define PERCPU__ARM_DOUBLEWORD(...) PERCPU__ARM_DOUBLEWORD_(__VA_ARGS__)
#define PERCPU__ARM_DOUBLEWORD_(name, before, op, result, failed, after, ...)                      \
    PERCPU__SEQUENCE(name, 64)                                                                     \
    {                                                                                              \
        uintptr_t at, scratch, address = percpu__arm_address(p, where);                            \
        uint64_t o;                                                                                \
        (void)scratch;                                                                             \
        __asm__ volatile(PERCPU__ARM_BEGIN "add %[copy], %m[a], %[copy]\n\t"                       \
                         "ldrexd %Q[o], %R[o], [%[copy]]\n\t" op                                   \
                         "strexd " failed ", " result ", [%[copy]]" PERCPU__RESTART_END            \
                         "\n\tteq " failed ", #0\n\tbne 1b\n\t" after "\n2:"                       \
                         : [copy] "=&r"(at), [o] "=&r"(o),                                         \
                           [a] "+Q"(*(volatile percpu__u64 *)address)                              \
                         __VA_ARGS__ [v] "r"(value) : "cc");                                       \
        *now = o, *old = before;                                                                   \
        return true;                                                                               \
    }

#define PERCPU__ARM_WORD_SEQUENCES(bits, suffix)                                                   \
    PERCPU__ARM_WORD_SEQUENCE(bits, suffix, add, "add %[n], %[o], %[v]\n\t", "%[n]", "rIL")        \
    PERCPU__ARM_WORD_SEQUENCE(bits, suffix, bit_and, "and %[n], %[o], %[v]\n\t", "%[n]", "rIK")    \
    PERCPU__ARM_WORD_SEQUENCE(bits, suffix, bit_or, "orr %[n], %[o], %[v]\n\t", "%[n]", "rI")      \
    PERCPU__ARM_WORD_SEQUENCE(bits, suffix, bit_xor, "eor %[n], %[o], %[v]\n\t", "%[n]", "rI")     \
    PERCPU__ARM_WORD_SEQUENCE(bits, suffix, xchg, "", "%[v]", "r")                                 \
    PERCPU__ARM_WORD_SEQUENCE(bits, suffix, cmpxchg, "cmp %[o], %[e]\n\tbne 2f\n\t", "%[v]", "r")
PERCPU__ARM_WORD_SEQUENCES(8, "b")
PERCPU__ARM_WORD_SEQUENCES(16, "h")
PERCPU__ARM_WORD_SEQUENCES(32, "")

#define PERCPU__ARM_BOTH(low, high)                                                                \
    low " %Q[o], %Q[o], %Q[v]\n\t" high " %R[o], %R[o], %R[v]\n\t", "%Q[o], %R[o]",                \
        "%[s]", "", , [s] "=&r"(scratch) :
PERCPU__ARM_DOUBLEWORD(add, o - value, PERCPU__ARM_BOTH("adds", "adc"))
PERCPU__ARM_DOUBLEWORD(bit_and, 0, PERCPU__ARM_BOTH("and", "and"))
PERCPU__ARM_DOUBLEWORD(bit_or, 0, PERCPU__ARM_BOTH("orr", "orr"))
PERCPU__ARM_DOUBLEWORD(bit_xor, 0, PERCPU__ARM_BOTH("eor", "eor"))
PERCPU__ARM_DOUBLEWORD(xchg, o, "", "%Q[v], %R[v]", "%[s]", "", , [s] "=&r"(scratch) :)
PERCPU__ARM_DOUBLEWORD(cmpxchg, o, "teq %Q[o], %[el]\n\tbne 2f\n\tteq %R[o], %[eh]\n\tbne 2f\n\t",
                       "%Q[v], %R[v]", "%Q[o]", "mov %Q[o], %[el]", : [el] "r"((uint32_t)expected),
                       [eh] "r"((uint32_t)(expected >> 32)), )
/* clang-format on */
#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)
#include <percpu/detail/sequence.h>

#endif
