/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* percpu_try_cmpxchg_on(): updates that are meant for one CPU, and are made on no other. */
#include "areas.h"

#ifdef PERCPU_PLATFORM_RSEQ
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* -- The answers, and what changes ------------------------------------------------------------- */

enum { BEFORE = 0x51, AFTER = 0x2e, OTHER = 0x33 };

/* The operand is in the middle of three. `bad` counts what flipped. */
#define TABLE(T, name, high)                                                                       \
    static PERCPU_DEFINE(T[3], name);                                                              \
    static __attribute__((noinline)) void put_##name(void)                                         \
    {                                                                                              \
        percpu_for_each(cpu) {                                                                     \
            T *copy = percpu_remote_ptr_at(percpu_addr(name[0]), cpu);                             \
            copy[0] = copy[2] = (T)(OTHER);                                                        \
            copy[1] = (T)((high) | BEFORE);                                                        \
        }                                                                                          \
    }                                                                                              \
    /* Whether the copy of CPU `mine` is `value`, and all else is as it was. */                    \
    static __attribute__((noinline)) bool strange_##name(size_t mine, T value)                     \
    {                                                                                              \
        bool bad = false;                                                                          \
        percpu_for_each(cpu) {                                                                     \
            const volatile T *copy = percpu_remote_ptr_at(percpu_addr(name[0]), cpu);              \
            bad |= copy[0] != (T)(OTHER) || copy[2] != (T)(OTHER);                                 \
            bad |= copy[1] != (cpu == mine ? value : (T)((high) | BEFORE));                        \
        }                                                                                          \
        return bad;                                                                                \
    }                                                                                              \
    static unsigned on_##name(size_t mine)                                                         \
    {                                                                                              \
        T PERCPU *p = percpu_addr(name[1]);                                                        \
        const T before = (T)((high) | BEFORE), after = (T)((high) | AFTER), flipped = (T)(BEFORE); \
        unsigned bad = 0;                                                                          \
        put_##name();                                                                              \
        percpu_for_each(cpu) {                                                                     \
            const int error = cpu == mine ? 0 : -PERCPU_EELSEWHERE;                                \
            T old = before;                                                                        \
            bad += percpu_try_cmpxchg_on(name[1], cpu, &old, after) != (error ? error : 1);        \
            bad += old != before;                                                                  \
            bad += strange_##name(mine, cpu == mine ? after : before);                             \
            put_##name();                                                                          \
            bad += percpu_try_cmpxchg_on_at(p, cpu, &old, (T)((high) | 1)) != (error ? error : 1); \
            bad += old != before;                                                                  \
            bad += strange_##name(mine, cpu == mine ? (T)((high) | 1) : before);                   \
            put_##name();                                                                          \
            old = flipped;                                                                         \
            bad += percpu_try_cmpxchg_on(name[1], cpu, &old, after) != error;                      \
            bad += old != (error ? flipped : before);                                              \
            old = (T)(after - 1);                                                                  \
            bad += percpu_try_cmpxchg_on_at(p, cpu, &old, after) != error;                         \
            bad += old != (error ? (T)(after - 1) : before);                                       \
            bad += strange_##name(mine, before);                                                   \
        }                                                                                          \
        for (int i = 0; i < 2; i++) {                                                              \
            const size_t none = i ? SIZE_MAX : percpu_area_num();                                  \
            T old = (T)(after - 2);                                                                \
            bad += percpu_try_cmpxchg_on(name[1], none, &old, after) != -PERCPU_ERANGE;            \
            bad += percpu_try_cmpxchg_on_at(p, none, &old, after) != -PERCPU_ERANGE;               \
            bad += old != (T)(after - 2);                                                          \
            bad += strange_##name(mine, before);                                                   \
        }                                                                                          \
        return bad;                                                                                \
    }
TABLE(uint8_t, u8, 0x80u)
TABLE(int8_t, s8, 0x80u)
TABLE(uint16_t, u16, 0x8000u)
TABLE(int16_t, s16, 0x8000u)
TABLE(uint32_t, u32, 0x80000000u)
TABLE(int32_t, s32, 0x80000000u)
TABLE(uint64_t, u64, UINT64_C(0x8000000000000000))
TABLE(int64_t, s64, UINT64_C(0x8000000000000000))

static PERCPU_DEFINE(int *, pointer);
static PERCPU_DEFINE(bool, flag);

static unsigned others(size_t mine)
{
    static int to;
    int *old = NULL;
    bool was = true;
    unsigned bad = 0;

    bad += percpu_try_cmpxchg_on(pointer, mine, &old, &to) != 1 || percpu_read(pointer) != &to;
    bad += percpu_try_cmpxchg_on(pointer, mine, &old, NULL) != 0 || old != &to;
    bad += percpu_try_cmpxchg_on(pointer, mine, &old, NULL) != 1 || percpu_read(pointer) != NULL;
    bad += percpu_try_cmpxchg_on(flag, mine, &was, true) != 0 || was;
    bad += percpu_try_cmpxchg_on(flag, mine, &was, true) != 1 || !percpu_read(flag);
    bad += percpu_try_cmpxchg_on(flag, mine, &was, false) != 0 || !was;
    percpu_write(flag, false);
    return bad;
}

static unsigned answers(void)
{
    const size_t mine = percpu_cpu_id();

    return on_u8(mine) + on_s8(mine) + on_u16(mine) + on_s16(mine) + on_u32(mine) + on_s32(mine) +
           on_u64(mine) + on_s64(mine) + others(mine);
}

static void answer_here(size_t cpu, void *unused)
{
    size_t before;
    unsigned bad;

    (void)cpu, (void)unused;
    do { /* an mm_cid may change at any time */
        before = percpu_cpu_id();
        bad = answers();
    } while (before != percpu_cpu_id());
    check_eq(bad, 0);
}

static void answers_on_0(size_t bound)
{
    (void)bound;
    answer_here(0, NULL);
}

TEST(on_a_cpu_answers)
{
    with_areas(answers_on_0);
}

/* -- Every success is one, whatever goes on elsewhere ------------------------------------------ */

#ifndef ROUNDS
#define ROUNDS (HARNESS_BARE ? 2000 : 20000)
#endif

static PERCPU_DEFINE(word, counted);
static _Atomic word successes[TEST_MAX_CPUS + 1], strange;

static size_t counted_cpus(void)
{
    size_t n = percpu_area_num();

    return n < TEST_MAX_CPUS + 1 ? n : TEST_MAX_CPUS + 1;
}

/* Adds 1 to the copy of each CPU in turn, and of its own, where that is allowed. */
static void count(size_t cpu, void *unused)
{
    const size_t n = counted_cpus();

    (void)unused;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const size_t mine = percpu_cpu_id(), meant = i % 2 && mine < n ? mine : (cpu + i / 2) % n;
        word old = percpu_remote_read(counted, meant);
        int result = percpu_try_cmpxchg_on(counted, meant, &old, old + 1);

        if (result == 0)
            result = percpu_try_cmpxchg_on(counted, meant, &old, old + 1);
        if (result == 1)
            successes[meant]++;
        else if (result != 0 && result != -PERCPU_EELSEWHERE)
            strange++;
    }
}

static void check_counts(void)
{
    check_eq(strange, 0);
    for (size_t cpu = 0; cpu < counted_cpus(); cpu++)
        check_eq(percpu_remote_read(counted, cpu), successes[cpu]);
}

static void counts(size_t bound)
{
    (void)bound;
    for (size_t cpu = 0; cpu < counted_cpus(); cpu++) {
        percpu_remote_write(counted, cpu, 0);
        successes[cpu] = 0;
    }
    on_bound(count, NULL);
    check(percpu_sum(counted) >= ROUNDS / 4);
    check_counts();
}

TEST(on_a_cpu_counts)
{
    with_areas(counts);
}

/* -- Other CPUs of the machine ----------------------------------------------------------------- */

static void answers_on_each(size_t bound)
{
    for (size_t cpu = 0; cpu < bound; cpu++)
        on_cpu(cpu, answer_here, NULL);
}

TEST(on_a_cpu_answers_on_each)
{
    with_areas(answers_on_each);
}

#ifdef PERCPU_PLATFORM_RSEQ

/* -- Threads that move ------------------------------------------------------------------------- */

enum { MOVED = 4 };
static atomic_int tids[MOVED], ended;

static void *count_and_move(void *number)
{
    const size_t n = (size_t)(uintptr_t)number;

    tids[n] = (int)syscall(SYS_gettid);
    for (int i = 0; i < 8; i++)
        count(n, NULL);
    tids[n] = 0;
    ended++;
    return NULL;
}

TEST(on_a_cpu_of_threads_that_move)
{
    pthread_t threads[MOVED];
    unsigned seed = 1;
    cpu_set_t one;

    ended = 0;
    for (uintptr_t i = 0; i < MOVED; i++)
        check_eq(pthread_create(&threads[i], NULL, count_and_move, (void *)i), 0);
    while (ended != MOVED) {
        const int tid = tids[(unsigned)rand_r(&seed) % MOVED];

        CPU_ZERO(&one);
        CPU_SET((unsigned)rand_r(&seed) % test_cpus(), &one);
        if (tid)
            (void)sched_setaffinity(tid, sizeof one, &one);
        sched_yield();
    }
    for (size_t i = 0; i < MOVED; i++)
        pthread_join(threads[i], NULL);
    check_counts();
}

/* -- A thread without sequences ---------------------------------------------------------------- */

static void *count_as_stranger(void *data)
{
    bool unregistered = false;

    for (unsigned bytes = 32; bytes <= 256 && !unregistered; bytes += 32)
        unregistered =
            syscall(SYS_rseq, percpu__rseq_area(), bytes, 1, PERCPU__RSEQ_SIGNATURE) == 0;
    errno = 77;
    answer_here(0, NULL);
    count(0, NULL);
    check_eq(errno, 77);
    *(bool *)data = unregistered;
    return NULL;
}

TEST(on_a_cpu_without_sequences)
{
    bool unregistered = false;
    pthread_t thread;

    check_eq(pthread_create(&thread, NULL, count_as_stranger, &unregistered), 0);
    pthread_join(thread, NULL);
    note("%s", unregistered ? "the thread had no sequences" : "the thread kept its sequences");
    check_counts();
}

#endif
