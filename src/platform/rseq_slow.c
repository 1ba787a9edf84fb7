/* SPDX-License-Identifier: MIT */
/* rseq: a thread without a sequence works on a slot by atomic instructions. */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <sched.h>

/* Inlined, since a call would be a good part of what an update costs. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/*
 * In a process without sequences an area is only a shard: its updates are atomic instructions, so
 * that any thread may use any area. A thread's shard is the number of a CPU on which it has been,
 * and a count of how often it may use that number before it asks again. Both are in one word, since
 * a signal handler may come between two stores.
 */
enum { USES = 64 };
#define SHARD(cpu, uses) ((uint32_t)(cpu) * USES + (uses))
_Static_assert(SHARD(PERCPU_MAX_CPUS, USES) / USES > PERCPU_MAX_CPUS, "a word has room for both");

/*
 * The word is in the thread's struct rseq, which the kernel does not know. Where the program itself
 * does not use percpu there is no such struct for each thread. Then threads have places in a table,
 * and two that meet there use the same area.
 */
ALWAYS_INLINE uint32_t *word_of_shard(void)
{
    if (__builtin_expect(percpu__rseq_mask != 0, 1))
        return &percpu__rseq_area()->more;
    return &percpu__state
                ->shards[((uint64_t)percpu__thread_pointer() * 0x9e3779b97f4a7c15u >> 32) % SHARDS]
                .word;
}

static __attribute__((noinline, cold)) size_t ask_for_cpu(void)
{
    int saved = errno, answer = sched_getcpu();
    size_t last = percpu__state->cpus;
    size_t cpu = answer >= 0 && (size_t)answer < last ? (size_t)answer : last;

    errno = saved;
    __atomic_store_n(word_of_shard(), SHARD(cpu, USES - 1), __ATOMIC_RELAXED);
    return cpu;
}

/* The area of a thread without a sequence in a process that has sequences. */
static __attribute__((noinline, cold)) size_t cpu_of_stranger(void)
{
    int saved = errno;

    if (percpu__state->registers && percpu__rseq_area()->cpu_id == UINT32_MAX &&
        percpu__state->register_thread())
        return NO_CPU;
    errno = saved;
    return percpu__state->cpus;
}

/* The number that the thread may use once more. NO_CPU: percpu__atomic_cpu_anew() is to tell. */
ALWAYS_INLINE size_t cpu_of_shard(void)
{
    uint32_t *word, shard;

    if (__builtin_expect(percpu__rseq_cpus != 0, 0))
        return NO_CPU;
    word = word_of_shard();
    shard = __atomic_load_n(word, __ATOMIC_RELAXED);
    if (__builtin_expect(shard % USES == 0, 0))
        return NO_CPU;
    __atomic_store_n(word, shard - 1, __ATOMIC_RELAXED);
    return shard / USES;
}

size_t percpu__atomic_cpu_anew(void)
{
    return percpu__rseq_cpus != 0 ? cpu_of_stranger() : ask_for_cpu();
}

size_t percpu__atomic_cpu(void)
{
    size_t cpu = cpu_of_shard();

    return cpu != NO_CPU ? cpu : percpu__atomic_cpu_anew();
}

/* The CPU of a thread that may just have been registered. */
static size_t cpu_of(size_t cpu)
{
    if (cpu == NO_CPU)
        cpu = percpu__rseq_index();
    return cpu < percpu__state->cpus ? cpu : percpu__state->cpus;
}

size_t percpu__slow_cpu(void)
{
    return cpu_of(percpu__atomic_cpu_anew());
}

uintptr_t percpu__slow_slot(void)
{
    return percpu__slot(cpu_of(percpu__atomic_cpu()));
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

#define BY_SIZE(...)                                                                               \
    switch (size) {                                                                                \
    case 1: return __VA_ARGS__(8);                                                                 \
    case 2: return __VA_ARGS__(16);                                                                \
    case 4: return __VA_ARGS__(32);                                                                \
    default: return __VA_ARGS__(64);                                                               \
    }

/*
 * A thread that asks for its CPU, is registered or is on the last area. Not inlined: the others
 * would save registers, too.
 */
static __attribute__((noinline, cold)) uint64_t rarely(enum percpu__slow_operation operation,
                                                       volatile void *p, size_t size,
                                                       uint64_t value, uint64_t expected,
                                                       size_t cpu)
{
    uintptr_t address;

    if (cpu == NO_CPU)
        cpu = percpu__atomic_cpu_anew();
    address = (uintptr_t)p + percpu__slot(cpu);
    percpu__note_user(cpu);
#define EITHER_WAY(bits)                                                                           \
    cpu == NO_CPU                                                                                  \
        ? fast_##bits(operation, p, (uint##bits##_t)value, (uint##bits##_t)expected)               \
        : slow_##bits(operation, address, (uint##bits##_t)value, (uint##bits##_t)expected)
    BY_SIZE(EITHER_WAY)
}

uint64_t percpu__slow(enum percpu__slow_operation operation, volatile void *p, size_t size,
                      uint64_t value, uint64_t expected)
{
    size_t cpu = cpu_of_shard();
    uintptr_t address = (uintptr_t)p + percpu__slot(cpu);

    if (__builtin_expect(cpu >= percpu__state->cpus, 0))
        return rarely(operation, p, size, value, expected, cpu);
#define ATOMICALLY(bits)                                                                           \
    slow_##bits(operation, address, (uint##bits##_t)value, (uint##bits##_t)expected)
    BY_SIZE(ATOMICALLY)
}

#undef BY_SIZE
#define BY_SIZE(bits)                                                                              \
    if (mine == NO_CPU)                                                                            \
        return percpu__cmpxchg_on_##bits(p, cpu, expected, (uint##bits##_t)value,                  \
                                         PERCPU__POINTER);                                         \
    old = slow_##bits(PERCPU__SLOW_CMPXCHG, address, (uint##bits##_t)value, (uint##bits##_t)wanted)

int percpu__slow_on(volatile void *p, size_t cpu, void *expected, uint64_t value, size_t size)
{
    size_t mine = percpu__atomic_cpu();
    uint64_t wanted = percpu__bits(expected, size), old;
    uintptr_t address = (uintptr_t)p + percpu__slot(cpu);

    if (mine != NO_CPU && mine != cpu)
        return -PERCPU_EELSEWHERE;
    percpu__note_user(mine);
    switch (size) {
    case 1: BY_SIZE(8); break;
    case 2: BY_SIZE(16); break;
    case 4: BY_SIZE(32); break;
    default: BY_SIZE(64); break;
    }
    if (old == wanted)
        return 1;
    percpu__set_bits(expected, old, size);
    return 0;
}
/* NOLINTEND(misc-no-recursion) */

#endif
