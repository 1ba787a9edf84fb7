/* SPDX-License-Identifier: MIT */
/*
 * Writes and updates from restartable sequences, for architectures where they are alike. Part of
 * ARCH_rseq.h, which defines for each size and for write, add, bit_and, bit_or, bit_xor, xchg and
 * cmpxchg
 *
 *     bool percpu__rseq_NAME_BITS(volatile void *p, uintBITS_t expected, uintBITS_t value,
 *                                 uintBITS_t *old, uintBITS_t *now, uintptr_t *copy);
 *
 * one sequence. It says whether there was one: not for a thread that has none. PERCPU__RSEQ_ADDED:
 * what adds with a result, where that is another sequence than add.
 */
#ifndef PERCPU_DETAIL_RSEQ_UPDATE_H
#define PERCPU_DETAIL_RSEQ_UPDATE_H

/* clang-format off */
#define PERCPU__RSEQ_VOID(bits, name, slow_name)                                                   \
    PERCPU__CALLED void percpu__##name##_##bits(volatile void *p, uint##bits##_t value, bool near) \
    {                                                                                              \
        uint##bits##_t old, now;                                                                   \
        uintptr_t copy;                                                                            \
        (void)near;                                                                                \
        if (!percpu__rseq_##name##_##bits(p, 0, value, &old, &now, &copy))                         \
            percpu__slow(slow_name, p, bits / 8, value, 0);                                        \
    }

#ifndef PERCPU__RSEQ_ADDED
#define PERCPU__RSEQ_ADDED add
#endif
#define PERCPU__RSEQ_RESULT(...) PERCPU__RSEQ_RESULT_(__VA_ARGS__)
#define PERCPU__RSEQ_RESULT_(bits, name, function, slow_name, result, slow_result)                 \
    PERCPU__CALLED uint##bits##_t percpu__##name##_##bits(volatile void *p, uint##bits##_t value,  \
                                                          bool near)                               \
    {                                                                                              \
        uint##bits##_t old, now;                                                                   \
        uintptr_t copy;                                                                            \
        (void)near;                                                                                \
        if (percpu__rseq_##function##_##bits(p, 0, value, &old, &now, &copy))                      \
            return result;                                                                         \
        old = (uint##bits##_t)percpu__slow(slow_name, p, bits / 8, value, 0);                      \
        return (uint##bits##_t)(slow_result);                                                      \
    }

#define PERCPU__RSEQ_UPDATES(bits)                                                                 \
    PERCPU__RSEQ_VOID(bits, write, PERCPU__SLOW_WRITE)                                             \
    PERCPU__RSEQ_VOID(bits, add, PERCPU__SLOW_ADD)                                                 \
    PERCPU__RSEQ_VOID(bits, bit_and, PERCPU__SLOW_AND)                                             \
    PERCPU__RSEQ_VOID(bits, bit_or, PERCPU__SLOW_OR)                                               \
    PERCPU__RSEQ_VOID(bits, bit_xor, PERCPU__SLOW_XOR)                                             \
    PERCPU__RSEQ_RESULT(bits, add_return, PERCPU__RSEQ_ADDED, PERCPU__SLOW_ADD, now, old + value)  \
    PERCPU__RSEQ_RESULT(bits, fetch_add, PERCPU__RSEQ_ADDED, PERCPU__SLOW_ADD, old, old)           \
    PERCPU__RSEQ_RESULT(bits, xchg, xchg, PERCPU__SLOW_XCHG, old, old)                             \
    PERCPU__CALLED uint##bits##_t percpu__cmpxchg_slot_##bits(                                     \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, uintptr_t *slot)          \
    {                                                                                              \
        uint##bits##_t old, now;                                                                   \
        uintptr_t copy;                                                                            \
        if (percpu__rseq_cmpxchg_##bits(p, expected, value, &old, &now, &copy)) {                  \
            *slot = copy - (uintptr_t)p;                                                           \
            return old;                                                                            \
        }                                                                                          \
        *slot = PERCPU__NO_SLOT;                                                                   \
        return (uint##bits##_t)percpu__slow(PERCPU__SLOW_CMPXCHG, p, bits / 8, value, expected);   \
    }                                                                                              \
    PERCPU__CALLED uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near)                \
    {                                                                                              \
        uintptr_t slot;                                                                            \
        (void)near;                                                                                \
        return percpu__cmpxchg_slot_##bits(p, expected, value, &slot);                             \
    }
/* clang-format on */
PERCPU__RSEQ_UPDATES(8)
PERCPU__RSEQ_UPDATES(16)
PERCPU__RSEQ_UPDATES(32)
PERCPU__RSEQ_UPDATES(64)
#define percpu__write_8 percpu__write_8
#define PERCPU__UPDATES (8 | 16 | 32 | 64)

#endif
