/* SPDX-License-Identifier: MIT */
/*
 * usage: env KEYS=NUMBER keys [LIBRARY]
 * rseq, with as many keys of thread-specific data in use, when percpu starts, or all: glibc
 * allocates memory to set one beyond the first 32. A handler's first block allocates nothing;
 * who ends in a block does not keep its area; a child goes on in its parent's block.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "blocks.h"
#include "hang.h"

#include <dlfcn.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

extern const struct blocks blocks __attribute__((weak));
static const struct blocks *used;
static volatile sig_atomic_t in_handler, calls;

#ifdef __GLIBC__
/* What is defined here is the process's, also for the C library itself. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);

void *malloc(size_t size)
{
    calls += in_handler;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    calls += in_handler;
    return __libc_calloc(count, size);
}
#endif

static void on_signal(int number)
{
    (void)number;
    in_handler = 1;
    used->block(NULL);
    in_handler = 0;
}

static void *interrupted(void *unused)
{
    raise(SIGUSR1);
    used->block(NULL);
    return unused;
}

static void leave(void)
{
    pthread_exit(NULL); /* no unwinding: C without -fexceptions */
}

static void *ends_in_a_block(void *unused)
{
    used->block(leave);
    return unused;
}

static void run(void *(*fn)(void *))
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, fn, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static sem_t holds, enough;

static void hold(void)
{
    sem_post(&holds);
    wait_until(&enough);
}

static void *holder(void *unused)
{
    used->block(hold);
    return unused;
}

/* In the child the thread has what it had, and nobody else has anything. */
static void fork_inside(void)
{
    pid_t child = fork();

    if (child == 0) {
        end_if_it_hangs();
        used->block(NULL);
        return;
    }
    CHECK(ends_well(child));
}

/* A block of this thread keeps others out of its area: those that can run on this CPU only. */
static volatile int has_entered;

static void *enters(void *unused)
{
    sigset_t blocked;

    used->block(NULL);
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 && !sigismember(&blocked, SIGUSR1));
    has_entered = 1;
    return unused;
}

static pthread_t entering;

static void let_enter(void)
{
    CHECK(pthread_create(&entering, NULL, enters, NULL) == 0);
    for (int i = 0; i < 200; i++)
        sched_yield();
    CHECK(!has_entered);
}

static void *excludes(void *unused)
{
    cpu_set_t all, one;

    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    has_entered = 0;
    used->block(let_enter);
    CHECK(pthread_join(entering, NULL) == 0);
    CHECK(has_entered);
    CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
    return unused;
}

static void use_on_each_cpu(void)
{
    cpu_set_t all, one;

    CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all)) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
            used->block(NULL);
        }
    CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
}

/* Where another thread ended in a block, and left its thread pointer to this one. */
static void *uses(void *unused)
{
    use_on_each_cpu();
    return unused;
}

static void *forks_outside(void *unused)
{
    pid_t child = fork();

    if (child == 0) {
        end_if_it_hangs();
        used->block(NULL);
        run(uses);
        _exit(0);
    }
    CHECK(ends_well(child));
    return unused;
}

static pthread_key_t last_key;

__attribute__((constructor(100))) static void use_keys(void)
{
    const char *keys = getenv("KEYS");

    for (long n = keys ? strtol(keys, NULL, 10) : 0; n > 0; n--)
        if (pthread_key_create(&last_key, NULL) != 0)
            break;
}

/* The library keeps no key that it does not use. */
static void look_at_keys(void)
{
#ifdef __GLIBC__
    pthread_key_t key;

    if (last_key < 31 || pthread_key_create(&key, NULL) != 0)
        return;
    CHECK(key == last_key + 1);
    CHECK(pthread_key_delete(key) == 0);
#endif
}

int main(int argc, char **argv)
{
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    pid_t parent = getpid(), child;
    pthread_t thread;

    used = library ? dlsym(library, "blocks") : &blocks;
    CHECK(used);
    look_at_keys();
    sem_init(&holds, 0, 0);
    sem_init(&enough, 0, 0);
    signal(SIGUSR1, on_signal);
    end_if_it_hangs();
    for (int i = 0; i < 100; i++)
        run(interrupted);
    CHECK(calls == 0);
    CHECK(used->sum() == 200);
    for (int i = 0; i < 3; i++) {
        run(ends_in_a_block);
        run(forks_outside);
        run(excludes);
        use_on_each_cpu();
    }

    used->block(fork_inside);
    if (getpid() != parent) {
        excludes(NULL);
        run(ends_in_a_block);
        use_on_each_cpu();
        _exit(0);
    }
    CHECK(pthread_create(&thread, NULL, holder, NULL) == 0);
    wait_until(&holds);
    child = fork();
    if (child == 0) {
        end_if_it_hangs();
        use_on_each_cpu();
        excludes(NULL);
        _exit(0);
    }
    CHECK(ends_well(child));
    sem_post(&enough);
    CHECK(pthread_join(thread, NULL) == 0);
    use_on_each_cpu();
    return right();
}
