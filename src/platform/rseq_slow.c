/* SPDX-License-Identifier: MIT */
/* rseq: a thread without a sequence works on a slot by atomic instructions. */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <sched.h>

size_t percpu__atomic_cpu(void)
{
    size_t last = percpu__state->cpus;
    int saved = errno, cpu;

    if (percpu__state->rseq_cpus == 0) {
        cpu = sched_getcpu();
        errno = saved;
        return cpu >= 0 && (size_t)cpu < last ? (size_t)cpu : last;
    }
    if (percpu__state->registers && percpu__rseq_area()->cpu_id == UINT32_MAX &&
        percpu__state->register_thread())
        return NO_CPU;
    errno = saved;
    return last;
}

/* The CPU whose area this thread's pointers and reads use. */
size_t percpu__slow_cpu(void)
{
    size_t cpu = percpu__atomic_cpu();

    if (cpu != NO_CPU)
        return cpu;
    cpu = percpu__rseq_index();
    return cpu < percpu__state->cpus ? cpu : percpu__state->cpus;
}

uintptr_t percpu__slow_slot(void)
{
    return percpu__slot(percpu__slow_cpu());
}

/* fast_*() calls percpu__slow() again at most once: the thread is registered by then. */
/* NOLINTBEGIN(misc-no-recursion) */
#define SLOW(bits)                                                                                 \
    static uint64_t slow_##bits(enum percpu__slow_operation operation, uintptr_t address,          \
                                uint##bits##_t value, uint##bits##_t expected)                     \
    {                                                                                              \
        volatile percpu__u##bits *copy = (volatile percpu__u##bits *)address;                      \
        switch (operation) {                                                                       \
        case PERCPU__SLOW_READ: return __atomic_load_n(copy, __ATOMIC_RELAXED);                    \
        case PERCPU__SLOW_WRITE: __atomic_store_n(copy, value, __ATOMIC_RELAXED); return 0;        \
        case PERCPU__SLOW_ADD: return __atomic_fetch_add(copy, value, __ATOMIC_RELAXED);           \
        case PERCPU__SLOW_AND: return __atomic_fetch_and(copy, value, __ATOMIC_RELAXED);           \
        case PERCPU__SLOW_OR: return __atomic_fetch_or(copy, value, __ATOMIC_RELAXED);             \
        case PERCPU__SLOW_XOR: return __atomic_fetch_xor(copy, value, __ATOMIC_RELAXED);           \
        case PERCPU__SLOW_XCHG: return __atomic_exchange_n(copy, value, __ATOMIC_RELAXED);         \
        case PERCPU__SLOW_CMPXCHG:                                                                 \
            expected = (uint##bits##_t)percpu__expected(expected, sizeof(expected));               \
            __atomic_compare_exchange_n(copy, &expected, value, false, __ATOMIC_RELAXED,           \
                                        __ATOMIC_RELAXED);                                         \
            return expected;                                                                       \
        }                                                                                          \
        __builtin_unreachable();                                                                   \
    }                                                                                              \
    static uint64_t fast_##bits(enum percpu__slow_operation operation, volatile void *p,           \
                                uint##bits##_t value, uint##bits##_t expected)                     \
    {                                                                                              \
        const enum percpu__where where = PERCPU__POINTER;                                          \
        switch (operation) {                                                                       \
        case PERCPU__SLOW_READ: return percpu__read_##bits(p, where);                              \
        case PERCPU__SLOW_WRITE: percpu__write_##bits(p, value, where); return 0;                  \
        case PERCPU__SLOW_ADD: return percpu__fetch_add_##bits(p, value, where);                   \
        case PERCPU__SLOW_AND: percpu__bit_and_##bits(p, value, where); return 0;                  \
        case PERCPU__SLOW_OR: percpu__bit_or_##bits(p, value, where); return 0;                    \
        case PERCPU__SLOW_XOR: percpu__bit_xor_##bits(p, value, where); return 0;                  \
        case PERCPU__SLOW_XCHG: return percpu__xchg_##bits(p, value, where);                       \
        case PERCPU__SLOW_CMPXCHG: return percpu__cmpxchg_##bits(p, expected, value, where);       \
        }                                                                                          \
        __builtin_unreachable();                                                                   \
    }
SLOW(8)
SLOW(16)
SLOW(32)
SLOW(64)

uint64_t percpu__slow(enum percpu__slow_operation operation, volatile void *p, size_t size,
                      uint64_t value, uint64_t expected)
{
    size_t cpu = percpu__atomic_cpu();
    uintptr_t address = (uintptr_t)p + percpu__slot(cpu);

    percpu__note_user(cpu);

#define BY_SIZE(bits)                                                                              \
    cpu != NO_CPU                                                                                  \
        ? slow_##bits(operation, address, (uint##bits##_t)value, (uint##bits##_t)expected)         \
        : fast_##bits(operation, p, (uint##bits##_t)value, (uint##bits##_t)expected)
    switch (size) {
    case 1: return BY_SIZE(8);
    case 2: return BY_SIZE(16);
    case 4: return BY_SIZE(32);
    default: return BY_SIZE(64);
    }
}
/* NOLINTEND(misc-no-recursion) */

#endif
