/* SPDX-License-Identifier: MIT */
/*
 * usage: [env KEYS=NUMBER] steps MODE [stranger]
 * x86_64: at each instruction of a block (rseq, where it has no sequences), or of a claim and its
 * end (thread), a signal handler
 *   block       has a block of its own
 *   one         has one, and at no other step
 *   nest        has one, and another handler at each instruction of that
 *   move        moves the thread to another CPU
 *   exit        has a block, at each step of the end of a thread that is in one
 *   fork        forks, and the child goes on from there
 *   fork-block  forks, and the child has a block in the handler first
 *   fork-early  forks, and a fork handler that is before the library's has a block in the child
 *   nest-fork   has a block, and another handler forks at each instruction of that
 * Others are kept out of the area, or the CPU, for as long as the thread has it, and not longer.
 * A stranger is a thread that the kernel does not know: it has the last area, where others have
 * sequences. Linked with -z now: the dynamic linker has nothing to find.
 * rseq: with --wrap=syscall,--wrap=pthread_setspecific.
 * LIBRARY: with --wrap=pthread_sigmask and library.c, and with so many keys in
 * use already.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "step.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

static const char *mode = "";
static int is_child, is_stranger;

#ifdef LIBRARY
/* A step while its signal is blocked would end the process. */
static __thread int masked_steps;

int __real_pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    int result;

    if (how == SIG_BLOCK && set && is_stepping()) {
        end_steps();
        masked_steps = 1;
    }
    result = __real_pthread_sigmask(how, set, before);
    if (how == SIG_SETMASK && masked_steps && !is_child) {
        masked_steps = 0;
        go_on_with_steps();
    }
    return result;
}

/* With the last one the library has none. */
__attribute__((constructor(100))) static void use_keys(void)
{
    const char *keys = getenv("KEYS");
    pthread_key_t key;

    for (long n = keys ? strtol(keys, NULL, 10) : 0; n > 0; n--)
        if (pthread_key_create(&key, NULL) != 0)
            break;
}
#endif

#ifdef PERCPU_PLATFORM_RSEQ

static PERCPU_DEFINE(long, entered);
static volatile int others, others_looks;
static _Thread_local int is_other, ends;

/* A thread that waits looks sooner whether the area's owner is gone. */
long __real_syscall(long number, long a, long b, long c, const long *d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, const long *d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, const long *d, long e, long f)
{
    static const long soon[2] = {0, 1000};
    bool looks = number == SYS_futex && d;
    long result = __real_syscall(number, a, b, c, looks ? soon : d, e, f);

    if (looks && is_other)
        others_looks++;
    return result;
}

static void block(void)
{
    percpu_with_current(entered, p)
        ++*p;
}

/* As long as what was registered, which only libc knows; Linux, uapi/linux/rseq.h: a flag. */
static void become_stranger(void)
{
    volatile struct percpu__rseq *area = percpu__rseq_area();

    if (!is_stranger)
        return;
    for (unsigned bytes = 32; area->cpu_id <= INT32_MAX && bytes <= 256; bytes += 32)
        syscall(SYS_rseq, area, bytes, 1, PERCPU__RSEQ_SIGNATURE);
    CHECK(area->cpu_id > INT32_MAX);
}

static void *enter(void *unused)
{
    become_stranger();
    is_other = 1;
    block();
    others = 1;
    return unused;
}

static pthread_t other;

/* On this thread's only CPU. */
static void let_another_wait(void)
{
    others = others_looks = 0;
    CHECK(pthread_create(&other, NULL, enter, NULL) == 0);
    while (!others && others_looks < 3)
        sched_yield();
    CHECK(!others);
}

/* In a block, which is the thread's outermost. */
static void go_on_inside(void)
{
    if (is_child)
        let_another_wait();
}

static void go_on_outside(void)
{
    if (others_looks != 0) {
        CHECK(pthread_join(other, NULL) == 0);
        CHECK(others);
    }
}

/* A fork handler of others, which is before the library's. */
static void in_early_handler(void)
{
    end_if_it_hangs();
    if (strcmp(mode, "fork-early") == 0)
        block();
}

__attribute__((constructor(100))) static void come_first(void)
{
    pthread_atfork(NULL, NULL, in_early_handler);
}

/* To the next CPU that it may use. */
static void move(void)
{
    static cpu_set_t all;
    static int cpu;
    cpu_set_t one;

    if (CPU_COUNT(&all) == 0)
        CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    do
        cpu = (cpu + 1) % CPU_SETSIZE;
    while (!CPU_ISSET(cpu, &all));
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
}

/* How many areas this thread has: their first word is the owner's id. */
static int owned(void)
{
    uint32_t tid;
    int n;

    do { /* a handler may fork */
        tid = (uint32_t)syscall(SYS_gettid);
        n = 0;
        for (size_t cpu = 0; cpu < percpu_area_num(); cpu++)
            n += (*(volatile uint32_t *)percpu_area_base(cpu) & 0x7fffffff) == tid;
    } while (tid != (uint32_t)syscall(SYS_gettid));
    return n;
}

/* Of a thread that has ended. */
static void check_nobody_owns(void)
{
    for (size_t cpu = 0; cpu < percpu_area_num(); cpu++)
        CHECK(*(volatile uint32_t *)percpu_area_base(cpu) == 0);
}

/* It leaves its thread what that had. */
static void in_handler(void)
{
    int before;

    if (strcmp(mode, "move") == 0) {
        move();
        return;
    }
    before = owned();

    CHECK(before <= 1);
    percpu_with_current(entered, p) {
        ++*p;
        percpu_with_current(entered, q)
            ++*q;
        CHECK(owned() == 1);
    }
    CHECK(owned() == before);
}

/* Without steps. */
static void check_owned(int n)
{
    int was_stepping = is_stepping();

    if (was_stepping)
        end_steps();
    CHECK(owned() == n);
    if (was_stepping && !is_child)
        go_on_with_steps();
}

static void step_through_handler(void)
{
    int before = owned();

    go_on_with_steps();
    block();
    end_steps();
    CHECK(owned() == before);
}

/* With --wrap=pthread_setspecific: the destructor begins and ends with it. */
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    if (ends && !value && is_stepping())
        end_steps();
    int result = __real_pthread_setspecific(key, value);
    if (ends && value)
        begin_steps();
    return result;
}

static void stepped(void)
{
    percpu_with_current(entered, p) {
        ++*p;
        if (strcmp(mode, "exit") == 0) {
            end_steps();
            ends = 1;
            pthread_exit(NULL);
        }
        check_owned(1);
        go_on_inside();
    }
    go_on_outside();
}

/* The thread is in no block now. */
static void after(void)
{
    check_owned(0);
    others = others_looks = 0;
    percpu_with_current(entered, p) {
        ++*p;
        CHECK(owned() == 1);
        go_on_inside();
    }
    CHECK(owned() == 0);
    go_on_outside();
}

/* Another thread of it is then on the same CPU. */
static void stay(void)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
}

static void begin(void)
{
    CHECK(is_stranger || strncmp(percpu_info(), "atomic", 6) == 0);
    if (strcmp(mode, "move") != 0)
        stay();
}

#else

static void *claim(void *answer)
{
    *(int *)answer = percpu_init_reg(1);
    return NULL;
}

static int claim_by_another(void)
{
    pthread_t thread;
    int answer = 1;

    CHECK(pthread_create(&thread, NULL, claim, &answer) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return answer;
}

static void become_stranger(void)
{
}

static void check_nobody_owns(void)
{
}

static void in_handler(void)
{
}

static void step_through_handler(void)
{
}

static void stepped(void)
{
    CHECK(percpu_init_reg(1) == 0);
    if (is_child)
        CHECK(claim_by_another() == -PERCPU_EBUSY);
    percpu_write_reg(0);
}

static void after(void)
{
    if (is_child) {
        CHECK(claim_by_another() == 0);
        CHECK(percpu_init_reg(1) == 0);
        CHECK(claim_by_another() == -PERCPU_EBUSY);
        CHECK(percpu_fini() == 0);
    }
}

static void stay(void)
{
}

static void begin(void)
{
    CHECK(percpu_init_in_place() >= 0);
    CHECK(percpu_init_reg(1) == 0);
    percpu_write_reg(0);
}

#endif

static int forks(int has_block)
{
    pid_t child = fork();

    if (child == 0) {
        end_if_it_hangs();
        is_child = 1;
        if (has_block)
            in_handler();
        return 0;
    }
    CHECK(ends_well(child));
    return 1;
}

static int is(const char *name)
{
    return strcmp(mode, name) == 0;
}

/* Of all steps of the thread only some where each is one of hundreds of others. */
static int level, outer_steps;

/* The step at which a handler does something; 0: each. */
static int the_step;

static int at_step(void)
{
    int result = 1;

    if (the_step != 0 && steps != the_step)
        return 1;
    if (strncmp(mode, "fork", 4) == 0)
        return forks(is("fork-block"));
    level++;
    if (level == 2 && is("nest-fork")) {
        result = forks(0);
    } else if (level == 1 && strncmp(mode, "nest", 4) == 0) {
        if (++outer_steps % (is("nest") ? 5 : 40) == 0) {
            step_through_handler();
        }
        result = !is_child;
    } else {
        in_handler();
    }
    level--;
    return result;
}

static void *test(void *unused)
{
    become_stranger();
    begin_steps();
    stepped();
    end_steps();
    if (!is_child)
        CHECK(steps > 50);
    after();
    if (is_child)
        _exit(0);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    mode = argc > 1 ? argv[1] : "";
    is_stranger = argc > 2;
    end_if_it_hangs();
    begin();
    the_step = is("one");
    do {
        steps = 0;
        CHECK(pthread_create(&thread, NULL, test, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    } while (the_step != 0 && the_step++ < steps);
    CHECK(steps > 50);
    check_nobody_owns();
    is_child = 1; /* and as in one */
    stay();
    become_stranger();
    after();
    return right();
}
