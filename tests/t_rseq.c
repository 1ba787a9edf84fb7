/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* rseq: what the calls that set areas up answer where nothing is to be set up; threads; signals. */
#include "areas.h"

#ifdef PERCPU_PLATFORM_RSEQ

#ifdef PERCPU_DEBUG
#include "../src/platform/process.h"
#endif

#include <percpu/alloc.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef HERD
#define HERD (6 * test_cpus()) /* threads, none bound to a CPU */
#endif
enum { MAX_HERD = 6 * TEST_MAX_CPUS };

static PERCPU_DEFINE(word, before_main) = 40;
static word seen_before_main;

__attribute__((constructor)) static void use_early(void)
{
    percpu_add(before_main, 2);
    seen_before_main = percpu_sum(before_main);
}

TEST(rseq_areas_exist_before_main)
{
    check_eq(seen_before_main, 40 * percpu_area_num() + 2);
    check_eq(percpu_sum(before_main), seen_before_main);
}

/* Every possible CPU and one for threads without sequences. */
TEST(rseq_start)
{
    char memory[64];
    uintptr_t base = percpu_read_reg();
    size_t n = percpu_area_num();

    check(n > (size_t)sysconf(_SC_NPROCESSORS_CONF));
    check_eq(base, percpu_area_base(test_cpu()));
    check_eq(percpu_cpu_id(), test_cpu());
    check_eq(percpu_init_in_place(), 0);
    check_eq(percpu_init(NULL, 0), 0);
    check_eq(percpu_init(memory, 4), 0);
    check_eq(percpu_area_layout_expected(4).size, 0);
    check_eq(percpu_area_layout_expected(4).align, 0);
    for (size_t cpu = 0; cpu < n; cpu++) {
        check_eq(percpu_init_cpu(cpu, memory), 0);
        check_eq(percpu_init_reg(cpu), 0);
        check(percpu_area_base(cpu) != 0);
    }
    check_eq(percpu_init_cpu(n, memory), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(n), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(SIZE_MAX), -PERCPU_ERANGE);
    check_eq(percpu_area_base(n), 0);
    percpu_write_reg(0);
    percpu_write_reg(12345);
    check_eq(percpu_fini(), -PERCPU_EBUSY);
    check_eq(percpu_read_reg(), base);
    check_eq(percpu_cpu_id(), test_cpu());
    check_eq(percpu_area_num(), n);
    check(percpu_info() != NULL);
}

/* The way that the process is to take, when the test's environment says so. */
TEST(rseq_way)
{
    const char *way = getenv("TEST_RSEQ_WAY");

    note("%s", percpu_info());
    check(string_contains(percpu_info(), way ? way : "restartable sequences"));
}

/* -- A thread that the kernel does not know -------------------------------------------------- */

static PERCPU_DEFINE(uint64_t, of_strangers);
static PERCPU_DEFINE(uint64_t, owned_by_strangers);

static bool unregister(void)
{
    /* As long as what was registered, which only libc knows; Linux, uapi/linux/rseq.h: a flag. */
    for (unsigned bytes = 32; bytes <= 256; bytes += 32)
        if (syscall(SYS_rseq, percpu__rseq_area(), bytes, 1, PERCPU__RSEQ_SIGNATURE) == 0)
            return true;
    return false;
}

/* The kernel takes one struct rseq from a thread, and refuses a second one: rseq(2). */
static bool is_registered(void)
{
    struct percpu__rseq other __attribute__((aligned(32))) = {0};

    if (syscall(SYS_rseq, &other, sizeof other, 0, PERCPU__RSEQ_SIGNATURE) != 0)
        return true;
    syscall(SYS_rseq, &other, sizeof other, 1, PERCPU__RSEQ_SIGNATURE);
    return false;
}

static atomic_uint registered_strangers;

static void *be_a_stranger(void *data)
{
    *(bool *)data = unregister();
    for (int i = 0; i < 1000; i++)
        percpu_inc(of_strangers);
    percpu_xor(of_strangers, 1);
    percpu_xor(of_strangers, 1);
    percpu_with_current(owned_by_strangers, p) {
        ++*p;
        percpu_with_current(owned_by_strangers, q)
            ++*q;
    }
    registered_strangers += is_registered();
    return NULL;
}

TEST(rseq_unregistered_thread)
{
    bool is_libcs = string_contains(percpu_info(), "libc registers threads");
    bool unregistered = false;
    pthread_t thread;

    percpu_add(of_strangers, 7);
    if (!check_eq(pthread_create(&thread, NULL, be_a_stranger, &unregistered), 0))
        return;
    pthread_join(thread, NULL);
    check_eq(percpu_sum(of_strangers), 1007);
    check_eq(percpu_sum(owned_by_strangers), 2);
    /* Where sequences run there is an area that they never touch. */
    if (is_libcs) {
        check(unregistered);
        check_eq(registered_strangers, 0);
        check_eq(percpu_remote_read(of_strangers, percpu_area_num() - 1), 1000);
        check_eq(percpu_remote_read(owned_by_strangers, percpu_area_num() - 1), 2);
    }
}

/* -- The end of a thread --------------------------------------------------------------------- */

static PERCPU_DEFINE(uint64_t, at_the_end);
static pthread_key_t key_at_the_end;
static atomic_uint still_registered, left_in_round_1;

/*
 * In each round it comes behind the library's destructor, whose key was made before. musl has
 * disabled cancellation by then; others have not.
 */
static void end_thread(void *rounds)
{
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    percpu_inc(at_the_end);
    left_in_round_1 += *(int *)rounds == 0 && !is_registered();
    if (++*(int *)rounds < _POSIX_THREAD_DESTRUCTOR_ITERATIONS)
        pthread_setspecific(key_at_the_end, rounds);
    else
        still_registered += is_registered();
}

static void *use_and_end(void *rounds)
{
    percpu_inc(at_the_end);
    pthread_setspecific(key_at_the_end, rounds);
    return NULL;
}

/* What the kernel knows of a thread is memory that goes with the thread: it would write there. */
TEST(rseq_thread_leaves_unregistered)
{
    bool is_ours = string_contains(percpu_info(), "percpu registers threads");
    pthread_t thread;
    int rounds = 0;

    check_eq(pthread_key_create(&key_at_the_end, end_thread), 0);
    check_eq(pthread_create(&thread, NULL, use_and_end, &rounds), 0);
    pthread_join(thread, NULL);
    check_eq(rounds, _POSIX_THREAD_DESTRUCTOR_ITERATIONS);
    check_eq(percpu_sum(at_the_end), 1 + rounds);
    check(!is_ours || still_registered == 0);
    check(!is_ours || left_in_round_1 == 0); /* others' destructors have sequences */
    pthread_key_delete(key_at_the_end);
}

/* -- A herd of threads: more than CPUs, moved about, interrupted ------------------------------ */

/* What it has put into the variables; a thread's own, and apart from its signal handler's. */
struct account {
    uint64_t added, exchanged, swapped, mixed, largest, lost;
};

/* Tests take the protection out of these. */
#define WRITE(var, n) percpu_write(var, n)
#define ADD(var, n) percpu_add(var, n)
#define ADD_RETURN(var, n) percpu_add_return(var, n)
#define FETCH_ADD(var, n) percpu_fetch_add(var, n)
#define XCHG(var, n) percpu_xchg(var, n)
#define TRY_CMPXCHG(var, old, n) percpu_try_cmpxchg(var, old, n)
#define XOR(var, n) percpu_xor(var, n)
#define OR(var, n) percpu_or(var, n)
#define ADD_UNLESS(var, n, mask) percpu_add_unless(var, n, mask)
#define MAX(var, n) percpu_max(var, n)
#define AND(var, n) percpu_and(var, n)

enum { MASKS = 64 };

/*
 * adder sums what is added, exchanged what was put in and not taken out, swapped the successes of
 * cmpxchg; mixer's copies together are the xor of all. In `set` and `clear` each bit is written
 * once, somewhere.
 */
#define OPERATIONS(bits)                                                                           \
    static PERCPU_DEFINE(uint##bits##_t, adder_##bits);                                            \
    static PERCPU_DEFINE(uint##bits##_t, exchanged_##bits);                                        \
    static PERCPU_DEFINE(uint##bits##_t, swapped_##bits);                                          \
    static PERCPU_DEFINE(uint##bits##_t, mixer_##bits);                                            \
    static PERCPU_DEFINE(uint##bits##_t, largest_##bits);                                          \
    static PERCPU_DEFINE(uint##bits##_t[MASKS], set_##bits);                                       \
    static PERCPU_DEFINE(uint##bits##_t[MASKS], clear_##bits);                                     \
                                                                                                   \
    /* A copy never becomes smaller. */                                                            \
    static bool is_in_a_copy_##bits(uint##bits##_t largest)                                        \
    {                                                                                              \
        percpu_for_each(cpu)                                                                       \
            if (percpu_remote_read(largest_##bits, cpu) >= largest)                                \
                return true;                                                                       \
        return false;                                                                              \
    }                                                                                              \
                                                                                                   \
    static void operate_##bits(struct account *account, unsigned *seed)                            \
    {                                                                                              \
        uint##bits##_t n = (uint##bits##_t)((unsigned)rand_r(seed) * 2654435761u), old;            \
                                                                                                   \
        ADD(adder_##bits, n);                                                                      \
        (void)ADD_RETURN(adder_##bits, n);                                                         \
        (void)FETCH_ADD(adder_##bits, n);                                                          \
        (void)ADD_UNLESS(adder_##bits, n, 0);                                                      \
        account->added += 4ULL * n;                                                                \
        account->lost += !is_in_a_copy_##bits((uint##bits##_t)account->largest);                   \
        if (account->largest != (uint##bits##_t) ~(uint##bits##_t)0)                               \
            account->largest++;                                                                    \
        MAX(largest_##bits, (uint##bits##_t)account->largest);                                     \
        account->exchanged += n;                                                                   \
        account->exchanged -= XCHG(exchanged_##bits, n);                                           \
        XOR(mixer_##bits, n);                                                                      \
        account->mixed ^= n;                                                                       \
        old = percpu_read(swapped_##bits);                                                         \
        account->swapped += TRY_CMPXCHG(swapped_##bits, &old, (uint##bits##_t)(old + 1));          \
    }                                                                                              \
                                                                                                   \
    /* The thread's bits; there are as many words as it takes. */                                  \
    static void operate_on_masks_##bits(size_t thread)                                             \
    {                                                                                              \
        for (size_t i = thread / bits; i < MASKS; i += (HERD + bits - 1) / bits) {                 \
            OR(set_##bits[i], (uint##bits##_t)1 << thread % bits);                                 \
            AND(clear_##bits[i], (uint##bits##_t) ~((uint##bits##_t)1 << thread % bits));          \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void fill_##bits(void)                                                                  \
    {                                                                                              \
        percpu_for_each(cpu)                                                                       \
            for (size_t i = 0; i < MASKS; i++)                                                     \
                percpu_remote_write(clear_##bits[i], cpu, (uint##bits##_t) ~(uint##bits##_t)0);    \
    }                                                                                              \
                                                                                                   \
    static void verify_##bits(const struct account *all)                                           \
    {                                                                                              \
        uint64_t mixed = 0, set = 0, cleared = 0, words = 0, largest = 0;                          \
                                                                                                   \
        for (size_t t = 0; t < HERD; t++)                                                          \
            for (size_t i = t / bits; i < MASKS; i += (HERD + bits - 1) / bits)                    \
                words++;                                                                           \
        percpu_for_each(cpu) {                                                                     \
            mixed ^= percpu_remote_read(mixer_##bits, cpu);                                        \
            if (largest < percpu_remote_read(largest_##bits, cpu))                                 \
                largest = percpu_remote_read(largest_##bits, cpu);                                 \
            for (size_t i = 0; i < MASKS; i++) {                                                   \
                uint##bits##_t zeros = (uint##bits##_t) ~percpu_remote_read(clear_##bits[i], cpu); \
                set += (unsigned)__builtin_popcountll(percpu_remote_read(set_##bits[i], cpu));     \
                cleared += (unsigned)__builtin_popcountll(zeros);                                  \
            }                                                                                      \
        }                                                                                          \
        check_eq(percpu_sum(adder_##bits), (uint##bits##_t)all->added);                            \
        check_eq(percpu_sum(exchanged_##bits), (uint##bits##_t)all->exchanged);                    \
        check_eq(percpu_sum(swapped_##bits), (uint##bits##_t)all->swapped);                        \
        check_eq((uint##bits##_t)mixed, (uint##bits##_t)all->mixed);                               \
        check(largest == all->largest);                                                            \
        check_eq(all->lost, 0);                                                                    \
        check_eq(set, words);                                                                      \
        check_eq(cleared, words);                                                                  \
    }
OPERATIONS(8)
OPERATIONS(16)
OPERATIONS(32)
OPERATIONS(64)

enum { SIZES = 4 };

static struct herded {
    pthread_t thread;
    size_t number;
    struct account accounts[2][SIZES]; /* the thread's and its handler's */
    unsigned seeds[2];
    double reals[2];
    atomic_uint signals, steps;
    atomic_int tid;
} herd[MAX_HERD];
static atomic_size_t grazing;
static atomic_bool enough;
static _Thread_local struct herded *self;
static PERCPU_DEFINE(double, adder_real);

static void operate(bool in_handler)
{
    struct account *accounts = self->accounts[in_handler];
    unsigned *seed = &self->seeds[in_handler];

    operate_8(&accounts[0], seed);
    operate_16(&accounts[1], seed);
    operate_32(&accounts[2], seed);
    operate_64(&accounts[3], seed);
    ADD(adder_real, 1);
    self->reals[in_handler]++;
}

SIGNAL_HANDLER static void operate_in_handler(int number)
{
    (void)number;
    if (self) {
        operate(true);
        self->signals++;
    }
}

static void *graze(void *data)
{
    self = data;
    self->tid = (int)syscall(SYS_gettid);
    operate_on_masks_8(self->number);
    operate_on_masks_16(self->number);
    operate_on_masks_32(self->number);
    operate_on_masks_64(self->number);
    for (unsigned round = 0; round < 100 || !enough; round++) {
        operate(false);
        if (round % 16 == 0)
            sched_yield();
        if (round % 64 == 0)
            usleep(1);
    }
    self = NULL;
    grazing--;
    while (grazing != 0) /* nobody ends while others may signal it */
        sched_yield();
    return NULL;
}

/* Where everything is slow, tests ask for fewer. */
static unsigned signals_to_send(void)
{
    const char *number = getenv("TEST_RSEQ_SIGNALS");
    return number ? (unsigned)strtoul(number, NULL, 10) : 20000;
}

/* Starts the herd; moves and interrupts its threads at random; waits for its end. */
static void drive(void *(*fn)(void *), void (*handler)(int))
{
    struct sigaction action = {.sa_flags = SA_RESTART}, before;
    cpu_set_t one;
    unsigned seed = 1, signals = signals_to_send();

    action.sa_handler = handler;
    sigaction(SIGUSR2, &action, &before);
    enough = false;
    grazing = HERD;
    for (size_t t = 0; t < HERD; t++) {
        herd[t] = (struct herded){.number = t, .seeds = {(unsigned)t, (unsigned)t + 1000}};
        check_eq(pthread_create(&herd[t].thread, NULL, fn, &herd[t]), 0);
    }
    for (unsigned n = 0; n < signals; n++) {
        struct herded *one_of = &herd[(unsigned)rand_r(&seed) % HERD];

        CPU_ZERO(&one);
        CPU_SET((unsigned)rand_r(&seed) % test_cpus(), &one);
        while (one_of->tid == 0) /* it has not started yet */
            sched_yield();
        sched_setaffinity(one_of->tid, sizeof one, &one);
        pthread_kill(one_of->thread, SIGUSR2);
        if (n % 64 == 0)
            sched_yield();
    }
    enough = true;
    for (size_t t = 0; t < HERD; t++)
        pthread_join(herd[t].thread, NULL);
    sigaction(SIGUSR2, &before, NULL);
}

TEST(rseq_no_update_is_lost)
{
    struct account sums[SIZES] = {0};
    unsigned signals = 0;
    double reals = 0;

    fill_8();
    fill_16();
    fill_32();
    fill_64();
    drive(graze, operate_in_handler);
    for (size_t t = 0; t < HERD; t++) {
        signals += herd[t].signals;
        reals += herd[t].reals[0] + herd[t].reals[1];
        for (int who = 0; who < 2; who++)
            for (int size = 0; size < SIZES; size++) {
                const struct account *account = &herd[t].accounts[who][size];

                sums[size].added += account->added;
                sums[size].exchanged += account->exchanged;
                sums[size].swapped += account->swapped;
                sums[size].mixed ^= account->mixed;
                sums[size].lost += account->lost;
                if (sums[size].largest < account->largest)
                    sums[size].largest = account->largest;
            }
    }
    note("%u signals", signals);
    verify_8(&sums[0]);
    verify_16(&sums[1]);
    verify_32(&sums[2]);
    verify_64(&sums[3]);
    check(percpu_sum(adder_real) == reals);
}

/* -- A handler's maximum stays ----------------------------------------------------------------- */

enum { HIGH = 1 << 30, HANDLERS = 1000 };
static PERCPU_DEFINE(word, highest);
static atomic_uint asked, handled;

SIGNAL_HANDLER static void raise_in_handler(int number)
{
    (void)number;
    percpu_max(highest, HIGH + handled);
    handled++;
}

static void *raise_slowly(void *lost)
{
    for (unsigned round = 0; round < HANDLERS; round++) {
        word all = 0;

        percpu_for_each(cpu)
            percpu_remote_write(highest, cpu, 0);
        asked = round + 1;
        for (word n = 1; handled == round; n++) /* n stays far below HIGH */
            percpu_max(highest, n < HIGH ? n : 0);
        percpu_for_each(cpu)
            all |= percpu_remote_read(highest, cpu);
        *(unsigned *)lost += all < HIGH + round;
    }
    return NULL;
}

TEST(rseq_maximum_of_a_handler)
{
    struct sigaction action = {.sa_flags = SA_RESTART}, before;
    pthread_t thread;
    unsigned lost = 0;

    action.sa_handler = raise_in_handler;
    sigaction(SIGUSR2, &action, &before);
    asked = handled = 0;
    check_eq(pthread_create(&thread, NULL, raise_slowly, &lost), 0);
    for (unsigned round = 0; round < HANDLERS; round++) {
        while (asked <= round)
            sched_yield();
        pthread_kill(thread, SIGUSR2);
    }
    pthread_join(thread, NULL);
    sigaction(SIGUSR2, &before, NULL);
    check_eq(lost, 0);
}

/* -- No copy is updated from elsewhere ------------------------------------------------------- */

/*
 * One update, for ever, by a few threads; one of them is alone on its CPU. When it has been moved
 * away, nobody updates that CPU's copies any more: nor does this thread, which may be in the middle
 * of an update.
 */
enum update {
    U_WRITE,
    U_ADD,
    U_AND,
    U_OR,
    U_XOR,
    U_ADD_RETURN,
    U_FETCH_ADD,
    U_XCHG,
    U_CMPXCHG,
    U_RESET,
};
#ifndef MOVES
#define MOVES 2 /* strays show with more, and delays in the sequences: rseq.sh */
#endif
enum { UPDATES = U_RESET + 1, OTHERS = 2 };
static const char *const update_names[UPDATES] = {"write",   "add",          "and",       "or",
                                                  "xor",     "add_return",   "fetch_add", "xchg",
                                                  "cmpxchg", "reset_to_init"};
static atomic_uint update_now; /* enum update, and the number of the size */

#define UPDATES_OF(bits)                                                                           \
    static PERCPU_DEFINE(uint##bits##_t, deserted_##bits);                                         \
    static void update_##bits(enum update update, uint##bits##_t n)                                \
    {                                                                                              \
        uint##bits##_t old;                                                                        \
        switch (update) {                                                                          \
        case U_WRITE: WRITE(deserted_##bits, n); break;                                            \
        case U_ADD: ADD(deserted_##bits, n); break;                                                \
        case U_AND: AND(deserted_##bits, (uint##bits##_t) ~n); break;                              \
        case U_OR: OR(deserted_##bits, n); break;                                                  \
        case U_XOR: XOR(deserted_##bits, n); break;                                                \
        case U_ADD_RETURN: (void)ADD_RETURN(deserted_##bits, n); break;                            \
        case U_FETCH_ADD: (void)FETCH_ADD(deserted_##bits, n); break;                              \
        case U_XCHG: (void)XCHG(deserted_##bits, n); break;                                        \
        case U_CMPXCHG:                                                                            \
            old = percpu_read(deserted_##bits);                                                    \
            (void)TRY_CMPXCHG(deserted_##bits, &old, (uint##bits##_t)(old + n));                   \
            break;                                                                                 \
        case U_RESET: percpu_reset_to_init(deserted_##bits); break;                                \
        }                                                                                          \
    }                                                                                              \
    static void set_deserted_##bits(size_t cpu, uint##bits##_t value)                              \
    {                                                                                              \
        percpu_remote_write(deserted_##bits, cpu, value);                                          \
    }                                                                                              \
    static bool is_deserted_##bits(size_t cpu, uint##bits##_t value)                               \
    {                                                                                              \
        return percpu_remote_read(deserted_##bits, cpu) == value;                                  \
    }
UPDATES_OF(8)
UPDATES_OF(16)
UPDATES_OF(32)
UPDATES_OF(64)

static void update_once(void)
{
    enum update update = update_now / SIZES;
    unsigned n = 1u << self->number % 8;

    switch (update_now % SIZES) {
    case 0: update_8(update, (uint8_t)n); break;
    case 1: update_16(update, (uint16_t)n); break;
    case 2: update_32(update, n); break;
    default: update_64(update, n); break;
    }
}

SIGNAL_HANDLER static void update_in_handler(int number)
{
    (void)number;
    if (self)
        update_once();
}

static void *update_always(void *data)
{
    self = data;
    self->tid = (int)syscall(SYS_gettid);
    while (!enough) {
        update_once();
        self->steps++;
        if (self->number != 0)
            sched_yield();
    }
    self = NULL;
    grazing--;
    while (grazing != 0) /* nobody ends while others may signal it */
        sched_yield();
    return NULL;
}

static void set_deserted(size_t cpu, uint64_t value)
{
    set_deserted_8(cpu, (uint8_t)value);
    set_deserted_16(cpu, (uint16_t)value);
    set_deserted_32(cpu, (uint32_t)value);
    set_deserted_64(cpu, value);
}

static bool is_deserted(size_t cpu, uint64_t value)
{
    return is_deserted_8(cpu, (uint8_t)value) && is_deserted_16(cpu, (uint16_t)value) &&
           is_deserted_32(cpu, (uint32_t)value) && is_deserted_64(cpu, value);
}

static void put_on(size_t cpu, int tid)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    check_eq(sched_setaffinity(tid, sizeof one, &one), 0);
}

/*
 * Without sequences a thread keeps the number of a CPU for 64 operations. Then it asks again: it
 * does not stay where it was. percpu_cpu_id() is exact, and the next updates use its answer.
 */
static PERCPU_DEFINE(uint64_t, followed);

TEST(rseq_shard_follows_its_thread)
{
    cpu_set_t mine;

    if (!string_contains(percpu_info(), "atomic instructions") || !check(test_cpus() > 1))
        return;
    sched_getaffinity(0, sizeof mine, &mine);
    for (size_t round = 0; round < 200; round++) {
        const size_t here = round % 2, there = !here;
        const uint64_t before = percpu_remote_read(followed, there);

        put_on(here, 0);
        check_eq(percpu_cpu_id(), here);
        percpu_inc(followed);
        put_on(there, 0);
        for (size_t i = 0; i < 64; i++)
            percpu_inc(followed);
        check(percpu_remote_read(followed, there) > before);

        put_on(here, 0);
        check_eq(percpu_read_reg(), percpu_area_base(here));
        put_on(there, 0);
        check_eq(percpu_cpu_id(), there);
        percpu_write(followed, 1000 * round);
        check_eq(percpu_remote_read(followed, there), 1000 * round);
        check(percpu_current_ptr(followed) == percpu_remote_ptr(followed, there));
        put_on(here, 0);
        percpu_with_current(followed, p)
            check(p == percpu_remote_ptr(followed, here));
    }
    sched_setaffinity(0, sizeof mine, &mine);
    (void)percpu_cpu_id(); /* the area of this CPU, also without sequences */
}

/* Until the thread has begun and ended an update. */
static void wait_for_update(const struct herded *thread)
{
    unsigned before = thread->steps;

    while (thread->steps - before < 2)
        sched_yield();
}

/* Answers whether copies stayed as they were when nobody was there any more. */
static bool desert(struct herded *thread, size_t move, uint64_t value)
{
    bool was_deserted;

    usleep(20); /* and then this interrupts the other one */
    if (move % 4 == 0)
        pthread_kill(thread->thread, SIGUSR2);
    put_on(0, thread->tid);
    set_deserted(1, value);
    wait_for_update(thread);
    was_deserted = is_deserted(1, value);
    put_on(1, thread->tid);
    return was_deserted;
}

TEST(rseq_no_update_from_elsewhere)
{
    const bool has_sequences = string_contains(percpu_info(), "restartable sequences");
    struct sigaction action = {.sa_flags = SA_RESTART}, before;
    cpu_set_t mine;

    if (!check(test_cpus() > 1))
        return;
    action.sa_handler = update_in_handler;
    sigaction(SIGUSR2, &action, &before);
    sched_getaffinity(0, sizeof mine, &mine);
    put_on(1, 0);
    enough = false;
    update_now = 0;
    grazing = 1 + OTHERS;
    for (size_t t = 0; t < 1 + OTHERS; t++) {
        herd[t] = (struct herded){.number = t};
        check_eq(pthread_create(&herd[t].thread, NULL, update_always, &herd[t]), 0);
        wait_for_update(&herd[t]);
        put_on(t == 0, herd[t].tid);
    }
    for (unsigned update = 0; update < UPDATES; update++)
        for (unsigned size = 0; size < SIZES; size++) {
            /* Atomic instructions may reach any copy. A cmpxchg is decided in a shorter part. */
            const size_t moves = !has_sequences ? 1 : update == U_CMPXCHG ? 4 * MOVES : MOVES;
            unsigned strays = 0;

            update_now = update * SIZES + size;
            wait_for_update(&herd[0]);
            for (size_t move = 0; move < moves; move++)
                strays +=
                    !desert(&herd[0], move, update == U_AND || update == U_RESET ? UINT64_MAX : 0);
            if (strays > 0)
                note("%s, %u bytes: %u updates from elsewhere", update_names[update], 1u << size,
                     strays);
            check(strays == 0 || !has_sequences);
        }
    enough = true;
    for (size_t t = 0; t < 1 + OTHERS; t++)
        pthread_join(herd[t].thread, NULL);
    sched_setaffinity(0, sizeof mine, &mine);
    (void)percpu_cpu_id(); /* the area of this CPU, also without sequences */
    sigaction(SIGUSR2, &before, NULL);
}

/* -- Blocks --------------------------------------------------------------------------------- */

struct two {
    uint64_t a, b; /* equal outside of blocks */
};
static PERCPU_DEFINE(struct two, two);
static PERCPU_DEFINE(struct two, two_of_handlers);
static PERCPU_DEFINE(uint64_t, inside); /* threads in a block there */
static atomic_ulong unequal, blocks, handler_blocks;

static void move_somewhere(unsigned *seed)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((unsigned)rand_r(seed) % test_cpus(), &one);
    sched_setaffinity(0, sizeof one, &one);
}

static bool increment(unsigned *seed)
{
    percpu_with_current(two, p) {
        volatile struct two *q = p;
        uint64_t a = q->a;

        if (a != q->b)
            unequal++;
        q->a = a + 1;
        move_somewhere(seed);
        sched_yield();
        percpu_with_current(inside, n) { /* the same area: it is owned already */
            if ((uintptr_t)n - (uintptr_t)p != percpu_offset(inside) - percpu_offset(two) ||
                ++*n != 1)
                unequal++;
            sched_yield();
            --*n;
        }
        q->b = a + 1;
        blocks++;
        if (a % 3 == 0)
            return true;
        if (a % 3 == 1)
            break;
    }
    return false;
}

SIGNAL_HANDLER static void block_in_handler(int number)
{
    (void)number;
    percpu_with_current(two_of_handlers, p) {
        volatile struct two *q = p;

        if (q->a != q->b)
            unequal++;
        q->a++;
        q->b++;
        handler_blocks++;
    }
}

static void *block_after_block(void *data)
{
    struct herded *me = data;

    me->tid = (int)syscall(SYS_gettid);
    for (unsigned round = 0; round < 50 || !enough; round++)
        increment(&me->seeds[0]);
    grazing--;
    while (grazing != 0)
        sched_yield();
    return NULL;
}

TEST(rseq_blocks_own_their_area)
{
    struct two sum = {0, 0};

    unequal = 0;
    drive(block_after_block, block_in_handler);
    check_eq(unequal, 0);
    check(blocks > 0 && handler_blocks > 0);
    note("%lu blocks, %lu in signal handlers", blocks, handler_blocks);
    percpu_for_each(cpu) {
        sum.a += percpu_remote_ptr(two, cpu)->a;
        sum.b += percpu_remote_ptr(two_of_handlers, cpu)->a;
        check_eq(percpu_remote_ptr(two, cpu)->a, percpu_remote_ptr(two, cpu)->b);
    }
    check_eq(sum.a, blocks);
    check_eq(sum.b, handler_blocks);
}

/* A thread's state in /proc: is it asleep? */
static bool sleeps(int tid)
{
    char name[64], text[256] = "";
    FILE *file;

    snprintf(name, sizeof name, "/proc/self/task/%d/stat", tid);
    file = fopen(name, "re");
    if (file && !fgets(text, sizeof text, file))
        text[0] = 0;
    if (file)
        fclose(file);
    return string_contains(text, ") S ");
}

static atomic_int resetter;
static atomic_bool reset_done;

static void *reset_two(void *unused)
{
    put_on(0, 0);
    resetter = (int)syscall(SYS_gettid);
    percpu_reset_to_init(two);
    reset_done = true;
    return unused;
}

/* A variable of more than a word is reset as by a block: not while another one works on it. */
TEST(rseq_reset_waits_for_a_block)
{
    cpu_set_t before;
    pthread_t thread;

    sched_getaffinity(0, sizeof before, &before);
    put_on(0, 0);
    resetter = 0;
    reset_done = false;
    percpu_with_current(two, p) {
        volatile struct two *q = p;

        q->a = 77;
        check_eq(pthread_create(&thread, NULL, reset_two, NULL), 0);
        while (!reset_done && (resetter == 0 || !sleeps(resetter)))
            sched_yield();
        check(!reset_done);
        check_eq(q->a, 77);
    }
    pthread_join(thread, NULL);
    percpu_with_current(two, p) {
        check_eq(p->a, 0);
        check_eq(p->b, 0);
    }
    sched_setaffinity(0, sizeof before, &before);
    (void)percpu_cpu_id(); /* the area of this CPU, also without sequences */
}

static atomic_bool is_in_block, has_waited;
static atomic_int errno_behind_blocks;

static void *wait_long(void *unused)
{
    put_on(0, 0);
    errno = 77;
    percpu_with_current(two, p) {
        (void)p;
        has_waited = true;
        check(!is_in_block);
    }
    errno_behind_blocks = errno;
    return unused;
}

/* Who waits looks now and then whether the owner still lives: it does. */
TEST(rseq_long_block)
{
    const struct timespec long_enough = {0, 250000000}; /* a shorter one shows less */
    cpu_set_t before;
    pthread_t thread;

    sched_getaffinity(0, sizeof before, &before);
    put_on(0, 0);
    has_waited = false;
    errno_behind_blocks = 0;
    percpu_with_current(two, p) {
        (void)p;
        is_in_block = true;
        check_eq(pthread_create(&thread, NULL, wait_long, NULL), 0);
        nanosleep(&long_enough, NULL);
        check(!has_waited);
        is_in_block = false;
    }
    pthread_join(thread, NULL);
    check(has_waited);
    check_eq(errno_behind_blocks, 77);
    sched_setaffinity(0, sizeof before, &before);
    (void)percpu_cpu_id(); /* the area of this CPU, also without sequences */
}

/* Holds the area of the last CPU until it is told, or cancelled. */
static pthread_barrier_t held;

static void *hold(void *data)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(test_cpus() - 1, &one);
    sched_setaffinity(0, sizeof one, &one);
    percpu_with_current(two, p) {
        (void)p;
        pthread_barrier_wait(&held);
        /* Until it is cancelled; not by a signal: qemu-user 7.2 misaligns its handler's stack. */
        while (data) {
            pthread_testcancel();
            sched_yield();
        }
        pthread_barrier_wait(&held);
    }
    return NULL;
}

static void use_two(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    percpu_with_current(two, p) {
        p->a++;
        p->b++;
    }
}

TEST(rseq_cancelled_in_a_block)
{
    pthread_t thread;

    pthread_barrier_init(&held, NULL, 2);
    check_eq(pthread_create(&thread, NULL, hold, &held), 0);
    pthread_barrier_wait(&held);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    on_cpus(use_two, NULL); /* hangs where an area was not given back */
    pthread_barrier_destroy(&held);
}

TEST(rseq_try_block)
{
    int tried = 0, held_by_others = 0;
    cpu_set_t before, one;
    pthread_t thread;

    sched_getaffinity(0, sizeof before, &before);
    CPU_ZERO(&one);
    CPU_SET(test_cpus() - 1, &one);
    sched_setaffinity(0, sizeof one, &one);
    pthread_barrier_init(&held, NULL, 2);
    check_eq(pthread_create(&thread, NULL, hold, NULL), 0);
    pthread_barrier_wait(&held);
    for (int i = 0; i < 3; i++)
        percpu_try_with_current(two, p) {
            (void)p;
            tried++;
        } else {
            held_by_others++;
        }
    check_eq(tried, 0);
    check_eq(held_by_others, 3);
    pthread_barrier_wait(&held);
    pthread_join(thread, NULL);
    percpu_try_with_current(two, p) {
        (void)p;
        tried++;
        percpu_try_with_current(two, q) {
            check(p == q);
            tried++;
        }
    }
    check_eq(tried, 2);
    use_two(0, NULL); /* hangs where an area was not given back */
    pthread_barrier_destroy(&held);
    sched_setaffinity(0, sizeof before, &before);
    (void)percpu_cpu_id(); /* the area of this CPU, also without sequences */
}

/* The owner of an area waits for a thread that waits for the area: that takes the last one. */
static void *enter_and_tell(void *has_been)
{
    put_on(0, 0);
    percpu_with_current(two, p)
        (void)p;
    *(atomic_bool *)has_been = true;
    return NULL;
}

TEST(rseq_block_of_one_who_waits)
{
    atomic_bool has_been = false;
    cpu_set_t before;
    pthread_t thread;

    sched_getaffinity(0, sizeof before, &before);
    put_on(0, 0);
    percpu_with_current(two, p) {
        (void)p;
        check_eq(pthread_create(&thread, NULL, enter_and_tell, &has_been), 0);
        while (!has_been)
            sched_yield();
    }
    pthread_join(thread, NULL);
    on_cpus(use_two, NULL);
    sched_setaffinity(0, sizeof before, &before);
    (void)percpu_cpu_id(); /* the area of this CPU, also without sequences */
}

/* In the child nobody else lives: its blocks need not wait for other threads'. */
TEST(rseq_fork_in_a_block)
{
    pthread_t thread;
    pid_t child = -1;
    int status = 0;
    cpu_set_t before, one;

    pthread_barrier_init(&held, NULL, 2);
    check_eq(pthread_create(&thread, NULL, hold, NULL), 0);
    pthread_barrier_wait(&held);
    sched_getaffinity(0, sizeof before, &before);
    percpu_with_current(two_of_handlers, p) {
        uint64_t a = p->a;

        child = test_cpus() > 1 ? fork() : -1;
        if (child == 0) {
            alarm(5);
            percpu_with_current(two_of_handlers, q)
                q->a = a + (p == q);
        }
    }
    if (child == 0) {
        uint64_t sum = percpu_sum(two.a);

        for (size_t cpu = 0; cpu < test_cpus(); cpu++) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
            use_two(cpu, NULL);
            percpu_inc(of_strangers);
        }
        _exit(percpu_sum(two.a) != sum + test_cpus());
    }
    check(child > 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 0);
    pthread_barrier_wait(&held);
    pthread_join(thread, NULL);
    on_cpus(use_two, NULL);
    pthread_barrier_destroy(&held);
}

/* -- PERCPU_DEBUG: what blocks change is not the operand of updates ---------------------------- */

struct mixed {
    uint32_t changed, updated;
    uint8_t bytes[4]; /* 0 is changed, 1 is updated */
};
static PERCPU_DEFINE(uint64_t, updated_first);
static PERCPU_DEFINE(uint64_t, changed_first);
static PERCPU_DEFINE(uint64_t[40], large_one); /* more than is watched */
static PERCPU_DEFINE(uint64_t, only_read);
static PERCPU_DEFINE(struct mixed, mixed);
static PERCPU_DEFINE(uint64_t, written);
static PERCPU_DEFINE(uint64_t, after_many);
static PERCPU_DEFINE(uint64_t, without_room);
static PERCPU_DEFINE(uint64_t, in_parts);
#ifdef PERCPU_DEBUG
static PERCPU_DEFINE(uint64_t, being_written);
static PERCPU_DEFINE(uint64_t, in_two_tables);
#endif
enum { WATCHED = 8192 }; /* words */

/* There the library asks nobody for names (musl), or libc knows of none. */
static bool is_static(void)
{
    return getauxval(AT_BASE) == 0;
}

/* A static program has it where something else refers to it. */
extern __typeof__(dladdr) dladdr __attribute__((weak));

/* Does the last report say where in its file this is? */
static bool says_place(const void *place)
{
    char text[40];
    Dl_info info;

    if (!&dladdr || !dladdr(place, &info))
        return false;
    snprintf(text, sizeof text, "+%#lx",
             (unsigned long)((uintptr_t)place - (uintptr_t)info.dli_fbase));
    return string_contains(panic_last(), info.dli_fname) && string_contains(panic_last(), text);
}

TEST(rseq_debug_block_and_update)
{
    panics_begin();
    percpu_inc(updated_first);
    check_eq(panics_end(""), 0);
    panics_begin();
    for (int i = 0; i < 2; i++)
        percpu_with_current(updated_first, p)
            ++*p;
    check_eq(panics_end("blocks change the operand of update operations"), IN_DEBUG(1));
    check(!string_contains(panic_last(), "(null)")); /* no symbol of a dynamic linker's */
    check(!IN_DEBUG(1) || is_static() || says_place(&__PERCPU_updated_first));

    panics_begin();
    percpu_with_current(changed_first, p)
        ++*p;
    percpu_with_current(large_one, p)
        (*p)[31] = 1;
    check_eq(panics_end(""), 0);
    panics_begin();
    for (int i = 0; i < 2; i++) {
        percpu_inc(changed_first);
        (void)percpu_xchg(large_one[31], 2);
        percpu_or(large_one[30], 2);
    }
    check_eq(panics_end("blocks change the operand of update operations"), IN_DEBUG(2));
}

/* Members are variables of their own; reading is not changing, also while an update comes. */
TEST(rseq_debug_block_beside_updates)
{
    uint64_t seen = 0;

    panics_begin();
    for (int i = 0; i < 3; i++) {
        percpu_inc(only_read);
        percpu_inc(mixed.updated);
        percpu_inc(mixed.bytes[1]);
        percpu_with_current(only_read, p) {
            seen += *p;
            percpu_inc(only_read);
        }
        percpu_with_current(only_read, p) {
            seen += *p;
            percpu_reset_to_init(only_read);
        }
        percpu_with_current(mixed, p) {
            p->changed++;
            p->bytes[0]++;
        }
        percpu_with_current(changed_first, p) {
            ++*p;
            percpu_write(changed_first, 3); /* not an update */
        }
        percpu_write(written, 3);
        percpu_with_current(written, p)
            ++*p;
        percpu_with_current(mixed.changed, p) {
            ++*p;
            percpu_for_each(cpu)
                percpu_remote_write(mixed.updated, cpu, 0x10101010u * (unsigned)(i + 1));
        }
    }
    check_eq(panics_end(""), 0);
    check(seen > 0);
}

/* An object that is allocated where another one was is another variable. */
TEST(rseq_debug_freed)
{
    uint64_t PERCPU *first = percpu_alloc(uint64_t), *second;

    panics_begin();
    for (int i = 0; i < 2; i++)
        percpu_with_current_at(first, p)
            ++*p;
    percpu_free(first);
    second = percpu_alloc(uint64_t);
    check(first == second);
    for (int i = 0; i < 2; i++)
        percpu_inc_at(second);
    check_eq(panics_end(""), 0);
    percpu_free(second);
}

TEST(rseq_debug_no_variable)
{
    uintptr_t behind = percpu_area_base(0) + (percpu_area_size() | 63) + 1;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    percpu_for_each(cpu) { /* where variables end with a page there is no memory behind them */
        uintptr_t copy = (uintptr_t)percpu_remote_ptr_at((uint64_t PERCPU *)behind, cpu);

        check_eq(mprotect((void *)(copy & -page), page, PROT_READ | PROT_WRITE), 0);
    }
    panics_begin();
    percpu_inc_at((uint64_t PERCPU *)behind);
    percpu_with_current_at((uint64_t PERCPU *)behind, p)
        (void)p;
    check_eq(panics_end("is no per-CPU variable"), IN_DEBUG(2));
}

/* What frees an object, or looks at one, takes no room in the table. */
TEST(rseq_debug_freed_words_take_no_room)
{
    uint64_t PERCPU *many = percpu_alloc_array(uint64_t, WATCHED);

    check(many != NULL);
    percpu_free(many);
    panics_begin();
    percpu_inc(after_many);
    percpu_with_current(after_many, p)
        ++*p;
    check_eq(panics_end("blocks change the operand of update operations"), IN_DEBUG(1));
}

static void use_more_words(void)
{
    uint64_t PERCPU *many = percpu_alloc_array(uint64_t, (size_t)2 * WATCHED);

    for (size_t i = 0; many && i < (size_t)2 * WATCHED; i++)
        percpu_write_at(many + i, i);
    percpu_inc(without_room);
    percpu_with_current(without_room, p)
        ++*p;
    _exit(!many || percpu_sum(without_room) != 2);
}

/* The table is full, and nothing more is known. In a child, since nothing is ever forgotten. */
TEST(rseq_debug_more_words_than_are_watched)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        use_more_words();
    check(child > 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 0);
}

/* A report names bytes once, whatever other bytes an update has. */
TEST(rseq_debug_parts_of_a_word)
{
    uint32_t PERCPU *second = (uint32_t PERCPU *)percpu_addr(in_parts) + 1;

    panics_begin();
    percpu_inc_at(second);
    percpu_with_current_at(second, p)
        ++*p;
    percpu_inc(in_parts);
    check_eq(panics_end("blocks change the operand of update operations"), IN_DEBUG(1));
    check(!IN_DEBUG(1) || is_static() || says_place((uint32_t *)&__PERCPU_in_parts + 1));
}

/* Dynamic memory is in no file. */
TEST(rseq_debug_block_and_update_of_an_object)
{
    uint64_t PERCPU *object = percpu_alloc(uint64_t);

    panics_begin();
    percpu_inc_at(object);
    percpu_with_current_at(object, p)
        ++*p;
    check_eq(panics_end("the per-CPU variable  at the program+0x"), IN_DEBUG(1));
    percpu_free(object);
}

/* A block looks at its variable, not at what is behind: there is a page that cannot be read. */
TEST(rseq_debug_block_before_other_memory)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char PERCPU *object = percpu_alloc_bytes(3 * page, 64);
    uintptr_t next = ((uintptr_t)object + page + page - 1) & ~(page - 1);
    void PERCPU *hidden = (void PERCPU *)next;
    uint64_t PERCPU *last = (uint64_t PERCPU *)(next - sizeof(uint64_t));

    if (!check(object != NULL))
        return;
    percpu_for_each(cpu)
        check_eq(mprotect(percpu_remote_ptr_at(hidden, cpu), page, PROT_NONE), 0);
    percpu_with_current_at(last, p)
        ++*p;
    percpu_for_each(cpu)
        check_eq(mprotect(percpu_remote_ptr_at(hidden, cpu), page, PROT_READ | PROT_WRITE), 0);
    check_eq(percpu_sum_at(last), 1);
    percpu_free(object);
}

static word PERCPU *end_the_thread(void)
{
    pthread_exit(NULL);
}

/* Values that a variable on the stack has which nobody sets. */
static __attribute__((noinline)) void leave_numbers_on_the_stack(void)
{
    volatile uintptr_t numbers[1024];

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        numbers[i] = 4096;
}

static __attribute__((noinline)) void end_in_an_operand(void)
{
    percpu_with_current_at(end_the_thread(), p)
        ++*p;
}

static void *ends_in_an_operand(void *unused)
{
    leave_numbers_on_the_stack();
    end_in_an_operand();
    return unused;
}

/* With -fexceptions a block ends then that has not looked at anything yet. */
TEST(rseq_debug_thread_ends_in_an_operand)
{
    pthread_t thread;

    check_eq(pthread_create(&thread, NULL, ends_in_an_operand, NULL), 0);
    check_eq(pthread_join(thread, NULL), 0);
    on_cpus(use_two, NULL);
}

#ifdef PERCPU_DEBUG
/* A write has begun; what it then changes in a block of another thread is not the block's doing. */
TEST(rseq_debug_block_while_a_write_is_on)
{
    panics_begin();
    percpu__watch_write(percpu_addr(being_written), sizeof(uint64_t), false);
    percpu_with_current(being_written, p)
        *p = 1;
    percpu__watch_written(percpu_addr(being_written));
    percpu_inc(being_written);
    check_eq(panics_end(""), 0);
    panics_begin();
    percpu_with_current(being_written, p)
        ++*p;
    check_eq(panics_end("blocks change the operand of update operations"), 1);
}

/* Each kind of write is known to have ended: what changes afterwards is a block's doing. */
static PERCPU_DEFINE(uint64_t[9], ended);

TEST(rseq_debug_writes_end){
#define ENDS(i, operation)                                                                         \
    panics_begin();                                                                                \
    operation;                                                                                     \
    percpu_with_current(ended[i], p)                                                               \
        ++*p;                                                                                      \
    check_eq(panics_end("blocks change the operand of update operations"), 1);
    ENDS(0, percpu_add(ended[0], 2)) ENDS(1, percpu_and(ended[1], 2))
        ENDS(2, percpu_or(ended[2], 2)) ENDS(3, percpu_xor(ended[3], 2))
            ENDS(4, (void)percpu_add_return(ended[4], 2))
                ENDS(5, (void)percpu_fetch_add(ended[5], 2)) ENDS(6, (void)percpu_xchg(ended[6], 2))
                    ENDS(7, (void)percpu_cmpxchg(ended[7], 0, 2))
                        ENDS(8, (percpu_inc(ended[8]), percpu_write(ended[8], 2)))
#undef ENDS
}

/* The first module that needs a table brings it; the others use that one. */
TEST(rseq_debug_table_of_another_module)
{
    void **shared = &percpu__state->watched, *before = *shared, *others = calloc(1, 1 << 20);

    panics_begin();
    *shared = others;
    percpu_inc(in_two_tables);
    *shared = before;
    percpu_with_current(in_two_tables, p)
        ++*p;
    check_eq(panics_end(""), 0);
    free(others);
}
#endif

/* Threads that read in blocks what others update. */
static void *read_in_blocks(void *data)
{
    struct herded *me = data;
    uint64_t sum = 0;

    me->tid = (int)syscall(SYS_gettid);
    for (unsigned round = 0; round < 50 || !enough; round++) {
        percpu_add(only_read, 1 + (unsigned)me->number);
        percpu_with_current(only_read, p) {
            sum += *(volatile uint64_t *)p;
            if (round % 16 == 0)
                sched_yield();
        }
    }
    me->accounts[0][0].added = sum;
    grazing--;
    while (grazing != 0)
        sched_yield();
    return NULL;
}

static void update_what_is_read(int number)
{
    (void)number;
    percpu_inc(only_read);
}

TEST(rseq_debug_blocks_that_read)
{
    panics_begin();
    drive(read_in_blocks, update_what_is_read);
    check_eq(panics_end(""), 0);
}

#endif
