/* SPDX-License-Identifier: MIT */
/* The lock of the heap: of a program, also across fork(), and of a kernel. Part of alloc.c. */
#ifndef PERCPU_ALLOC_LOCK_H
#define PERCPU_ALLOC_LOCK_H

#include "heap.h"

#if HOSTED

#include "fork.h"

#include <pthread.h>

static struct percpu__fork_lock fork_lock;

#ifdef PERCPU_ALLOC_LOCK
/* The program's own lock is taken; fork_lock.word only says which thread has it. */
static uintptr_t take_lock(void)
{
    uintptr_t state = percpu_alloc_lock();

    __atomic_store_n(&fork_lock.word, (uintptr_t)pthread_self(), __ATOMIC_RELAXED);
    return state;
}

static void give_lock(uintptr_t state)
{
    __atomic_store_n(&fork_lock.word, 0, __ATOMIC_RELAXED);
    percpu_alloc_unlock(state);
}
#else
static uintptr_t take_lock(void)
{
    percpu__lock_take(&fork_lock);
    return 0;
}

static void give_lock(uintptr_t state)
{
    (void)state;
    percpu__lock_give(&fork_lock);
}
#endif

#elif defined(PERCPU_ALLOC_LOCK)

#define take_lock percpu_alloc_lock
#define give_lock percpu_alloc_unlock

#else

#ifndef PERCPU_PLATFORM_SINGLE
static int locked; /* not a byte: riscv exchanges words */
#endif

static uintptr_t take_lock(void)
{
    uintptr_t state = percpu__irq_save();
#ifndef PERCPU_PLATFORM_SINGLE
    while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&locked, __ATOMIC_RELAXED))
            percpu__relax();
#endif
    return state;
}

static void give_lock(uintptr_t state)
{
#ifndef PERCPU_PLATFORM_SINGLE
    __atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
#endif
    percpu__irq_restore(state);
}

#endif

#if HOSTED

static uintptr_t lock(void)
{
    return percpu__is_forking(&fork_lock) ? 0 : take_lock();
}

static void unlock(uintptr_t state)
{
    if (!percpu__is_forking(&fork_lock))
        give_lock(state);
}

/*
 * fork() copies the heap as it is: no thread may be changing it. Lock order: areas, heap. A module
 * whose heap the process does not use leaves its lock alone: a signal handler that interrupts
 * percpu_alloc() may fork, and would wait with the lock of that heap for this module's, which a
 * thread in fork() has that waits for the lock of that heap.
 */
static uintptr_t state_in_fork;

#ifdef PERCPU__HAS_MODULES
static const struct percpu__allocator own_calls;
static bool is_unused(void)
{
    return percpu__allocates_elsewhere(&own_calls);
}
#else
static bool is_unused(void)
{
    return false;
}
#endif

static void take_for_fork(void)
{
#ifdef PERCPU_PLATFORM_THREAD
    if (percpu__areas) { /* null before this module's constructor */
        __atomic_store_n(&percpu__areas->lock.awaited, &fork_lock, __ATOMIC_RELEASE);
        state_in_fork = take_lock();
        __atomic_store_n(&percpu__areas->lock.awaited, NULL, __ATOMIC_RELAXED);
        return;
    }
#endif
    state_in_fork = take_lock();
}

static void before_fork(void)
{
#ifdef PERCPU_PLATFORM_THREAD
    if (percpu__areas)
        percpu__areas_before_fork();
#endif
    if (!percpu__has_lock(&fork_lock) && is_unused())
        return;
    if (percpu__fork_must_take(&fork_lock)) {
        take_for_fork();
        fork_lock.is_forking = true;
    }
}

static void after_fork(void)
{
    if (percpu__has_lock(&fork_lock) && percpu__fork_must_give(&fork_lock))
        give_lock(state_in_fork);
#ifdef PERCPU_PLATFORM_THREAD
    if (percpu__areas)
        percpu__areas_after_fork();
#endif
}

/* Registered before threads allocate: a thread that forks meanwhile must not miss the lock. */
__attribute__((constructor(101))) static void tell_of_forks(void)
{
    if (pthread_atfork(before_fork, after_fork, after_fork) != 0)
        percpu__report("percpu: pthread_atfork() failed");
}

#else
#define lock take_lock
#define unlock give_lock
#endif

#endif
