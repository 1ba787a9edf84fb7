/* SPDX-License-Identifier: MIT */
/*
 * Hosted: a lock that the thread in fork() holds, so that the child finds in order what the lock
 * protects. Fork handlers of others run while it is held, in the child, too, and may call what
 * takes it: the lock is open to that thread.
 */
#ifndef PERCPU_FORK_H
#define PERCPU_FORK_H

#include "internal.h"

#include <pthread.h>

struct percpu__fork_lock {
    uintptr_t holder; /* the thread that has the lock, 0 for none */
    bool is_forking;  /* the holder is in fork() */
    unsigned again;   /* handlers of that fork() that found the lock the thread's own */
};

static inline bool percpu__has_lock(const struct percpu__fork_lock *lock)
{
    return __atomic_load_n(&lock->holder, __ATOMIC_RELAXED) == (uintptr_t)pthread_self();
}

static inline bool percpu__is_forking(const struct percpu__fork_lock *lock)
{
    return percpu__has_lock(lock) && lock->is_forking;
}

/* Called with the lock taken, and before it is given back. */
static inline void percpu__lock_is_mine(struct percpu__fork_lock *lock, bool is_mine)
{
    __atomic_store_n(&lock->holder, is_mine ? (uintptr_t)pthread_self() : 0, __ATOMIC_RELAXED);
}

/*
 * Is the lock to be taken? Not again, and not when fork() is called by a signal handler that
 * interrupted the thread with the lock, which goes on in the child. (Between taking the lock and
 * saying whose it is a handler is not seen, and waits for its own thread: docs/alloc.md.)
 */
static inline bool percpu__fork_begins(struct percpu__fork_lock *lock)
{
    if (!percpu__has_lock(lock))
        return true;
    lock->again++;
    return false;
}

/* Is it to be given back? */
static inline bool percpu__fork_ends(struct percpu__fork_lock *lock)
{
    if (lock->again != 0) {
        lock->again--;
        return false;
    }
    lock->is_forking = false;
    return true;
}

#endif
