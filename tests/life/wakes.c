/* SPDX-License-Identifier: MIT */
/*
 * usage: wakes [looked]
 * rseq: two threads wait for an area. The first runs on another CPU when it is woken and takes that
 * one's area: the second is woken, too. There is no limit after which they would look.
 * A fork handler of others, before the library's, starts a thread in the child that enters a block
 * and stays there: the library's handler leaves it that (looked). Linked with --wrap=syscall.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

enum { WAITERS = 2 };
static PERCPU_DEFINE(long, entered);
static volatile int tids[WAITERS];
static const char *mode = "";

long __real_syscall(long number, long a, long b, long c, const long *d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, const long *d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, const long *d, long e, long f)
{
    return __real_syscall(number, a, b, c, number == SYS_futex ? NULL : d, e, f);
}

static void pin(int tid, int cpu)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(tid, sizeof(one), &one) == 0);
}

static void *waits(void *tid)
{
    *(volatile int *)tid = (int)syscall(SYS_gettid);
    percpu_with_current(entered, p)
        ++*p;
    return NULL;
}

static void test_wakes(void)
{
    pthread_t threads[WAITERS];
    cpu_set_t all;
    int cpu, other = 0;

    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    cpu = sched_getcpu();
    while (other == cpu || !CPU_ISSET(other, &all))
        CHECK(++other < CPU_SETSIZE);
    pin(0, cpu);
    percpu_with_current(entered, p) {
        ++*p;
        for (int i = 0; i < WAITERS; i++) {
            CHECK(pthread_create(&threads[i], NULL, waits, (void *)&tids[i]) == 0);
            while (tids[i] == 0 || sleeps_in(tids[i]) != SYS_futex)
                sched_yield();
        }
        pin(tids[0], other);
    }
    for (int i = 0; i < WAITERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static sem_t inside, never;

static void *stays(void *unused)
{
    percpu_with_current(entered, p) {
        ++*p;
        sem_post(&inside);
        wait_until(&never);
    }
    return unused;
}

static void in_early_handler(void)
{
    pthread_t thread;

    if (strcmp(mode, "looked") != 0)
        return;
    end_if_it_hangs();
    CHECK(pthread_create(&thread, NULL, stays, NULL) == 0);
    wait_until(&inside);
}

__attribute__((constructor(100))) static void come_first(void)
{
    pthread_atfork(NULL, NULL, in_early_handler);
}

static int owned(void)
{
    int n = 0;

    for (size_t cpu = 0; cpu < percpu_area_num(); cpu++)
        n += *(volatile uint32_t *)percpu_area_base(cpu) != 0;
    return n;
}

/* The thread of the child waits for this one, which the parent has, and looks whose it is. */
static void test_looked(void)
{
    pthread_t thread;
    pid_t child;

    pin(0, sched_getcpu());
    CHECK(pthread_create(&thread, NULL, stays, NULL) == 0);
    wait_until(&inside);
    child = fork();
    if (child == 0)
        _exit(owned() != 1);
    CHECK(ends_well(child));
}

int main(int argc, char **argv)
{
    mode = argc > 1 ? argv[1] : "";
    end_if_it_hangs();
    sem_init(&inside, 0, 0);
    sem_init(&never, 0, 0);
    if (strcmp(mode, "looked") == 0)
        test_looked();
    else
        test_wakes();
    return right();
}
