/* SPDX-License-Identifier: MIT */
/* rseq: lists where no sequence runs. */
#include "process.h"

#include <percpu/list.h>

#ifdef PERCPU_PLATFORM_RSEQ

#include <time.h>

/*
 * A list operation without a sequence is a loop over compare-and-exchange, so that signal handlers
 * and a child after fork() find lists as they are before or after it.
 *
 * A push needs no more: while the head has the value that it read, the node's `next` is right. Pop
 * and take_all hold their area's lock for lists, which keeps other threads from taking nodes: pop
 * reads the `next` of a node that is still in the list. Pushes, and handlers that interrupt the
 * operation, do not wait for the lock. Therefore pop marks the head, each operation leaves the head
 * without that mark, and pop begins again where the mark is gone.
 *
 * The lock's word names the thread that has it. A handler of that thread works under it, and waits
 * for nothing: what it waits for may wait for the lock.
 */
#define CLOSED PERCPU__LIST_MARK
#define POPPING PERCPU__LIST_POPPING
#define NODE_IN(head) ((struct percpu_list_node *)((head) & ~(CLOSED | POPPING)))

enum lock { TAKEN, NESTED, WOULD_WAIT };

/* The area whose lock the calling thread has, in an operation that a handler interrupts; NO_CPU. */
static size_t area_of_interrupted(void)
{
    size_t cpu = percpu__state->rseq_cpus == 0 ? 0 : percpu__state->cpus;

    for (; cpu <= percpu__state->cpus; cpu++)
        if (percpu__has_lists(percpu__slot_of(cpu)))
            return cpu;
    return NO_CPU;
}

/*
 * NESTED: the thread has the lock already. WOULD_WAIT: it has another area's. Who has waited takes
 * the lock with the mark, since others may still wait.
 */
static enum lock lock_lists(struct slot *slot)
{
    uintptr_t me = (uintptr_t)pthread_self(), seen = 0;

    percpu__note_owner();
    while (!__atomic_compare_exchange_n(&slot->lists, &seen, me, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        uintptr_t waited = seen | LISTS_WAITED;

        if (percpu__has_lists(slot))
            return NESTED;
        if (area_of_interrupted() != NO_CPU)
            return WOULD_WAIT;
        if (getpid() != percpu__state->pid)
            percpu__in_child();
        else if (__atomic_compare_exchange_n(&slot->lists, &seen, waited, false, __ATOMIC_RELAXED,
                                             __ATOMIC_RELAXED))
            percpu__futex((uint32_t *)&slot->lists, FUTEX_WAIT, (uint32_t)waited, NULL);
        me |= LISTS_WAITED;
        seen = 0;
    }
    return TAKEN;
}

static void unlock_lists(struct slot *slot)
{
    if (__atomic_exchange_n(&slot->lists, 0, __ATOMIC_RELEASE) & LISTS_WAITED)
        percpu__futex((uint32_t *)&slot->lists, FUTEX_WAKE, 1, NULL);
}

bool percpu__wait_for_lists(size_t cpu)
{
    struct slot *slot = percpu__slot_of(cpu);
    int saved = errno;
    enum lock lock = lock_lists(slot);

    if (lock == TAKEN)
        unlock_lists(slot);
    errno = saved;
    return lock != WOULD_WAIT;
}

/*
 * The three operations return false if the list is closed, unless they are to open it: the drainer
 * finds then that its mark is gone, and begins again.
 */
static bool push(percpu__word *head, struct percpu_list_node *node, bool opens)
{
    percpu__word first = __atomic_load_n(head, __ATOMIC_RELAXED);

    do {
        if ((first & CLOSED) && !opens)
            return false;
        node->next = NODE_IN(first);
        __asm__ volatile(PERCPU__RSEQ_DELAY);
    } while (!__atomic_compare_exchange_n(head, &first, (uintptr_t)node, false, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
    return true;
}

static bool pop(percpu__word *head, struct percpu_list_node **node, bool opens)
{
    percpu__word first = __atomic_load_n(head, __ATOMIC_ACQUIRE), next, popping;

    do {
        do {
            if ((first & CLOSED) && !opens)
                return false;
            *node = NODE_IN(first);
            if (!*node)
                return true;
            popping = (uintptr_t)*node | POPPING;
        } while (first != popping &&
                 !__atomic_compare_exchange_n(head, &first, popping, false, __ATOMIC_ACQUIRE,
                                              __ATOMIC_ACQUIRE));
        next = (uintptr_t)__atomic_load_n(&(*node)->next, __ATOMIC_RELAXED);
        __asm__ volatile(PERCPU__RSEQ_DELAY);
        first = popping;
    } while (!__atomic_compare_exchange_n(head, &first, next, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    return true;
}

static bool take_all(percpu__word *head, struct percpu_list_node **node, bool opens)
{
    percpu__word first = __atomic_load_n(head, __ATOMIC_RELAXED);

    do {
        if ((first & CLOSED) && !opens)
            return false;
        __asm__ volatile(PERCPU__RSEQ_DELAY);
    } while (
        !__atomic_compare_exchange_n(head, &first, 0, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    *node = NODE_IN(first);
    return true;
}

/* Returns false if the list is closed and `opens` is false, or the lock was refused. */
static bool list_atomic(enum percpu__list_operation operation, size_t cpu, volatile void *p,
                        struct percpu_list_node **node, bool opens)
{
    percpu__word *head = (percpu__word *)((uintptr_t)p + percpu__slot(cpu));
    struct slot *slot = percpu__slot_of(cpu);
    enum lock lock;
    bool done;

    percpu__note_user(cpu);
    if (operation == PERCPU__LIST_PUSHES)
        return push(head, *node, opens);
    *node = NULL;
    if (__atomic_load_n(head, __ATOMIC_RELAXED) == 0)
        return true;
    lock = lock_lists(slot);
    if (lock == WOULD_WAIT)
        return false;
    done = operation == PERCPU__LIST_POPS ? pop(head, node, opens) : take_all(head, node, opens);
    if (lock == TAKEN)
        unlock_lists(slot);
    return done;
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

/*
 * Sleeps while the list is closed: its drainer may be a thread of lower priority on this CPU. A
 * handler that has interrupted a list operation does not, since the drainer may wait for that one.
 */
static void until_done(enum percpu__list_operation operation, volatile void *p,
                       struct percpu_list_node **node)
{
    const struct timespec nap = {0, 10000};

    for (;;) {
        size_t cpu = NO_CPU;

        if (percpu__rseq_index() >= percpu__state->rseq_cpus)
            cpu = percpu__atomic_cpu();
        if (cpu == NO_CPU ? list_sequence(operation, p, node)
                          : list_atomic(operation, cpu, p, node, false))
            return;
        cpu = area_of_interrupted();
        if (cpu == NO_CPU)
            nanosleep(&nap, NULL);
        else if (list_atomic(operation, cpu, p, node, true))
            return;
    }
}

struct percpu_list_node *percpu__list_slow(enum percpu__list_operation operation, volatile void *p,
                                           struct percpu_list_node *node)
{
    int saved, cancelable;

    /* A push holds no lock: its thread may be cancelled asynchronously. */
    if (operation == PERCPU__LIST_PUSHES && percpu__state->rseq_cpus == 0 &&
        list_atomic(operation, percpu__atomic_cpu(), p, &node, false))
        return node;
    saved = errno;
    /* Registers the thread if possible: register_thread() refuses once cancellation is disabled. */
    if (percpu__state->rseq_cpus != 0 && percpu__rseq_index() >= percpu__state->rseq_cpus)
        (void)percpu__atomic_cpu();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    until_done(operation, p, &node);
    pthread_setcancelstate(cancelable, NULL);
    errno = saved;
    return node;
}

#endif
