/* SPDX-License-Identifier: MIT */
/*
 * usage: phases
 * rseq: what makes system calls, for strace(1). A write to no file says of which part of the
 * documents' list the calls are that this thread makes next; "-": they are not the library's. As a
 * shared library (NAME_OF_MAIN) it is opened by host.c.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>
#include <percpu/list.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static PERCPU_DEFINE(uint64_t, hits) = 7;
static PERCPU_DEFINE(struct percpu_list, list) = {0};
static struct percpu_list_node nodes[2];

static void phase(const char *name)
{
    syscall(SYS_write, -1, name, strlen(name));
}

static void fork_begins(void)
{
    phase("fork, in the child");
}

static void fork_ends(void)
{
    phase("-");
}

/* Around the library's constructor and fork handler. Its priority is 101. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wprio-ctor-dtor"
#endif
__attribute__((constructor(100))) static void before_start(void)
{
    if (pthread_atfork(NULL, NULL, fork_begins) == 0)
        phase("start");
}
__attribute__((constructor(102))) static void after_start(void)
{
    phase("-");
    pthread_atfork(NULL, NULL, fork_ends);
}

/* All on one CPU, so that two threads meet. */
static void stay(void)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
}

static void *update(void *unused)
{
    phase("first use in a thread");
    percpu_inc(hits);
    phase("-");
    percpu_inc(hits);
    return unused;
}

/* What the thread has to do with percpu, and not: the test subtracts. */
static void *end_in_a_block(void *unused)
{
    percpu_inc(hits);
    (void)percpu__take_area(); /* enters a block, and does not leave it */
    phase("end of a thread");
    return unused;
}

static void *end(void *unused)
{
    phase("libc's end of a thread");
    return unused;
}

static void *enter(void *unused)
{
    percpu_inc(hits);
    phase("blocks");
    percpu_with_current(hits, p)
        ++*p;
    phase("-");
    return unused;
}

/* The word before an area's variables: who owns it, and in bit 31 whether somebody waits. */
static bool somebody_waits(void)
{
    bool waits = false;

    percpu_for_each(cpu)
        waits |= *(volatile uint32_t *)percpu_area_base(cpu) >> 31 != 0;
    return waits;
}

static void blocks(void)
{
    pthread_t thread;

    phase("blocks");
    percpu_with_current(hits, p) {
        ++*p;
        phase("-");
        if (pthread_create(&thread, NULL, enter, NULL) != 0)
            return;
        while (!somebody_waits())
            sched_yield();
        phase("blocks");
    }
    phase("-");
    pthread_join(thread, NULL);
}

/* Of an operation that found its list closed. Linked with --wrap. */
static volatile bool has_slept;
int __real_nanosleep(const struct timespec *time, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
    has_slept = true;
    return __real_nanosleep(time, rest);
}

static void *push(void *unused)
{
    percpu_inc(hits);
    phase("lists");
    percpu_list_push(list, &nodes[1]);
    phase("-");
    return unused;
}

/* Closed for a while. */
static void lists(void)
{
    struct percpu_list_node *first[64] = {0};
    pthread_t thread;

    phase("lists");
    percpu_list_push(list, &nodes[0]);
    phase("-");
    percpu_for_each(cpu)
        if (cpu < 64)
            first[cpu] = percpu_list_close(list, cpu);
    if (pthread_create(&thread, NULL, push, NULL) != 0)
        return;
    while (!has_slept)
        sched_yield();
    percpu_for_each(cpu)
        if (cpu < 64)
            (void)percpu_list_open(list, cpu, first[cpu], first[cpu]);
    pthread_join(thread, NULL);
}

static void run(void *(*function)(void *))
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, function, NULL) == 0)
        pthread_join(thread, NULL);
    phase("-");
}

static void allocate(void)
{
    void PERCPU *small, PERCPU *large;

    phase("dynamic memory");
    small = percpu_alloc_bytes(8, 8);
    large = percpu_alloc_bytes(1 << 20, 64);
    percpu_free(small);
    percpu_free(large);
    phase("-");
}

#ifndef NAME_OF_MAIN
#define NAME_OF_MAIN main
#endif
int NAME_OF_MAIN(void);
int NAME_OF_MAIN(void)
{
    pid_t child;

    stay();
    run(update);
    blocks();
    lists();
    run(end_in_a_block);
    run(end);
    allocate();
    percpu_for_each(cpu) {
        phase("fence");
        percpu_fence_cpu(cpu);
        phase("-");
    }
    child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    return 0;
}
