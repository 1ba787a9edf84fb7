/* SPDX-License-Identifier: MIT */
/*
 * Two ways to define the updates of a size: with interrupts masked, and with the compiler's
 * atomics. sequence.h is the third: from an architecture's restartable sequences.
 */

/* clang-format off */
/* -- With interrupts masked: no preemption, and no handler but an NMI's, can come between ---- */

/* `how` is `return`, or `(void)` where there is no result. */
#define PERCPU__BY_MASKING(bits, type, how, name, new_value, result)                               \
    PERCPU__INLINE type percpu__##name##_##bits(volatile void *p, uint##bits##_t value,            \
                                           enum percpu__where where)                               \
    {                                                                                              \
        uintptr_t state = percpu__irq_save();                                                      \
        uintptr_t copy = percpu__current(p, where);                                                \
        uint##bits##_t old = (uint##bits##_t)percpu__load_from(copy, sizeof(old));                 \
        percpu__store_to(copy, (uint##bits##_t)(new_value), sizeof(old));                          \
        percpu__irq_restore(state);                                                                \
        how(type)(result);                                                                         \
    }

#define PERCPU__CMPXCHG_BY_MASKING(bits)                                                           \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, enum percpu__where where) \
    {                                                                                              \
        uintptr_t state = percpu__irq_save();                                                      \
        uintptr_t copy = percpu__current(p, where);                                                \
        uint##bits##_t old = (uint##bits##_t)percpu__load_from(copy, sizeof(old));                 \
        if (old == expected)                                                                       \
            percpu__store_to(copy, value, sizeof(value));                                          \
        percpu__irq_restore(state);                                                                \
        return old;                                                                                \
    }

#define PERCPU__UPDATES_BY_MASKING(bits)                                                           \
    PERCPU__BY_MASKING(bits, void, (void), add, old + value, 0)                                    \
    PERCPU__BY_MASKING(bits, void, (void), bit_and, old &value, 0)                                 \
    PERCPU__BY_MASKING(bits, void, (void), bit_or, old | value, 0)                                 \
    PERCPU__BY_MASKING(bits, void, (void), bit_xor, old ^ value, 0)                                \
    PERCPU__BY_MASKING(bits, uint##bits##_t, return, add_return, old + value, old + value)         \
    PERCPU__BY_MASKING(bits, uint##bits##_t, return, fetch_add, old + value, old)                  \
    PERCPU__BY_MASKING(bits, uint##bits##_t, return, xchg, value, old)                             \
    PERCPU__CMPXCHG_BY_MASKING(bits)

/* -- With the compiler's atomics: for callers that stay on their CPU -------------------------- */

#define PERCPU__BY_ATOMIC(bits, type, how, name, builtin)                                          \
    PERCPU__INLINE type percpu__##name##_##bits(volatile void *p, uint##bits##_t value,            \
                                           enum percpu__where where)                               \
    {                                                                                              \
        volatile percpu__u##bits *copy = (volatile percpu__u##bits *)percpu__current(p, where);    \
        how builtin(copy, value, __ATOMIC_RELAXED);                                                \
    }

/* The expected value for __atomic_compare_exchange_n, sign-extended where GCC needs that. */
PERCPU__INLINE uint64_t percpu__expected(uint64_t value, size_t size __attribute__((unused)))
{
#ifdef PERCPU__ARCH_CAS_EXTENDS_SIGN
    if (size == 4)
        value = (uint64_t)(int32_t)value;
    __asm__("" : "+r"(value));
#endif
    return value;
}

#define PERCPU__CMPXCHG_BY_ATOMIC(bits)                                                            \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, enum percpu__where where) \
    {                                                                                              \
        expected = (uint##bits##_t)percpu__expected(expected, sizeof(expected));                   \
        __atomic_compare_exchange_n((volatile percpu__u##bits *)percpu__current(p, where),         \
                                    &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);  \
        return expected; /* the builtin stores the old value if it differs */                      \
    }

#define PERCPU__UPDATES_BY_ATOMIC(bits)                                                            \
    PERCPU__BY_ATOMIC(bits, void, (void), add, __atomic_fetch_add)                                 \
    PERCPU__BY_ATOMIC(bits, void, (void), bit_and, __atomic_fetch_and)                             \
    PERCPU__BY_ATOMIC(bits, void, (void), bit_or, __atomic_fetch_or)                               \
    PERCPU__BY_ATOMIC(bits, void, (void), bit_xor, __atomic_fetch_xor)                             \
    PERCPU__BY_ATOMIC(bits, uint##bits##_t, return, add_return, __atomic_add_fetch)                \
    PERCPU__BY_ATOMIC(bits, uint##bits##_t, return, fetch_add, __atomic_fetch_add)                 \
    PERCPU__BY_ATOMIC(bits, uint##bits##_t, return, xchg, __atomic_exchange_n)                     \
    PERCPU__CMPXCHG_BY_ATOMIC(bits)

/* clang-format on */
