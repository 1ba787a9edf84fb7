/* SPDX-License-Identifier: MIT */
/*
 * usage: ids same|child|exit|look; [env KEYS=40] ids [first|errno]
 * thread: claims that a thread left which could not give them back. Another thread has the id of
 * one that has ended (same); in a child, where ids are another namespace's, one has the id of a
 * thread of the parent (child). The end of a thread gives its CPU back, and nobody has to see that
 * it is gone (exit). Another thread claims a CPU while percpu_fini() looks at claims (look).
 * rseq, where so many keys are in use that the library has none: a thread has the id of one that
 * ended in a block. A child has the ids of its parent (first). The system refuses what a block
 * asks of it at its end, and is asked nothing where nobody waits (errno).
 * Linked with --wrap=syscall,--wrap=getpid.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef PTHREAD_DESTRUCTOR_ITERATIONS
#define PTHREAD_DESTRUCTOR_ITERATIONS _POSIX_THREAD_DESTRUCTOR_ITERATIONS
#endif

enum { SAME = 4711 };
static int all_have_the_same, all_live, refuse_wakes, wakes;
static int same_process;
static _Thread_local int has_the_same;
static void (*at_look)(void);

pid_t __real_getpid(void);
pid_t __wrap_getpid(void);
pid_t __wrap_getpid(void)
{
    return same_process ? SAME : __real_getpid();
}

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_gettid && (all_have_the_same || has_the_same))
        return SAME;
    if (number == SYS_tgkill && at_look) {
        void (*look)(void) = at_look;
        at_look = NULL;
        look();
        errno = ESRCH;
        return -1;
    }
    if (number == SYS_tgkill && all_live)
        return 0;
    if (number == SYS_futex && (b & 127) == FUTEX_WAKE) {
        wakes++;
        if (refuse_wakes) {
            errno = EPERM;
            return -1;
        }
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

static void run(void *(*fn)(void *))
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, fn, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

#ifdef PERCPU_PLATFORM_THREAD

static pthread_key_t newer;
static _Thread_local int rounds;
static size_t claimed = 1; /* by other threads */

/* Of a key that is newer than percpu's: nobody gives the CPU back. */
static void claim_at_the_end(void *value)
{
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
        CHECK(pthread_setspecific(newer, value) == 0);
    else
        CHECK(percpu_init_reg(claimed) == 0);
}

static void *ends(void *unused)
{
    CHECK(pthread_setspecific(newer, &newer) == 0);
    return unused;
}

static void *claims(void *unused)
{
    CHECK(percpu_init_reg(claimed) == 0);
    return unused;
}

static void test_same(void)
{
    all_have_the_same = all_live = 1;
    run(ends);
    CHECK(percpu_init_reg(1) == -PERCPU_EBUSY);
    CHECK(percpu_fini() == -PERCPU_EBUSY);
    run(claims);
    CHECK(percpu_init_reg(1) == 0);
}

static void test_exit(void)
{
    all_live = 1;
    run(claims);
    CHECK(percpu_init_reg(1) == 0);
}

static sem_t has_claimed, may_end;

static void *holds(void *unused)
{
    claims(NULL);
    sem_post(&has_claimed);
    wait_until(&may_end);
    return unused;
}

static pthread_t holder;

static void claim_by_another(void)
{
    CHECK(pthread_create(&holder, NULL, holds, NULL) == 0);
    wait_until(&has_claimed);
}

/* CPU 1's claim is of a thread that has ended: when that is asked, CPU 0's has been looked at. */
static void test_look(void)
{
    percpu_write_reg(0);
    run(ends);
    claimed = 0;
    at_look = claim_by_another;
    CHECK(percpu_fini() == -PERCPU_EBUSY);
    CHECK(!at_look);
    sem_post(&may_end);
    CHECK(pthread_join(holder, NULL) == 0);
    CHECK(percpu_init_reg(0) == 0);
}

static void test_child(void)
{
    pthread_t thread;
    pid_t child;

    CHECK(pthread_create(&thread, NULL, holds, NULL) == 0);
    wait_until(&has_claimed);
    child = fork();
    if (child == 0) {
        end_if_it_hangs();
        all_live = 1;
        run(claims);
        _exit(percpu_fini() != 0);
    }
    CHECK(ends_well(child));
    sem_post(&may_end);
    CHECK(pthread_join(thread, NULL) == 0);
}

#else

static PERCPU_DEFINE(long, entered);

__attribute__((constructor(100))) static void use_keys(void)
{
    const char *keys = getenv("KEYS");
    pthread_key_t key;

    for (long n = keys ? strtol(keys, NULL, 10) : 0; n > 0; n--)
        if (pthread_key_create(&key, NULL) != 0)
            break;
}

/* Before the library's constructor. */
__attribute__((constructor(100))) static void be_first(int argc, char **argv)
{
    same_process = has_the_same = all_live = argc > 1 && strcmp(argv[1], "first") == 0;
}

static void *ends_in_a_block(void *unused)
{
    percpu_with_current(entered, p) {
        ++*p;
        pthread_exit(unused);
    }
    return unused;
}

static void *enters(void *unused)
{
    percpu_with_current(entered, p)
        ++*p;
    return unused;
}

static sem_t holds, enough;

static void *holder(void *unused)
{
    percpu_with_current(entered, p) {
        ++*p;
        sem_post(&holds);
        wait_until(&enough);
    }
    return unused;
}

static void test_first(void)
{
    pthread_t thread;
    pid_t child;

    CHECK(pthread_create(&thread, NULL, holder, NULL) == 0);
    wait_until(&holds);
    child = fork();
    if (child == 0) {
        end_if_it_hangs();
        percpu_with_current(entered, p)
            _exit(p == percpu_remote_ptr(entered, percpu_area_num() - 1)); /* after a second */
    }
    CHECK(ends_well(child));
    sem_post(&enough);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void test_errno(void)
{
    refuse_wakes = 1;
    errno = SAME;
    percpu_with_current(entered, p)
        ++*p;
    CHECK(errno == SAME && wakes == 0);
    percpu_with_current(entered, p) {
        ++*p;
        for (size_t cpu = 0; cpu < percpu_area_num(); cpu++)
            if (*(volatile uint32_t *)percpu_area_base(cpu) != 0)
                *(volatile uint32_t *)percpu_area_base(cpu) |= 0x80000000; /* somebody waits */
    }
    CHECK(errno == SAME && wakes == 1);
}

static void pin(void)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
}

static void test_block(void)
{
    all_have_the_same = all_live = 1;
    run(ends_in_a_block);
    run(enters);
    all_have_the_same = 0;
    run(enters);
    CHECK(percpu_sum(entered) == 3);
    CHECK(percpu_remote_read(entered, percpu_area_num() - 1) == 0); /* nobody had to wait */
}

#endif

int main(int argc, char **argv)
{
    end_if_it_hangs();
#ifdef PERCPU_PLATFORM_THREAD
    sem_init(&has_claimed, 0, 0);
    sem_init(&may_end, 0, 0);
    CHECK(percpu_init_in_place() > 1);
    CHECK(percpu_init_reg(0) == 0);
    CHECK(pthread_key_create(&newer, claim_at_the_end) == 0);
    if (argc > 1 && strcmp(argv[1], "same") == 0)
        test_same();
    else if (argc > 1 && strcmp(argv[1], "exit") == 0)
        test_exit();
    else if (argc > 1 && strcmp(argv[1], "look") == 0)
        test_look();
    else
        test_child();
#else
    sem_init(&holds, 0, 0);
    sem_init(&enough, 0, 0);
    pin();
    if (argc > 1 && strcmp(argv[1], "first") == 0)
        test_first();
    else if (argc > 1 && strcmp(argv[1], "errno") == 0)
        test_errno();
    else
        test_block();
#endif
    return right();
}
