/* SPDX-License-Identifier: MIT */
/* aarch64: a kernel's restartable sequences. Part of access.h. */
#ifndef PERCPU_DETAIL_ARCH_AARCH64_RESTART_H
#define PERCPU_DETAIL_ARCH_AARCH64_RESTART_H

/* Load the old value into o, make the new one, n, from it by `op`, store `result`: n or v. */
#define PERCPU__A64_TEXT(load, store, op, result, where)                                           \
    PERCPU__RESTART_BEGIN PERCPU__A64_MRS load "[o], [%0, " where "]\n\t" op store result          \
                                               ", [%0, " where "]" PERCPU__RESTART_END

/* clang-format off */
/*
 * `word` is a register's part, `same` the signed type of the variable's size: constants of its
 * upper half become negative, and more of them are immediate operands.
 */
#define PERCPU__A64_SEQUENCE(name, bits, word, same, load, store, op, result, value_in)            \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t t, a = percpu__a64_address(p, where);                                            \
        word o, n, v = __builtin_constant_p(value) ? (word)(same)value : (word)value;              \
        if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))                                                \
            __asm__ volatile(PERCPU__A64_TEXT(load, store, op, result, "#:lo12:%c[p]")             \
                             : "=&r"(t), [o] "=&r"(o), [n] "=&r"(n),                               \
                               "+m"(*(volatile percpu__u##bits *)a)                                \
                             : [p] "Si"(p), [v] value_in(v), [e] "rI"((word)expected) : "cc");     \
        else                                                                                       \
            __asm__ volatile(PERCPU__A64_TEXT(load, store, op, result, "%[a]")                     \
                             : "=&r"(t), [o] "=&r"(o), [n] "=&r"(n),                               \
                               "+m"(*(volatile percpu__u##bits *)a)                                \
                             : [a] "r"(a), [v] value_in(v), [e] "rI"((word)expected) : "cc");      \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n;                                        \
        return true;                                                                               \
    }

/*
 * w is the prefix of a register's part. Inputs (GCC manual, "Machine Constraints", AArch64): I, J:
 * immediate for add; `logical` for the others; Z: zero.
 */
#define PERCPU__A64_SEQUENCES(bits, word, same, w, load, store, logical)                           \
    PERCPU__A64_SEQUENCE(add, bits, word, same, load w, store w,                                   \
                         "add %" w "[n], %" w "[o], %" w "[v]\n\t", "[n]", "rIJ")                  \
    PERCPU__A64_SEQUENCE(bit_and, bits, word, same, load w, store w,                               \
                         "and %" w "[n], %" w "[o], %" w "[v]\n\t", "[n]", logical)                \
    PERCPU__A64_SEQUENCE(bit_or, bits, word, same, load w, store w,                                \
                         "orr %" w "[n], %" w "[o], %" w "[v]\n\t", "[n]", logical)                \
    PERCPU__A64_SEQUENCE(bit_xor, bits, word, same, load w, store w,                               \
                         "eor %" w "[n], %" w "[o], %" w "[v]\n\t", "[n]", logical)                \
    PERCPU__A64_SEQUENCE(xchg, bits, word, same, load w, store w, "", "[v]", "rZ")                 \
    PERCPU__A64_SEQUENCE(cmpxchg, bits, word, same, load w, store w,                               \
                         "cmp %" w "[o], %" w "[e]\n\tb.ne .Lpercpu_end%=\n\t", "[v]", "rZ")
PERCPU__A64_SEQUENCES(8, int32_t, int8_t, "w", "ldrb %", "strb %", "rK")
PERCPU__A64_SEQUENCES(16, int32_t, int16_t, "w", "ldrh %", "strh %", "rK")
PERCPU__A64_SEQUENCES(32, int32_t, int32_t, "w", "ldr %", "str %", "rK")
PERCPU__A64_SEQUENCES(64, int64_t, int64_t, "x", "ldr %", "str %", "rL")
/* clang-format on */
#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)
#include <percpu/detail/sequence.h>

#endif
