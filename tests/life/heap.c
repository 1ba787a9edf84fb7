/* SPDX-License-Identifier: MIT */
/*
 * usage: [ATFORK=N] heap memory N|fork|both [LIBRARY]|handlers|refused
 * The first allocation of the process: the N-th call of mmap() fails, and then there is memory;
 * another thread forks meanwhile (fork); a signal handler of this thread forks while another thread
 * is in fork(), and a library that has percpu, too, came by dlopen() (both). Fork handlers of
 * others allocate (handlers). Before main() the N-th call of pthread_atfork() fails (refused).
 * Linked with --wrap=mmap,--wrap=pthread_atfork.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include "hang.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static volatile int short_of_memory, in_first_allocation, forks_inside;
static sem_t inside, go_on;

static void fork_as_another_forks(void);

void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (short_of_memory != 0 && --short_of_memory == 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (forks_inside) {
        forks_inside = 0;
        fork_as_another_forks();
    }
    return __real_mmap(at, size, protection, flags, file, offset);
}

int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    static int calls;
    const char *refused = getenv("ATFORK");

    if (refused && ++calls == atoi(refused))
        return ENOMEM;
    if (in_first_allocation) {
        sem_post(&inside);
        wait_until(&go_on);
    }
    return __real_pthread_atfork(prepare, parent, child);
}

void percpu_panic(const char *message)
{
    CHECK(getenv("ATFORK") && strstr(message, "pthread_atfork() failed"));
    right();
    fflush(stdout);
    _exit(0);
}

static void allocate(void)
{
    void PERCPU *p = percpu_alloc(long);

    CHECK(p);
    percpu_free(p);
}

static void *first(void *unused)
{
    allocate();
    in_first_allocation = 0;
    sem_post(&inside);
    return unused;
}

static pid_t fork_and_allocate(void)
{
    pid_t child = fork();

    if (child == 0) {
        end_if_it_hangs();
        allocate();
        _exit(0);
    }
    return child;
}

/* The child finds the heap's lock free, whoever had it. */
static void test_fork(void)
{
    pthread_t thread;
    pid_t child;

    in_first_allocation = 1;
    CHECK(pthread_create(&thread, NULL, first, NULL) == 0);
    wait_until(&inside);
    child = fork_and_allocate();
    sem_post(&go_on);
    CHECK(ends_well(child));
    CHECK(pthread_join(thread, NULL) == 0);
}

static _Atomic int tid_in_fork;
static pid_t handlers_child = -1;

static void *forks(void *unused)
{
    tid_in_fork = (int)syscall(SYS_gettid);
    CHECK(ends_well(fork_and_allocate()));
    return unused;
}

static pthread_t forking;

/* As a handler that interrupts percpu_alloc(), with the lock that the other thread waits for. */
static void fork_as_another_forks(void)
{
    CHECK(pthread_create(&forking, NULL, forks, NULL) == 0);
    while (tid_in_fork == 0 || sleeps_in(tid_in_fork) != SYS_futex)
        usleep(1000);
    handlers_child = fork();
    if (handlers_child == 0)
        end_if_it_hangs();
}

static void test_both(const char *library)
{
    CHECK(!library || dlopen(library, RTLD_NOW));
    forks_inside = 1;
    allocate(); /* in the child, too */
    CHECK(forks_inside == 0);
#ifdef PERCPU_PLATFORM_THREAD
    CHECK(percpu_init_in_place() == 0); /* the lock of the areas is free */
#endif
    if (handlers_child == 0)
        _exit(0);
    CHECK(ends_well(handlers_child));
    CHECK(pthread_join(forking, NULL) == 0);
    allocate();
}

/* The n-th call of mmap() fails. */
static void test_memory(int n)
{
    short_of_memory = n;
    CHECK(!percpu_alloc(long));
    CHECK(short_of_memory == 0);
    allocate();
    CHECK(percpu_alloc_stats().reserved != 0);
}

static const char *mode = "";

/* Of a library that came before percpu: between the library's handlers and fork(). */
static void in_handler(void)
{
    if (strcmp(mode, "handlers") == 0)
        allocate();
}

__attribute__((constructor(100))) static void come_first(void)
{
    __real_pthread_atfork(in_handler, in_handler, in_handler);
}

static void test_handlers(void)
{
    allocate();
    CHECK(ends_well(fork_and_allocate()));
    allocate();
}

int main(int argc, char **argv)
{
    mode = argc > 1 ? argv[1] : "";
    sem_init(&inside, 0, 0);
    sem_init(&go_on, 0, 0);
    end_if_it_hangs();
    CHECK(strcmp(mode, "refused") != 0);
#ifndef PERCPU_PLATFORM_RSEQ
    CHECK(percpu_init_in_place() > 0);
#endif
    if (strcmp(mode, "memory") == 0)
        test_memory(argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1);
    else if (strcmp(mode, "fork") == 0)
        test_fork();
    else if (strcmp(mode, "both") == 0)
        test_both(argc > 2 ? argv[2] : NULL);
    else
        test_handlers();
    return right();
}
