// SPDX-License-Identifier: MIT
// Every operation of every size on the rseq platform. TAP. A signal handler, a timer and threads
// that migrate interrupt the sequences; the handler updates the same variables, so that a sequence
// that goes on where it was interrupted loses the handler's update.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

const char *percpu_info(void);

#ifndef ROUNDS
#define ROUNDS 20000
#endif
enum { THREADS = 8 };

static int number, failures;

static void check(bool good, const char *name)
{
    printf("%s %d - %s\n", good ? "ok" : "not ok", ++number, name);
    failures += !good;
}

struct totals {
    uint64_t added, fetched, returned, exchanged, toggled, tokens, set, written;
};

#define VARIABLES(bits)                                                                            \
    static PERCPU_DEFINE(uint##bits##_t, added_##bits);                                            \
    static PERCPU_DEFINE(uint##bits##_t, fetched_##bits);                                          \
    static PERCPU_DEFINE(uint##bits##_t, returned_##bits);                                         \
    static PERCPU_DEFINE(uint##bits##_t, exchanged_##bits);                                        \
    static PERCPU_DEFINE(uint##bits##_t, toggled_##bits);                                          \
    static PERCPU_DEFINE(uint##bits##_t, tokens_##bits);                                           \
    static PERCPU_DEFINE(uint##bits##_t, set_##bits);                                              \
    static PERCPU_DEFINE(uint##bits##_t, written_##bits);                                          \
    static PERCPU_DEFINE(uint##bits##_t, single_##bits);

/* What each gives, on one CPU: constants, which may become immediates, and others. */
#define SINGLE(bits)                                                                               \
    static bool single_op_##bits(void)                                                             \
    {                                                                                              \
        const uint64_t high = (uint64_t)1 << (bits - 1), max = high | (high - 1);                  \
        volatile uint##bits##_t opaque = (uint##bits##_t)(max - 6);                                \
        uint##bits##_t v = opaque;                                                                 \
        bool good = true;                                                                          \
        percpu_write(single_##bits, (uint##bits##_t)(high | 5));                                   \
        good &= percpu_read(single_##bits) == (uint##bits##_t)(high | 5);                          \
        percpu_add(single_##bits, 3);                                                              \
        good &= percpu_read(single_##bits) == (uint##bits##_t)(high | 8);                          \
        percpu_add(single_##bits, v);                                                              \
        good &= percpu_read(single_##bits) == (uint##bits##_t)(high | 1);                          \
        good &=                                                                                    \
            percpu_fetch_add(single_##bits, (uint##bits##_t) - 1) == (uint##bits##_t)(high | 1);   \
        good &= percpu_add_return(single_##bits, v) == (uint##bits##_t)(high - 7);                 \
        good &= percpu_xchg(single_##bits, v) == (uint##bits##_t)(high - 7);                       \
        percpu_and(single_##bits, (uint##bits##_t)(max - 1));                                      \
        good &= percpu_read(single_##bits) == (uint##bits##_t)(v & (max - 1));                     \
        percpu_or(single_##bits, 1);                                                               \
        percpu_xor(single_##bits, (uint##bits##_t)high);                                           \
        good &= percpu_read(single_##bits) == (uint##bits##_t)((v | 1) ^ high);                    \
        percpu_xor(single_##bits, v);                                                              \
        percpu_or(single_##bits, v);                                                               \
        percpu_and(single_##bits, v);                                                              \
        good &= percpu_read(single_##bits) == v;                                                   \
        good &= percpu_cmpxchg(single_##bits, (uint##bits##_t) ~v, 9) == v;                        \
        good &= percpu_cmpxchg(single_##bits, (uint##bits##_t)(v ^ high), 9) == v;                 \
        good &= percpu_read(single_##bits) == v;                                                   \
        good &= percpu_cmpxchg(single_##bits, v, (uint##bits##_t)(high | 77)) == v;                \
        good &= percpu_cmpxchg(single_##bits, (uint##bits##_t)(high | 77), 0) ==                   \
                (uint##bits##_t)(high | 77);                                                       \
        good &= percpu_read(single_##bits) == 0;                                                   \
        return good;                                                                               \
    }

#define ROUND(bits)                                                                                \
    static void round_##bits(uint64_t random, uint##bits##_t *token, struct totals *t)             \
    {                                                                                              \
        uint##bits##_t old, seen, r = (uint##bits##_t)random;                                      \
        percpu_add(added_##bits, r);                                                               \
        t->added += r;                                                                             \
        (void)percpu_fetch_add(fetched_##bits, r);                                                 \
        t->fetched += r;                                                                           \
        (void)percpu_add_return(returned_##bits, 1);                                               \
        t->returned++;                                                                             \
        seen = percpu_read(exchanged_##bits);                                                      \
        do {                                                                                       \
            old = seen;                                                                            \
            seen = percpu_cmpxchg(exchanged_##bits, old, (uint##bits##_t)(old + r));               \
        } while (seen != old);                                                                     \
        t->exchanged += r;                                                                         \
        percpu_xor(toggled_##bits, r);                                                             \
        t->toggled ^= r;                                                                           \
        *token = percpu_xchg(tokens_##bits, *token);                                               \
        percpu_or(set_##bits, r);                                                                  \
        t->set |= r;                                                                               \
        percpu_and(set_##bits, (uint##bits##_t) ~0ull);                                            \
        percpu_write(written_##bits, (uint##bits##_t)((r & 0xf) * 0x1111111111111111ull));         \
    }

#define SUM(bits)                                                                                  \
    static void sum_##bits(struct totals t, uint64_t held)                                         \
    {                                                                                              \
        uint##bits##_t added = 0, fetched = 0, returned = 0, exchanged = 0, toggled = 0, set = 0;  \
        uint##bits##_t tokens = (uint##bits##_t)held;                                              \
        bool whole = true;                                                                         \
        percpu_for_each(cpu) {                                                                     \
            uint##bits##_t w = percpu_remote_read(written_##bits, cpu);                            \
            added = (uint##bits##_t)(added + percpu_remote_read(added_##bits, cpu));               \
            fetched = (uint##bits##_t)(fetched + percpu_remote_read(fetched_##bits, cpu));         \
            returned = (uint##bits##_t)(returned + percpu_remote_read(returned_##bits, cpu));      \
            exchanged = (uint##bits##_t)(exchanged + percpu_remote_read(exchanged_##bits, cpu));   \
            tokens = (uint##bits##_t)(tokens + percpu_remote_read(tokens_##bits, cpu));            \
            toggled ^= percpu_remote_read(toggled_##bits, cpu);                                    \
            set |= percpu_remote_read(set_##bits, cpu);                                            \
            whole &= w == (uint##bits##_t)((w & 0xf) * 0x1111111111111111ull);                     \
        }                                                                                          \
        check(added == (uint##bits##_t)t.added, "add, " #bits " bits");                            \
        check(fetched == (uint##bits##_t)t.fetched, "fetch_add, " #bits " bits");                  \
        check(returned == (uint##bits##_t)t.returned, "add_return, " #bits " bits");               \
        check(exchanged == (uint##bits##_t)t.exchanged, "cmpxchg, " #bits " bits");                \
        check(toggled == (uint##bits##_t)t.toggled, "xor, " #bits " bits");                        \
        check(tokens == (uint##bits##_t)t.tokens, "xchg, " #bits " bits");                         \
        check(set == (uint##bits##_t)t.set, "or and and, " #bits " bits");                         \
        check(whole, "write, " #bits " bits");                                                     \
    }
#define EACH(MACRO) MACRO(8) MACRO(16) MACRO(32) MACRO(64)
EACH(VARIABLES)
EACH(SINGLE)
EACH(ROUND)
EACH(SUM)

/* A thread's, and its handler's, which may run inside a round: apart. */
struct thread {
    pthread_t id;
    uint64_t random;
    unsigned first_cpu;
    uint64_t token[4];
    struct totals totals[4];
};
static struct thread threads[2 * THREADS];
static __thread struct thread *handlers;
static long signals;
static pthread_barrier_t ended;

static void one_round(struct thread *t)
{
    uint8_t t8 = (uint8_t)t->token[0];
    uint16_t t16 = (uint16_t)t->token[1];
    uint32_t t32 = (uint32_t)t->token[2];

    t->random = t->random * 6364136223846793005u + 1442695040888963407u;
    round_8(t->random >> 13, &t8, &t->totals[0]);
    round_16(t->random >> 13, &t16, &t->totals[1]);
    round_32(t->random >> 13, &t32, &t->totals[2]);
    round_64(t->random, &t->token[3], &t->totals[3]);
    t->token[0] = t8;
    t->token[1] = t16;
    t->token[2] = t32;
}

static void on_signal(int which)
{
    (void)which;
    if (handlers) {
        one_round(handlers);
        __atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
    }
}

static void move(unsigned to)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(to % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
    sched_setaffinity(0, sizeof(set), &set); /* a CPU that is not ours: stay */
}

static void *work(void *argument)
{
    struct thread *t = argument;

    handlers = t + THREADS;
    for (unsigned i = 0; i < ROUNDS; i++) {
        one_round(t);
        if ((i & 0x3f) == 0)
            sched_yield();
        if ((i & 0xff) == 0)
            move(t->first_cpu + (i >> 8));
    }
    handlers = NULL;
    pthread_barrier_wait(&ended);
    return NULL;
}

/* Signals all threads in turn until told to stop. */
static int stop;
static void *signaller(void *unused)
{
    struct timespec pause = {0, 50000};
    sigset_t all;

    (void)unused;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        for (unsigned i = 0; i < THREADS; i++)
            pthread_kill(threads[i].id, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct totals totals[4];
    uint64_t held[4] = {0};
    pthread_t killer;

    printf("# %s\n", percpu_info());
    pthread_barrier_init(&ended, NULL, THREADS + 1);
    sigaction(SIGUSR1, &action, NULL);
    move(0);
    check(single_op_8(), "results, 8 bits");
    check(single_op_16(), "results, 16 bits");
    check(single_op_32(), "results, 32 bits");
    check(single_op_64(), "results, 64 bits");

    memset(totals, 0, sizeof(totals));
    for (unsigned i = 0; i < 2 * THREADS; i++) {
        threads[i].random = i * 0x9e3779b97f4a7c15u;
        threads[i].first_cpu = i;
        for (unsigned s = 0; s < 4; s++) {
            threads[i].token[s] =
                (threads[i].random >> 5) & (s == 3 ? UINT64_MAX : (1ull << (8u << s)) - 1);
            totals[s].tokens += threads[i].token[s];
        }
    }
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i].id, NULL, work, &threads[i]) != 0)
            abort();
    if (pthread_create(&killer, NULL, signaller, NULL) != 0)
        abort();
    pthread_barrier_wait(&ended); /* threads that are not joined may be signalled */
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    pthread_join(killer, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i].id, NULL);
    for (unsigned i = 0; i < 2 * THREADS; i++)
        for (unsigned s = 0; s < 4; s++) {
            held[s] += threads[i].token[s];
            totals[s].added += threads[i].totals[s].added;
            totals[s].fetched += threads[i].totals[s].fetched;
            totals[s].returned += threads[i].totals[s].returned;
            totals[s].exchanged += threads[i].totals[s].exchanged;
            totals[s].toggled ^= threads[i].totals[s].toggled;
            totals[s].set |= threads[i].totals[s].set;
        }
    sum_8(totals[0], held[0]);
    sum_16(totals[1], held[1]);
    sum_32(totals[2], held[2]);
    sum_64(totals[3], held[3]);
    check(signals > 0, "signals came");
    printf("# %ld signals, %zu areas\n1..%d\n", signals, percpu_area_num(), number);
    return failures != 0;
}
