/* SPDX-License-Identifier: MIT */
/*
 * usage: lock alone|wait|own|steps
 * src/fork.h: a process of one thread (alone); who waits for the lock sleeps and is woken (wait);
 * whose it is in fork() (own).
 * x86_64: fork() by a signal handler at each instruction of an allocation, and of a call that takes
 * the lock of the areas: the child goes on there (steps).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../../src/fork.h"

#include <percpu/alloc.h>

#include "step.h"

#include <sched.h>
#include <string.h>
#include <sys/time.h>

/* -- alone ------------------------------------------------------------------------------------- */

static struct percpu__fork_lock lock;
static volatile int was_given;

static void gives(int number)
{
    signal(number, SIG_DFL);
    end_if_it_hangs();
    was_given = 1;
    lock.word = 0;
    percpu__lock_futex(&lock, FUTEX_WAKE, 1);
}

/* The lock is nobody's, then a thread's that a child of fork() does not have. */
static void test_alone(void)
{
    const struct itimerval soon = {.it_value.tv_usec = 50000};

    percpu__lock_take(&lock);
    CHECK(percpu__has_lock(&lock));
    percpu__lock_give(&lock);
    CHECK(lock.word == 0);
    lock.word = ~PERCPU__LOCK_WAITED;
    CHECK(signal(SIGALRM, gives) != SIG_ERR && setitimer(ITIMER_REAL, &soon, NULL) == 0);
    percpu__lock_take(&lock);
    CHECK(was_given && percpu__has_lock(&lock));
    percpu__lock_give(&lock);
    CHECK(lock.word == 0);
}

/* -- wait -------------------------------------------------------------------------------------- */

enum { THREADS = 3, UNTOUCHED = 4711 };
static volatile int tids[THREADS];
static volatile int inside, had_it;

static void *takes(void *tid)
{
    errno = UNTOUCHED;
    *(volatile int *)tid = (int)syscall(SYS_gettid);
    percpu__lock_take(&lock);
    CHECK(!inside);
    inside = 1;
    CHECK(percpu__has_lock(&lock));
    had_it++;
    inside = 0;
    percpu__lock_give(&lock);
    CHECK(errno == UNTOUCHED);
    return NULL;
}

/* All sleep; each wakes the next one. */
static void test_wait(void)
{
    pthread_t threads[THREADS];

    percpu__lock_take(&lock);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, takes, (void *)&tids[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        while (tids[i] == 0 || sleeps_in(tids[i]) != SYS_futex)
            sched_yield();
    CHECK(had_it == 0 && percpu__has_lock(&lock));
    percpu__lock_give(&lock);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(had_it == THREADS && !percpu__has_lock(&lock));
    CHECK(lock.word == 0);
    errno = UNTOUCHED;
    percpu__lock_futex(&lock, FUTEX_WAIT, 1); /* is refused */
    CHECK(errno == UNTOUCHED);
}

/* -- own --------------------------------------------------------------------------------------- */

static void *another(void *unused)
{
    CHECK(!percpu__has_lock(&lock) && !percpu__is_forking(&lock));
    return unused;
}

static void let_another_look(void)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, another, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* As fork handlers call them. */
static void test_own(void)
{
    CHECK(percpu__fork_must_take(&lock));
    percpu__lock_take(&lock);
    CHECK(!percpu__is_forking(&lock));
    let_another_look();
    /* A signal handler forks, and its fork ends. */
    for (int i = 0; i < 2; i++)
        CHECK(!percpu__fork_must_take(&lock));
    for (int i = 0; i < 2; i++)
        CHECK(!percpu__fork_must_give(&lock));
    lock.is_forking = true;
    CHECK(percpu__is_forking(&lock));
    let_another_look();
    CHECK(percpu__fork_must_give(&lock));
    CHECK(percpu__has_lock(&lock) && !percpu__is_forking(&lock));
    lock.word |= PERCPU__LOCK_WAITED;
    CHECK(percpu__has_lock(&lock));
    percpu__lock_give(&lock);
}

/* -- steps ------------------------------------------------------------------------------------- */

#ifdef __x86_64__
static void call(void)
{
    void PERCPU *p = percpu_alloc(long);

    CHECK(p);
    percpu_free(p);
#ifdef PERCPU_PLATFORM_THREAD
    CHECK(percpu_init_cpu(0, NULL) == 0);
#endif
}

static int is_child;

static int at_step(void)
{
    pid_t child = fork();

    if (child == 0) {
        end_if_it_hangs();
        is_child = 1;
        return 0;
    }
    CHECK(ends_well(child));
    return 1;
}

/* In a process of one thread, and in one that has had another. */
static void test_steps(void)
{
    for (int i = 0; i < 2; i++) {
        steps = 0;
        call(); /* the dynamic linker has found all functions */
        begin_steps();
        call();
        end_steps();
        call();
        if (is_child)
            _exit(0);
        CHECK(steps > 50);
        let_another_look();
    }
}
#endif

int main(int argc, char **argv)
{
    end_if_it_hangs();
#ifdef PERCPU_PLATFORM_THREAD
    CHECK(percpu_init_in_place() > 0);
#endif
    if (argc > 1 && strcmp(argv[1], "alone") == 0)
        test_alone();
    else if (argc > 1 && strcmp(argv[1], "wait") == 0)
        test_wait();
    else if (argc > 1 && strcmp(argv[1], "own") == 0)
        test_own();
#ifdef __x86_64__
    else
        test_steps();
#endif
    return right();
}
