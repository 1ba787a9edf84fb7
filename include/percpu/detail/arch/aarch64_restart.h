/* SPDX-License-Identifier: MIT */
/* aarch64: the updates as restartable sequences. Part of aarch64.h. */
#ifndef PERCPU_DETAIL_ARCH_AARCH64_RESTART_H
#define PERCPU_DETAIL_ARCH_AARCH64_RESTART_H
#ifdef PERCPU_RESTART

/* Load the old value into o, make the new one, n, from it by `op`, store `result`: n or v. */
#define PERCPU__A64_SEQUENCE(load, store, op, result, where)                                       \
    PERCPU__RESTART_BEGIN PERCPU__A64_MRS load "[o], [%0, " where "]\n\t" op store result          \
                                               ", [%0, " where "]" PERCPU__RESTART_END

/* clang-format off */
#define PERCPU__A64_OP(name, bits, word, load, store, op, result, value_in)                        \
    PERCPU__INLINE word percpu__a64_##name##_##bits(volatile void *p, word expected, word value,   \
                                                    bool near, word *now)                          \
    {                                                                                              \
        uintptr_t t, a = percpu__a64_address(p, near);                                             \
        word o, n;                                                                                 \
        if (PERCPU__IS_SYMBOL(p) && near)                                                          \
            __asm__ volatile(PERCPU__A64_SEQUENCE(load, store, op, result, "#:lo12:%c[p]")         \
                             : "=&r"(t), [o] "=&r"(o), [n] "=&r"(n),                               \
                               "+m"(*(volatile percpu__u##bits *)a)                                \
                             : [p] "Si"(p), [v] value_in(value), [e] "rI"(expected) : "cc");       \
        else                                                                                       \
            __asm__ volatile(PERCPU__A64_SEQUENCE(load, store, op, result, "%[a]")                 \
                             : "=&r"(t), [o] "=&r"(o), [n] "=&r"(n),                               \
                               "+m"(*(volatile percpu__u##bits *)a)                                \
                             : [a] "r"(a), [v] value_in(value), [e] "rI"(expected) : "cc");        \
        *now = n;                                                                                  \
        return o;                                                                                  \
    }

#define PERCPU__A64_VOID(name, bits, word, same)                                                   \
    PERCPU__INLINE void percpu__##name##_##bits(volatile void *p, uint##bits##_t value, bool near) \
    {                                                                                              \
        word now;                                                                                  \
        (void)percpu__a64_##name##_##bits(p, 0, PERCPU__A64_SIGNED(word, same, value), near, &now);\
    }

/* Constants of a type's upper half become negative: then more of them are immediate operands. */
#define PERCPU__A64_SIGNED(word, same, value)                                                      \
    (__builtin_constant_p(value) ? (word)(same)(value) : (word)(value))

/*
 * `word` is a register's part, w its prefix, `same` the signed type of the variable's size. Inputs
 * (GCC manual, "Machine Constraints", AArch64): I, J: immediate for add; `logical` for the others.
 */
#define PERCPU__A64_UPDATES(bits, word, same, w, load, store, logical)                             \
    PERCPU__A64_OP(add, bits, word, load w, store w, "add %" w "[n], %" w "[o], %" w "[v]\n\t",    \
                   "[n]", "rIJ")                                                                   \
    PERCPU__A64_OP(bit_and, bits, word, load w, store w,                                           \
                   "and %" w "[n], %" w "[o], %" w "[v]\n\t", "[n]", logical)                      \
    PERCPU__A64_OP(bit_or, bits, word, load w, store w,                                            \
                   "orr %" w "[n], %" w "[o], %" w "[v]\n\t", "[n]", logical)                      \
    PERCPU__A64_OP(bit_xor, bits, word, load w, store w,                                           \
                   "eor %" w "[n], %" w "[o], %" w "[v]\n\t", "[n]", logical)                      \
    PERCPU__A64_OP(xchg, bits, word, load w, store w, "", "[v]", "rZ")                             \
    PERCPU__A64_OP(cmpxchg, bits, word, load w, store w,                                           \
                   "cmp %" w "[o], %" w "[e]\n\tb.ne .Lpercpu_end%=\n\t", "[v]", "rZ")             \
    PERCPU__A64_VOID(add, bits, word, same)                                                        \
    PERCPU__A64_VOID(bit_and, bits, word, same)                                                    \
    PERCPU__A64_VOID(bit_or, bits, word, same)                                                     \
    PERCPU__A64_VOID(bit_xor, bits, word, same)                                                    \
    PERCPU__INLINE uint##bits##_t percpu__add_return_##bits(volatile void *p,                      \
                                                            uint##bits##_t value, bool near)       \
    {                                                                                              \
        word now;                                                                                  \
        (void)percpu__a64_add_##bits(p, 0, PERCPU__A64_SIGNED(word, same, value), near, &now);     \
        return (uint##bits##_t)now;                                                                \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__fetch_add_##bits(volatile void *p,                       \
                                                           uint##bits##_t value, bool near)        \
    {                                                                                              \
        word now, v = PERCPU__A64_SIGNED(word, same, value);                                       \
        return (uint##bits##_t)percpu__a64_add_##bits(p, 0, v, near, &now);                        \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__xchg_##bits(volatile void *p, uint##bits##_t value,      \
                                                      bool near)                                   \
    {                                                                                              \
        word now;                                                                                  \
        return (uint##bits##_t)percpu__a64_xchg_##bits(p, 0, (word)value, near, &now);             \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near)                \
    {                                                                                              \
        word now;                                                                                  \
        return (uint##bits##_t)percpu__a64_cmpxchg_##bits(p, (word)expected, (word)value, near,    \
                                                          &now);                                   \
    }
PERCPU__A64_UPDATES(8, int32_t, int8_t, "w", "ldrb %", "strb %", "rK")
PERCPU__A64_UPDATES(16, int32_t, int16_t, "w", "ldrh %", "strh %", "rK")
PERCPU__A64_UPDATES(32, int32_t, int32_t, "w", "ldr %", "str %", "rK")
PERCPU__A64_UPDATES(64, int64_t, int64_t, "x", "ldr %", "str %", "rL")
/* clang-format on */
#define PERCPU__UPDATES (8 | 16 | 32 | 64)

#endif
#endif
