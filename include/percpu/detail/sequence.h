/* SPDX-License-Identifier: MIT */
/*
 * Updates derived from restartable sequences: a kernel's (PERCPU_RESTART) and a Linux thread's
 * (rseq). For each size an architecture defines PERCPU__SEQUENCE(name, bits) of port.h for add,
 * bit_and, bit_or, bit_xor, xchg and cmpxchg. A sequence returns false if it did not run, since the
 * kernel does not know the thread; then the platform's PERCPU__WITHOUT_SEQUENCE does the update. A
 * sequence sets *old and *now where it has the values, and on rseq *copy, the copy's address.
 * PERCPU__SEQUENCE_ADDED names the sequence of add_return and fetch_add where that is not add.
 */

#ifndef PERCPU__SEQUENCE_ADDED
#define PERCPU__SEQUENCE_ADDED(bits) percpu__sequence_add_##bits
#endif

/* clang-format off */
#define PERCPU__VOID_FROM_SEQUENCE(name, bits, operation)                                          \
    PERCPU__INLINE void percpu__##name##_##bits(volatile void *p, uint##bits##_t value,            \
                                                enum percpu__where where)                          \
    {                                                                                              \
        uint##bits##_t old, now;                                                                   \
        uintptr_t copy;                                                                            \
        if (!percpu__sequence_##name##_##bits(p, 0, value, where, &old, &now, &copy))              \
            (void)PERCPU__WITHOUT_SEQUENCE(operation, p, bits / 8, value, 0);                      \
    }

#define PERCPU__RESULT_FROM_SEQUENCE(name, bits, sequence, operation, result, slow_result)         \
    PERCPU__INLINE uint##bits##_t percpu__##name##_##bits(volatile void *p, uint##bits##_t value,  \
                                                          enum percpu__where where)                \
    {                                                                                              \
        uint##bits##_t old, now;                                                                   \
        uintptr_t copy;                                                                            \
        if (sequence(p, 0, value, where, &old, &now, &copy))                                       \
            return result;                                                                         \
        old = (uint##bits##_t)PERCPU__WITHOUT_SEQUENCE(operation, p, bits / 8, value, 0);          \
        return (uint##bits##_t)(slow_result);                                                      \
    }

#define PERCPU__UPDATES_FROM_SEQUENCES(bits)                                                       \
    PERCPU__VOID_FROM_SEQUENCE(add, bits, PERCPU__SLOW_ADD)                                        \
    PERCPU__VOID_FROM_SEQUENCE(bit_and, bits, PERCPU__SLOW_AND)                                    \
    PERCPU__VOID_FROM_SEQUENCE(bit_or, bits, PERCPU__SLOW_OR)                                      \
    PERCPU__VOID_FROM_SEQUENCE(bit_xor, bits, PERCPU__SLOW_XOR)                                    \
    PERCPU__RESULT_FROM_SEQUENCE(add_return, bits, PERCPU__SEQUENCE_ADDED(bits), PERCPU__SLOW_ADD, \
                                 now, old + value)                                                 \
    PERCPU__RESULT_FROM_SEQUENCE(fetch_add, bits, PERCPU__SEQUENCE_ADDED(bits), PERCPU__SLOW_ADD,  \
                                 old, old)                                                         \
    PERCPU__RESULT_FROM_SEQUENCE(xchg, bits, percpu__sequence_xchg_##bits, PERCPU__SLOW_XCHG,      \
                                 old, old)                                                         \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, enum percpu__where where) \
    {                                                                                              \
        uint##bits##_t old, now;                                                                   \
        uintptr_t copy;                                                                            \
        if (percpu__sequence_cmpxchg_##bits(p, expected, value, where, &old, &now, &copy))         \
            return old;                                                                            \
        return (uint##bits##_t)PERCPU__WITHOUT_SEQUENCE(PERCPU__SLOW_CMPXCHG, p, bits / 8, value,  \
                                                        expected);                                 \
    }
/* clang-format on */
PERCPU__UPDATES_FROM_SEQUENCES(8)
PERCPU__UPDATES_FROM_SEQUENCES(16)
PERCPU__UPDATES_FROM_SEQUENCES(32)
#if PERCPU__SEQUENCES & 64
PERCPU__UPDATES_FROM_SEQUENCES(64)
#endif
#define PERCPU__UPDATES PERCPU__SEQUENCES
