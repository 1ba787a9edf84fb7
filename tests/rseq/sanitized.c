/* SPDX-License-Identifier: MIT */
/*
 * For ThreadSanitizer and LeakSanitizer: blocks and lists hand data from thread to thread, and only
 * areas point to some of it. Prints "right" or "wrong"; the sanitizers have nothing to say.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>
#include <percpu/list.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 3, ROUNDS = 2000 };

struct item {
    struct percpu_list_node node;
    uint64_t used;
};

static PERCPU_DEFINE(struct percpu_list, items);
static PERCPU_DEFINE(uint64_t, blocks);
static PERCPU_DEFINE(uint64_t, updates) = 1;
static void *PERCPU *dynamic;
static pthread_barrier_t all;

static struct item *take(void)
{
    struct item *item = (struct item *)percpu_list_pop(items);

    return item ? item : calloc(1, sizeof(*item));
}

static void *work(void *number)
{
#ifdef PERCPU_PLATFORM_THREAD
    if (percpu_init_reg((size_t)(uintptr_t)number) != 0)
        abort();
#endif
    pthread_barrier_wait(&all);
    for (int i = 0; i < ROUNDS; i++) {
        struct item *item = take();

        item->used++;
        percpu_list_push(items, &item->node);
        percpu_with_current(blocks, p)
            ++*p;
        percpu_inc(updates);
    }
    return number;
}

#ifdef PERCPU_PLATFORM_RSEQ
static PERCPU_DEFINE(uint64_t, ended);

/* In C without -fexceptions the end of the thread gives the area back, not that of the block. */
static void *end_in_block(void *unused)
{
    percpu_with_current(ended, p) {
        ++*p;
        pthread_exit(unused);
    }
    return unused;
}

static void end_in_blocks(void)
{
    pthread_t thread[THREADS];
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0)
        abort();
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, end_in_block, NULL) != 0)
            abort();
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    if (percpu_sum(ended) != THREADS)
        abort();
}
#else
static void end_in_blocks(void)
{
}
#endif

int main(void)
{
    pthread_t thread[THREADS];
    uint64_t used = 0;

#ifdef PERCPU_PLATFORM_THREAD
    static char memory[THREADS << 20] __attribute__((aligned(4096)));
    if (percpu_init(memory, THREADS) != THREADS)
        return 1;
#endif
    dynamic = percpu_alloc(void *);
    pthread_barrier_init(&all, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, work, (void *)i) != 0)
            return 1;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    percpu_for_each(cpu) {
        struct percpu_list_node *node = percpu_remote_ptr(items, cpu)->first;

        for (; node; node = node->next)
            used += ((struct item *)node)->used;
        if (dynamic)
            *percpu_remote_ptr_at(dynamic, cpu) = malloc(1);
    }
    end_in_blocks();
    puts(used == (uint64_t)THREADS * ROUNDS && percpu_sum(blocks) == used &&
                 percpu_sum(updates) == used + percpu_area_num()
             ? "right"
             : "wrong");
}
