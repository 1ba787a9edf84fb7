/* SPDX-License-Identifier: MIT */
/*
 * usage: fork early|list|first|wait|take
 * rseq: a child in which the library's fork handler has not run yet, when a block (early) or an
 * operation on a list (list) would wait for a thread of the parent; fork() in a handler that
 * interrupts a thread which waits for an area (wait), or takes one, which then in the child a
 * handler has before the thread (take); a child that has its parent's id, 1 in another namespace,
 * and a list (first).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/list.h>

#include "hang.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

static PERCPU_DEFINE(long, entered);
static PERCPU_DEFINE(struct percpu_list, list);
static struct percpu_list_node nodes[3];
static const char *mode = "";
static sem_t holds, enough;
static _Thread_local int is_holder;

/* Of the changed sources: a thread has the lock of the lists. */
void in_list(void)
{
    if (!is_holder)
        return;
    is_holder = 0;
    sem_post(&holds);
    wait_until(&enough);
}

static void *holder(void *unused)
{
    if (strcmp(mode, "list") == 0 || strcmp(mode, "first") == 0) {
        percpu_list_push(list, &nodes[0]);
        is_holder = 1;
        (void)percpu_list_pop(list);
        return unused;
    }
    is_holder = 1;
    percpu_with_current(entered, p) {
        ++*p;
        sem_post(&holds);
        wait_until(&enough);
    }
    return unused;
}

static void in_early_handler(void)
{
    end_if_it_hangs();
    if (strcmp(mode, "early") == 0)
        percpu_with_current(entered, p)
            ++*p;
    if (strcmp(mode, "list") == 0)
        percpu_list_push(list, &nodes[1]);
}

__attribute__((constructor(100))) static void come_first(void)
{
    pthread_atfork(NULL, NULL, in_early_handler);
}

/* -- wait -------------------------------------------------------------------------------------- */

static volatile pid_t child = -1;
static _Atomic int waiters_tid;

/* With --wrap=syscall: a thread is about to sleep until an area is given back. */
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    static int once;

    if (strcmp(mode, "wait") == 0 && number == SYS_futex && (b & 1) == 0 && !once++) {
        child = fork(); /* as a handler might */
        if (child != 0)
            sem_post(&enough);
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

/* Of the changed sources: a thread is about to take an area, and has taken one. */
void at_take(void)
{
    static int once;

    if (strcmp(mode, "take") == 0 && !is_holder && !once++) {
        child = fork();
        if (child != 0)
            sem_post(&enough);
    }
}

void at_taken(void)
{
    static int once;

    if (strcmp(mode, "take") == 0 && child == 0 && !once++)
        percpu_with_current(entered, p)
            ++*p;
}

static void *waiter(void *unused)
{
    waiters_tid = (int)syscall(SYS_gettid);
    percpu_with_current(entered, p)
        ++*p;
    return unused;
}

/* In the child: another thread sleeps until the area is given back, and is woken. */
static void test_wait(void)
{
    for (int i = 0; i < 2; i++) {
        pthread_t thread;

        percpu_with_current(entered, p) {
            ++*p;
            if (child == 0) {
                end_if_it_hangs();
                waiters_tid = 0;
                CHECK(pthread_create(&thread, NULL, waiter, NULL) == 0);
                while (waiters_tid == 0 || sleeps_in(waiters_tid) != SYS_futex)
                    sched_yield();
            }
        }
        if (child != 0)
            return;
        CHECK(pthread_join(thread, NULL) == 0);
    }
    _exit(0);
}

/* From here on in the first process of a namespace, whose alarm() ends nothing. */
static void be_first(void)
{
    CHECK(unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0);
    child = fork();
    if (child != 0)
        exit(ends_well(child) ? 0 : 1);
    end_if_it_hangs();
    CHECK(getpid() == 1);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    cpu_set_t one;

    mode = argc > 1 ? argv[1] : "";
    end_if_it_hangs();
    if (strcmp(mode, "first") == 0)
        be_first();
    sem_init(&holds, 0, 0);
    sem_init(&enough, 0, 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    percpu_list_push(list, &nodes[2]);
    CHECK(pthread_create(&thread, NULL, holder, NULL) == 0);
    wait_until(&holds);
    if (strcmp(mode, "wait") == 0 || strcmp(mode, "take") == 0) {
        test_wait();
    } else {
        CHECK(getpid() != 1 || unshare(CLONE_NEWPID) == 0);
        child = fork();
        if (child == 0) {
            CHECK(getpid() == 1 || strcmp(mode, "first") != 0);
            end_if_it_hangs();
            percpu_with_current(entered, p)
                ++*p;
            CHECK(percpu_list_pop(list));
            _exit(0);
        }
        sem_post(&enough);
    }
    CHECK(ends_well(child));
    CHECK(pthread_join(thread, NULL) == 0);
    return right();
}
