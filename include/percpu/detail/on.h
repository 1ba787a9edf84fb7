/* SPDX-License-Identifier: MIT */
/* percpu_try_cmpxchg_on(): an update of this CPU's copy if the caller means this CPU. */

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * A sequence takes the address of the copy that is meant in *copy, and leaves the address of the
 * copy that was this CPU's.
 */
#define PERCPU__ON_FROM_SEQUENCE(bits)                                                             \
    PERCPU__INLINE int percpu__cmpxchg_on_##bits(volatile void *p, size_t cpu, void *expected,     \
                                                 uint##bits##_t value, enum percpu__where where)   \
    {                                                                                              \
        const uintptr_t meant = (uintptr_t)p + percpu__slot(cpu);                                  \
        const uint##bits##_t wanted = (uint##bits##_t)percpu__bits(expected, bits / 8);            \
        uint##bits##_t old, now;                                                                   \
        uintptr_t copy = meant;                                                                    \
        if (!percpu__sequence_cmpxchg_on_##bits(p, wanted, value, where, &old, &now, &copy))       \
            return percpu__slow_on(p, cpu, expected, value, bits / 8);                             \
        if (copy != meant)                                                                         \
            return -PERCPU_EELSEWHERE;                                                             \
        if (old == wanted)                                                                         \
            return 1;                                                                              \
        percpu__set_bits(expected, old, bits / 8);                                                 \
        return 0;                                                                                  \
    }
PERCPU__ON_FROM_SEQUENCE(8)
PERCPU__ON_FROM_SEQUENCE(16)
PERCPU__ON_FROM_SEQUENCE(32)
PERCPU__ON_FROM_SEQUENCE(64)
#undef PERCPU__ON_FROM_SEQUENCE
#endif

#if defined(__OPTIMIZE__) || defined(PERCPU__DEFINE_CALLS)
#ifdef PERCPU_PLATFORM_RSEQ

PERCPU__INLINE int percpu__try_cmpxchg_on(volatile void *p, size_t cpu, void *expected,
                                          uint64_t value, size_t size, enum percpu__where where)
{
    const size_t limit = percpu__limit;
    int result;
    if (cpu >= limit)
        return -PERCPU_ERANGE;
    cpu = percpu__masked(cpu, limit);
    percpu__write_begins(p, size, true);
    switch (size) {
    case 1: result = percpu__cmpxchg_on_8(p, cpu, expected, (uint8_t)value, where); break;
    case 2: result = percpu__cmpxchg_on_16(p, cpu, expected, (uint16_t)value, where); break;
    case 4: result = percpu__cmpxchg_on_32(p, cpu, expected, (uint32_t)value, where); break;
    default: result = percpu__cmpxchg_on_64(p, cpu, expected, value, where); break;
    }
    percpu__write_ends(p);
    return result;
}

#else

/*
 * bare: with interrupts masked the caller stays on its CPU between the comparison of addresses and
 * the update. An NMI between the two leaves it there as well. On thread and single a caller's area
 * stays the same.
 */
PERCPU__INLINE int percpu__try_cmpxchg_on(volatile void *p, size_t cpu, void *expected,
                                          uint64_t value, size_t size, enum percpu__where where)
{
    const uintptr_t meant = percpu__remote(p, where, cpu);
    int result = -PERCPU_EELSEWHERE;
    if (!meant)
        return -PERCPU_ERANGE;
#ifdef PERCPU_PLATFORM_BARE
    const uintptr_t state = percpu__irq_save();
#endif
    if (percpu__current(p, where) == meant)
        result = percpu__try_cmpxchg(p, expected, value, size, where);
#ifdef PERCPU_PLATFORM_BARE
    percpu__irq_restore(state);
#endif
    return result;
}

#endif
#endif

/* Code that is not optimised calls these functions of the library: calls.h. */
#if !defined(__OPTIMIZE__) || defined(PERCPU__DEFINE_CALLS)
#define PERCPU__CALL_ON(bits)                                                                      \
    PERCPU__CALLED int percpu__call_try_cmpxchg_on_##bits(volatile void *p, size_t cpu,            \
                                                          void *expected, uint64_t value);
PERCPU__CALL_ON(8)
PERCPU__CALL_ON(16)
PERCPU__CALL_ON(32)
PERCPU__CALL_ON(64)
#undef PERCPU__CALL_ON
#ifndef PERCPU__DEFINE_CALLS
#define percpu__try_cmpxchg_on(p, cpu, expected, value, size, where)                               \
    PERCPU__CALL(size, percpu__call_try_cmpxchg_on)(p, cpu, expected, value)
#endif
#endif

#define PERCPU__TRY_CMPXCHG_ON(p, where, cpu, old, new_value)                                      \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p))),                     \
     percpu__try_cmpxchg_on(                                                                       \
         PERCPU__WRITABLE(p, where), cpu, PERCPU__CONVERTED(PERCPU__VALUE_TYPE(*(p)) *, old),      \
         PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), new_value), sizeof(*(p)), where))
