/* SPDX-License-Identifier: MIT */
/*
 * A function that changes stacks and goes on in another thread, on another CPU. Prints "right", or
 * what went to the first thread's area, or came from it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/list.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <ucontext.h>

static PERCPU_DEFINE(uint64_t, count);
static PERCPU_DEFINE(uint64_t, where);
static PERCPU_DEFINE(struct percpu_list, list);
static struct percpu_list_node nodes[2];
static ucontext_t fiber, threads[2];
static int cpus[2];
static size_t numbers[2], places[2];

static void work(void)
{
    percpu_inc(count);
    percpu_list_push(list, &nodes[0]);
    places[0] = percpu_read(where);
    numbers[0] = percpu_cpu_id();
    swapcontext(&fiber, &threads[0]);
    percpu_inc(count);
    percpu_list_push(list, &nodes[1]);
    places[1] = percpu_read(where);
    numbers[1] = percpu_cpu_id();
    setcontext(&threads[1]);
}

static void go_on(int thread)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(cpus[thread], &one);
    sched_setaffinity(0, sizeof(one), &one);
    swapcontext(&threads[thread], &fiber);
}

static void *second(void *unused)
{
    go_on(1);
    return unused;
}

int main(void)
{
    static char stack[65536];
    cpu_set_t all;
    pthread_t thread;
    bool right = true;

    sched_getaffinity(0, sizeof(all), &all);
    for (int cpu = 0, found = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
        if (CPU_ISSET(cpu, &all))
            cpus[found++] = cpu;
    if (cpus[0] == cpus[1])
        return 1;
    percpu_for_each(cpu)
        percpu_remote_write(where, cpu, cpu);
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = stack;
    fiber.uc_stack.ss_size = sizeof(stack);
    makecontext(&fiber, work, 0);
    go_on(0);
    if (pthread_create(&thread, NULL, second, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    for (size_t i = 0; i < 2; i++) {
        size_t cpu = (size_t)cpus[i];
        uint64_t updates = percpu_remote_read(count, cpu);
        bool has_node = percpu_remote_ptr(list, cpu)->first == &nodes[i];

        printf("%llu updates, node: %d, read from %zu, CPU %zu\n", (unsigned long long)updates,
               has_node, places[i], numbers[i]);
        right = right && updates == 1 && has_node && places[i] == cpu && numbers[i] == cpu;
    }
    puts(right ? "right" : "wrong");
}
