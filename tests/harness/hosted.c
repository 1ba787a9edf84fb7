/* SPDX-License-Identifier: MIT */
/*
 * The harness's CPUs on the host: threads that sleep until they are given something to run. On the
 * rseq platform each is bound to the real CPU of its number.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef PERCPU_PLATFORM_RSEQ
#define MAX_CPUS 64
static size_t cpus;
#else
#define MAX_CPUS 4
static const size_t cpus = MAX_CPUS;
#endif

struct job {
    void (*fn)(size_t cpu, void *data);
    void *data;
    size_t cpus; /* how many take part */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static const struct job *box[MAX_CPUS]; /* what each CPU is to run, or is running */
static size_t up;                       /* CPUs that came up */
static atomic_size_t ready;             /* CPUs of the current job at the start barrier */
static _Thread_local size_t this_cpu;

__attribute__((weak)) void test_cpu_enter(size_t cpu)
{
    (void)cpu;
}

size_t test_cpus(void)
{
    return cpus;
}

size_t test_cpu(void)
{
    return this_cpu;
}

#ifdef PERCPU_PLATFORM_RSEQ
/* The CPUs from 0 up to the first that this program may not use. */
static void count_cpus(void)
{
    cpu_set_t usable;

    if (sched_getaffinity(0, sizeof usable, &usable) == 0)
        while (cpus < MAX_CPUS && CPU_ISSET(cpus, &usable))
            cpus++;
    if (cpus == 0) {
        printf("Bail out! CPU 0 cannot be used\n");
        exit(1);
    }
}

static void enter(size_t cpu)
{
    cpu_set_t one;

    this_cpu = cpu;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) {
        printf("Bail out! a thread cannot be bound to CPU %zu\n", cpu);
        exit(1);
    }
    test_cpu_enter(cpu);
}
#else
static void count_cpus(void)
{
}

static void enter(size_t cpu)
{
    this_cpu = cpu;
    test_cpu_enter(cpu);
}
#endif

/* Spins, since waking threads one after the other would let the first finish before the last. */
static void run(const struct job *job)
{
    ready++;
    while (ready < job->cpus)
        sched_yield();
    job->fn(this_cpu, job->data);
}

static void *cpu_main(void *arg)
{
    enter((size_t)(uintptr_t)arg);

    pthread_mutex_lock(&lock);
    up++;
    pthread_cond_broadcast(&changed);
    for (;;) {
        const struct job *job;

        while ((job = box[this_cpu]) == NULL)
            pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        run(job);
        pthread_mutex_lock(&lock);
        box[this_cpu] = NULL;
        pthread_cond_broadcast(&changed);
    }
    return NULL;
}

static void run_on(size_t first, size_t end, struct job *job)
{
    if (this_cpu != 0 || first >= end || end > cpus) {
        fprintf(stderr, "on_cpus() called on CPU %zu for CPUs %zu to %zu\n", this_cpu, first, end);
        abort();
    }
    ready = 0;
    job->cpus = end - first;

    pthread_mutex_lock(&lock);
    for (size_t cpu = first; cpu < end; cpu++)
        box[cpu] = cpu == 0 ? NULL : job;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);

    if (first == 0)
        run(job);

    pthread_mutex_lock(&lock);
    for (size_t cpu = first; cpu < end; cpu++)
        while (box[cpu] != NULL)
            pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void on_cpus(void (*fn)(size_t cpu, void *data), void *data)
{
    run_on(0, cpus, &(struct job){.fn = fn, .data = data});
}

void on_cpu(size_t cpu, void (*fn)(size_t cpu, void *data), void *data)
{
    run_on(cpu, cpu + 1, &(struct job){.fn = fn, .data = data});
}

int main(int argc, char **argv)
{
    /* Lines, so that a crash loses none and a forked child repeats none. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    count_cpus();
    enter(0);
    up = 1;
    for (size_t cpu = 1; cpu < cpus; cpu++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, cpu_main, (void *)(uintptr_t)cpu) != 0) {
            printf("Bail out! cannot create thread %zu\n", cpu);
            return 1;
        }
    }
    pthread_mutex_lock(&lock);
    while (up < cpus)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);

    return test_main(argc, argv);
}
