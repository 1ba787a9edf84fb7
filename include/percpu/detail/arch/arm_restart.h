/* SPDX-License-Identifier: MIT */
/*
 * arm: the updates as restartable sequences. Part of arm.h. Those of 8 bytes commit by STREXD,
 * which leaves the sequence whether or not it stored; where it did not, they begin again.
 */
#ifndef PERCPU_DETAIL_ARCH_ARM_RESTART_H
#define PERCPU_DETAIL_ARCH_ARM_RESTART_H
#ifdef PERCPU_RESTART

/* clang-format off */
/*
 * Load the old value into o, make the new one, n, from it by `op`, store `result`: n or v. Going to
 * 2 stores nothing. `value_in` (GCC manual, "Machine Constraints", ARM): I an immediate operand, L
 * and K one after negation and inversion, which assemblers do.
 */
#define PERCPU__ARM_WORDS(bits, suffix, name, op, result, value_in)                                \
    PERCPU__INLINE uint32_t percpu__arm_##name##_##bits(volatile void *p, uint32_t expected,       \
                                                        uint32_t value, uint32_t *now)             \
    {                                                                                              \
        uintptr_t copy, address = percpu__arm_address(p);                                          \
        uint32_t o;                                                                                \
        __asm__ volatile(PERCPU__ARM_BEGIN "ldr" suffix " %[o], [%m[a], %[copy]]\n\t" op           \
                         "str" suffix " " result ", [%m[a], %[copy]]" PERCPU__RESTART_END "\n2:"   \
                         : [copy] "=&r"(copy), [o] "=&r"(o), [n] "=&r"(*now),                      \
                           [a] "+Q"(*(volatile percpu__u##bits *)address)                          \
                         : [v] value_in(value), [e] "rI"(expected) : "cc");                        \
        return o;                                                                                  \
    }

/*
 * The same with few registers, since compilers that do not optimise run out of pairs: o becomes the
 * new value, and `old` finds the old one again. STREXD's answer goes to `failed`; where that is a
 * part of o, `after` mends it. The rest are operands: outputs, the colon, inputs.
 */
#define PERCPU__ARM_DOUBLEWORD(...) PERCPU__ARM_DOUBLEWORD_(__VA_ARGS__)
#define PERCPU__ARM_DOUBLEWORD_(name, old, op, result, failed, after, ...)                         \
    PERCPU__INLINE uint64_t percpu__arm_##name##_64(volatile void *p, uint64_t expected,           \
                                                    uint64_t value, uint64_t *now)                 \
    {                                                                                              \
        uintptr_t copy, scratch, address = percpu__arm_address(p);                                 \
        uint64_t o;                                                                                \
        (void)expected, (void)scratch;                                                             \
        __asm__ volatile(PERCPU__ARM_BEGIN "add %[copy], %m[a], %[copy]\n\t"                       \
                         "ldrexd %Q[o], %R[o], [%[copy]]\n\t" op                                   \
                         "strexd " failed ", " result ", [%[copy]]" PERCPU__RESTART_END            \
                         "\n\tteq " failed ", #0\n\tbne 1b\n\t" after "\n2:"                       \
                         : [copy] "=&r"(copy), [o] "=&r"(o),                                       \
                           [a] "+Q"(*(volatile percpu__u64 *)address)                              \
                         __VA_ARGS__ [v] "r"(value) : "cc");                                       \
        *now = o;                                                                                  \
        return old;                                                                                \
    }

#define PERCPU__ARM_VOID(name, bits, word)                                                         \
    PERCPU__INLINE void percpu__##name##_##bits(volatile void *p, uint##bits##_t value, bool near) \
    {                                                                                              \
        word now;                                                                                  \
        (void)near, (void)percpu__arm_##name##_##bits(p, 0, value, &now);                          \
    }

#define PERCPU__ARM_UPDATES(bits, word)                                                            \
    PERCPU__ARM_VOID(add, bits, word)                                                              \
    PERCPU__ARM_VOID(bit_and, bits, word)                                                          \
    PERCPU__ARM_VOID(bit_or, bits, word)                                                           \
    PERCPU__ARM_VOID(bit_xor, bits, word)                                                          \
    PERCPU__INLINE uint##bits##_t percpu__add_return_##bits(volatile void *p,                      \
                                                            uint##bits##_t value, bool near)       \
    {                                                                                              \
        word now;                                                                                  \
        (void)near, (void)percpu__arm_add_##bits(p, 0, value, &now);                               \
        return (uint##bits##_t)now;                                                                \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__fetch_add_##bits(volatile void *p,                       \
                                                           uint##bits##_t value, bool near)        \
    {                                                                                              \
        word now;                                                                                  \
        (void)near;                                                                                \
        return (uint##bits##_t)percpu__arm_add_##bits(p, 0, value, &now);                          \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__xchg_##bits(volatile void *p, uint##bits##_t value,      \
                                                      bool near)                                   \
    {                                                                                              \
        word now;                                                                                  \
        (void)near;                                                                                \
        return (uint##bits##_t)percpu__arm_xchg_##bits(p, 0, value, &now);                         \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near)                \
    {                                                                                              \
        word now;                                                                                  \
        (void)near;                                                                                \
        return (uint##bits##_t)percpu__arm_cmpxchg_##bits(p, expected, value, &now);               \
    }

#define PERCPU__ARM_WORD_UPDATES(bits, suffix)                                                     \
    PERCPU__ARM_WORDS(bits, suffix, add, "add %[n], %[o], %[v]\n\t", "%[n]", "rIL")                \
    PERCPU__ARM_WORDS(bits, suffix, bit_and, "and %[n], %[o], %[v]\n\t", "%[n]", "rIK")            \
    PERCPU__ARM_WORDS(bits, suffix, bit_or, "orr %[n], %[o], %[v]\n\t", "%[n]", "rI")              \
    PERCPU__ARM_WORDS(bits, suffix, bit_xor, "eor %[n], %[o], %[v]\n\t", "%[n]", "rI")             \
    PERCPU__ARM_WORDS(bits, suffix, xchg, "", "%[v]", "r")                                         \
    PERCPU__ARM_WORDS(bits, suffix, cmpxchg, "cmp %[o], %[e]\n\tbne 2f\n\t", "%[v]", "r")          \
    PERCPU__ARM_UPDATES(bits, uint32_t)
PERCPU__ARM_WORD_UPDATES(8, "b")
PERCPU__ARM_WORD_UPDATES(16, "h")
PERCPU__ARM_WORD_UPDATES(32, "")

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
PERCPU__ARM_UPDATES(64, uint64_t)
/* clang-format on */
#define PERCPU__UPDATES (8 | 16 | 32 | 64)

#endif
#endif
