/* SPDX-License-Identifier: MIT */
/*
 * usage: lists
 * x86_64, rseq, in a process without sequences: at each instruction of a list operation a signal
 * handler uses lists, fences or forks. Each node is in one place in the end, and nobody waits.
 * Linked with -z now: the dynamic linker has nothing to find; and with --wrap=sched_getcpu.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/list.h>

#include "step.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>

enum { NODES = 4, STRANGE = 0x1000 /* a thread that has a lock, and does not exist */ };

static PERCPU_DEFINE(struct percpu_list, list);
static struct percpu_list_node nodes[NODES];
static int places[NODES];
static int here, the_step, is_child;

/* Where the thread is. */
int __wrap_sched_getcpu(void);
int __wrap_sched_getcpu(void)
{
    return here;
}

static uintptr_t *lock_of(size_t cpu)
{
    return (uintptr_t *)(percpu_area_base(cpu) + 8);
}

static size_t elsewhere(void)
{
    return percpu_area_num() > 2 ? 1 : percpu_area_num() - 1;
}

static void go_to(size_t cpu)
{
    here = (int)cpu;
    CHECK(percpu_cpu_id() == cpu);
}

static void hold(struct percpu_list_node *node)
{
    if (node)
        places[node - nodes]++;
}

static void hold_all(struct percpu_list_node *node)
{
    for (int n = 0; node && n <= NODES; n++, node = node->next)
        hold(node);
}

static void put(struct percpu_list_node *node)
{
    if (node) {
        places[node - nodes]--;
        percpu_list_push(list, node);
    }
}

/* -- What comes between ------------------------------------------------------------------------ */

/* The first node comes back, and the second is gone: a compare-and-exchange would not see it. */
static void aba(void)
{
    struct percpu_list_node *first = percpu_list_pop(list);

    hold(first);
    hold(percpu_list_pop(list));
    put(first);
}

static void pushes(void)
{
    static struct percpu_list_node *of_mine = &nodes[NODES - 1];

    put(of_mine);
}

static void takes(void)
{
    hold_all(percpu_list_take_all(list));
}

/* A drainer has closed the list, and waits for the lock. */
static void closed(void)
{
    struct percpu_list_node *first = percpu_list_close(list, 0), *popped;

    CHECK(((uintptr_t)first & 3) == 0);
    CHECK(percpu_list_open(list, 0, first, first));
    first = percpu_list_close(list, 0);
    if (*lock_of(0) != 0) {
        popped = percpu_list_pop(list);
        hold(popped);
        put(popped);
        CHECK(!percpu_list_open(list, 0, first, NULL) == (popped != NULL));
    } else {
        CHECK(percpu_list_open(list, 0, first, first));
    }
}

static void closed_pushes(void)
{
    struct percpu_list_node *first = percpu_list_close(list, 0);

    if (*lock_of(0) != 0) {
        put(&nodes[NODES - 1]);
        CHECK(!percpu_list_open(list, 0, first, NULL));
    } else {
        CHECK(percpu_list_open(list, 0, first, first));
    }
}

/* The handler is elsewhere, where another thread has the lock: that one may wait for this one. */
static void moved(void)
{
    struct percpu_list PERCPU *remote = percpu_addr(list);
    static struct percpu_list_node more;
    int error;

    if (*lock_of(0) == 0)
        return;
    go_to(elsewhere());
    percpu_remote_ptr_at(remote, elsewhere())->first = &more;
    *lock_of(elsewhere()) = STRANGE;
    hold(percpu_list_pop(list));
    error = percpu_fence_cpu(elsewhere());
    CHECK(error == -PERCPU_ESYS);
    CHECK(*lock_of(elsewhere()) == STRANGE);
    *lock_of(elsewhere()) = 0;
    percpu_remote_ptr_at(remote, elsewhere())->first = NULL;
    go_to(0);
}

static void fences(void)
{
    CHECK(percpu_fence_cpu(0) == 0);
    CHECK(percpu_fence() == 0);
}

static void forks(void)
{
    uintptr_t lock = *lock_of(0);
    pid_t child = fork();

    if (child == 0) {
        end_if_it_hangs();
        CHECK(*lock_of(0) == lock);
        is_child = 1;
        aba();
        return;
    }
    CHECK(ends_well(child));
}

static void (*const between[])(void) = {aba,           pushes, takes,  closed,
                                        closed_pushes, moved,  fences, forks};
enum { BETWEEN = sizeof(between) / sizeof(between[0]) };
static unsigned kind;

static int at_step(void)
{
    if (steps == the_step)
        between[kind]();
    return !is_child && steps < the_step;
}

/* -- The operations ---------------------------------------------------------------------------- */

static void once(unsigned operation)
{
    struct percpu_list_node *node = NULL;

    memset(places, 0, sizeof(places));
    places[NODES - 1] = places[NODES - 2] = 1;
    for (int i = 0; i < NODES - 2; i++)
        percpu_list_push(list, &nodes[i]);
    steps = 0;
    begin_steps();
    switch (operation) {
    case 0: node = percpu_list_pop(list); break;
    case 1: node = percpu_list_take_all(list); break;
    case 2: percpu_list_push(list, &nodes[NODES - 2]); break;
    }
    end_steps();
    if (operation == 2)
        places[NODES - 2]--;
    if (operation == 1)
        hold_all(node);
    else
        hold(node);
    CHECK(((uintptr_t)percpu_remote_ptr(list, 0)->first & 3) == 0);
    percpu_for_each(cpu) {
        CHECK(*lock_of(cpu) == 0);
        hold_all(percpu_remote_ptr(list, cpu)->first);
        percpu_remote_ptr(list, cpu)->first = NULL;
    }
    for (int i = 0; i < NODES; i++)
        CHECK(places[i] == 1);
}

/* -- A fence waits for a pop that reads a node ------------------------------------------------- */

static volatile int has_fenced;

static void *fence(void *unused)
{
    CHECK(percpu_fence_cpu(0) == 0);
    has_fenced = 1;
    return unused;
}

static void fence_waits(void)
{
    pthread_t thread;

    *lock_of(0) = STRANGE;
    CHECK(pthread_create(&thread, NULL, fence, NULL) == 0);
    usleep(20000);
    CHECK(!has_fenced);
    __atomic_store_n(lock_of(0), 0, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, lock_of(0), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void)
{
    end_if_it_hangs();
    CHECK(strncmp(percpu_info(), "atomic", 6) == 0);
    fence_waits();
    for (unsigned operation = 0; operation < 3; operation++)
        for (kind = 0; kind < BETWEEN; kind++) {
            go_to(0);
            the_step = 0;
            do {
                the_step++;
                once(operation);
                if (is_child)
                    _exit(0);
            } while (steps == the_step);
            CHECK(the_step > 30);
        }
    return right();
}
