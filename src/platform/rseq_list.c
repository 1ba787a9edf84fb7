/* SPDX-License-Identifier: MIT */
/* rseq: lists where no sequence runs. */
#include "process.h"

#include <percpu/list.h>

#ifdef PERCPU_PLATFORM_RSEQ

#include <signal.h>
#include <time.h>

/*
 * A list operation without a sequence holds its area's lock for lists, with signals blocked: a
 * handler on this thread would wait for the lock for ever. The operation commits by one store, as a
 * sequence does. So it may overwrite the mark of a list that is closed meanwhile, and a child after
 * fork() finds lists as they were before or after an operation of another thread.
 */
static void lock_lists(struct slot *slot, sigset_t *old_mask)
{
    uint32_t free = 0;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, old_mask);
    percpu__note_owner();
    if (__atomic_compare_exchange_n(&slot->lists, &free, 1, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED))
        return;
    while (__atomic_exchange_n(&slot->lists, 2, __ATOMIC_SEQ_CST) != 0) {
        if (getpid() == percpu__state->pid)
            percpu__futex(&slot->lists, FUTEX_WAIT, 2, NULL);
        else
            percpu__in_child();
    }
}

static void unlock_lists(struct slot *slot, const sigset_t *old_mask)
{
    if (__atomic_exchange_n(&slot->lists, 0, __ATOMIC_SEQ_CST) == 2)
        percpu__futex(&slot->lists, FUTEX_WAKE, 1, NULL);
    pthread_sigmask(SIG_SETMASK, old_mask, NULL);
}

void percpu__wait_for_lists(size_t cpu)
{
    sigset_t old_mask;

    lock_lists(percpu__slot_of(cpu), &old_mask);
    unlock_lists(percpu__slot_of(cpu), &old_mask);
}

/* Returns false if the list is closed. */
static bool list_locked(enum percpu__list_operation operation, size_t cpu, volatile void *p,
                        struct percpu_list_node **node)
{
    uintptr_t copy = (uintptr_t)p + percpu__slot(cpu);
    struct percpu_list_node **first = (struct percpu_list_node **)copy, *old, *now;
    sigset_t old_mask;
    bool open;

    percpu__note_user(cpu);
    lock_lists(percpu__slot_of(cpu), &old_mask);
    old = __atomic_load_n(first, __ATOMIC_RELAXED);
    open = ((uintptr_t)old & PERCPU__LIST_MARK) == 0;
    if (open) {
        if (operation == PERCPU__LIST_PUSHES) {
            (*node)->next = old;
            now = *node;
        } else {
            now = operation == PERCPU__LIST_POPS && old ? old->next : NULL;
            *node = old;
        }
        __asm__ volatile(PERCPU__RSEQ_DELAY);
        __atomic_store_n(first, now, __ATOMIC_RELAXED);
    }
    unlock_lists(percpu__slot_of(cpu), &old_mask);
    return open;
}

static bool list_sequence(enum percpu__list_operation operation, volatile void *p,
                          struct percpu_list_node **node)
{
    percpu__list_bits old = 0, now;
    uintptr_t copy;
    bool done = false;

    switch (operation) {
    case PERCPU__LIST_PUSHES:
        return PERCPU__LIST_SEQUENCE(push)(p, 0, (uintptr_t)*node, PERCPU__POINTER, &old, &now,
                                           &copy);
    case PERCPU__LIST_POPS:
        done = PERCPU__LIST_SEQUENCE(pop)(p, 0, 0, PERCPU__POINTER, &old, &now, &copy);
        break;
    case PERCPU__LIST_TAKES:
        done = PERCPU__LIST_SEQUENCE(take_all)(p, 0, 0, PERCPU__POINTER, &old, &now, &copy);
        break;
    }
    *node = (struct percpu_list_node *)(uintptr_t)old;
    return done;
}

/* Sleeps while the list is closed: its drainer may be a thread of lower priority on this CPU. */
struct percpu_list_node *percpu__list_slow(enum percpu__list_operation operation, volatile void *p,
                                           struct percpu_list_node *node)
{
    const struct timespec nap = {0, 10000};
    int saved = errno, cancelable;

    /* Registers the thread if possible: register_thread() refuses once cancellation is disabled. */
    if (percpu__rseq_index() >= percpu__state->rseq_cpus)
        (void)percpu__atomic_cpu();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    for (;;) {
        size_t cpu = NO_CPU;

        if (percpu__rseq_index() >= percpu__state->rseq_cpus)
            cpu = percpu__atomic_cpu();
        if (cpu == NO_CPU ? list_sequence(operation, p, &node)
                          : list_locked(operation, cpu, p, &node))
            break;
        nanosleep(&nap, NULL);
    }
    pthread_setcancelstate(cancelable, NULL);
    errno = saved;
    return node;
}

#endif
