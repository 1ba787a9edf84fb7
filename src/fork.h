/* SPDX-License-Identifier: MIT */
/*
 * Hosted: a lock that is held across fork(), so that the child finds the data that the lock
 * protects in order. Fork handlers of others run meanwhile, in the child, too, and may call
 * functions that take the lock: the lock does not stop the thread that is in fork().
 *
 * The lock's word names the thread that has the lock. A signal handler that interrupts this thread
 * therefore sees at any moment whose the lock is.
 */
#ifndef PERCPU_FORK_H
#define PERCPU_FORK_H

#include "internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct percpu__fork_lock {
    uintptr_t word;  /* pthread_self() of the thread that has the lock, with WAITED; 0 for none */
    bool is_forking; /* that thread is in fork() */
    unsigned nested; /* fork handlers that found that the thread had the lock already */
    const struct percpu__fork_lock *awaited; /* that thread is in fork() and waits for this one */
};
#define PERCPU__LOCK_WAITED ((uintptr_t)1) /* somebody may wait; clear in each pthread_self() */

static inline bool percpu__has_lock(const struct percpu__fork_lock *lock)
{
    uintptr_t word = __atomic_load_n(&lock->word, __ATOMIC_RELAXED);
    return (word & ~PERCPU__LOCK_WAITED) == (uintptr_t)pthread_self();
}

static inline bool percpu__is_forking(const struct percpu__fork_lock *lock)
{
    return percpu__has_lock(lock) && lock->is_forking;
}

/*
 * The futex is the lower half of the word, with PERCPU__LOCK_WAITED: while the mark is set, giving
 * the lock back wakes a waiter, so that waiting is never wrong.
 */
static inline void percpu__lock_futex(struct percpu__fork_lock *lock, int operation, uint32_t value)
{
    int saved = errno;

    syscall(SYS_futex, &lock->word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
    errno = saved;
}

/* glibc 2.32 and newer: not 0 as long as no second thread was started. Elsewhere it is absent. */
extern char __libc_single_threaded __attribute__((weak));

/*
 * A process of one thread does without atomic instructions, which take a quarter of an allocation's
 * time. Nobody waits in it. It changes only in calls that a thread with the lock makes in fork
 * handlers: taking and giving each ask again.
 */
static inline bool percpu__is_alone(void)
{
    return &__libc_single_threaded && __libc_single_threaded;
}

/* A thread that has waited takes the lock with the mark, since others may still wait. */
static inline void percpu__lock_take(struct percpu__fork_lock *lock)
{
    uintptr_t me = (uintptr_t)pthread_self(), seen = 0;

    /* Acquire: from threads that have ended, where a C library then counts the thread as alone. */
    if (percpu__is_alone() && __atomic_load_n(&lock->word, __ATOMIC_ACQUIRE) == 0) {
        __atomic_store_n(&lock->word, me, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* handlers see whose the lock is */
        return;
    }
    while (!__atomic_compare_exchange_n(&lock->word, &seen, me, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        uintptr_t waited = seen | PERCPU__LOCK_WAITED;

        if (__atomic_compare_exchange_n(&lock->word, &seen, waited, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            percpu__lock_futex(lock, FUTEX_WAIT, (uint32_t)waited);
        me |= PERCPU__LOCK_WAITED;
        seen = 0;
    }
}

static inline void percpu__lock_give(struct percpu__fork_lock *lock)
{
    if (percpu__is_alone()) {
        __atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE);
        return;
    }
    if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & PERCPU__LOCK_WAITED)
        percpu__lock_futex(lock, FUTEX_WAKE, 1);
}

/*
 * Takes the lock for fork(), and returns true; or returns false, since the thread that has it is in
 * fork(), too, and waits for a lock that the calling thread has: a signal handler forks that
 * interrupted the calling thread with that lock. What this lock protects stays as it is then until
 * the calling thread gives the other lock back.
 */
static inline bool percpu__lock_take_for_fork(struct percpu__fork_lock *lock)
{
    const struct timespec nap = {0, 100000};
    uintptr_t me = (uintptr_t)pthread_self() | PERCPU__LOCK_WAITED, none = 0;
    int saved = errno, cancelable;

    while (!__atomic_compare_exchange_n(&lock->word, &none, me, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        const struct percpu__fork_lock *awaited = __atomic_load_n(&lock->awaited, __ATOMIC_ACQUIRE);

        if (awaited && percpu__has_lock(awaited))
            return false;
        /* fork() is no cancellation point. */
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
        nanosleep(&nap, NULL);
        pthread_setcancelstate(cancelable, NULL);
        errno = saved;
        none = 0;
    }
    lock->is_forking = true;
    return true;
}

/*
 * Must a fork handler take the lock? Not if the thread has it: by an earlier fork handler, or
 * because a signal handler forks that interrupted the thread with the lock. The thread goes on in
 * the child.
 */
static inline bool percpu__fork_must_take(struct percpu__fork_lock *lock)
{
    if (!percpu__has_lock(lock))
        return true;
    lock->nested++;
    return false;
}

/* Must a fork handler release the lock? */
static inline bool percpu__fork_must_give(struct percpu__fork_lock *lock)
{
    if (lock->nested != 0) {
        lock->nested--;
        return false;
    }
    lock->is_forking = false;
    return true;
}

#endif
