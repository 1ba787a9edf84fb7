/* SPDX-License-Identifier: MIT */
/* rseq: percpu_with_current(). */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * Tries to take the area of the CPU that this runs on, *cpu. A sequence does it by a plain store,
 * since only sequences on its CPU write the owner of a free area.
 */
static bool try_take(uint32_t tid, size_t *cpu, uint32_t *seen)
{
    uint32_t PERCPU *word = &((struct slot *)percpu__state->base)->owner;
    uintptr_t copy;
    uint32_t now;

    if (percpu__sequence_cmpxchg_32(word, 0, tid, PERCPU__POINTER, seen, &now, &copy)) {
        *cpu = (copy - (uintptr_t)word) / PERCPU__SLOT_SIZE;
    } else {
        *seen = (uint32_t)percpu__slow(PERCPU__SLOW_CMPXCHG, word, sizeof(*word), tid, 0);
        /* The thread has no sequence; percpu__slow() may have used another slot than this one. */
        if (*seen == 0) {
            for (*cpu = 0; *cpu < percpu__state->cpus; ++*cpu)
                if (percpu__area_owner(*cpu) == tid)
                    break;
            return true;
        }
        *cpu = percpu__slow_cpu();
    }
    return *seen == 0;
}

/*
 * Waits for the owner. It may be one that never gives back: a thread of the parent, in a child in
 * which percpu__in_child() has not run yet, or one that has ended in its block without a key.
 */
static void wait_for(size_t cpu, uint32_t seen)
{
    static const long limit[2] = {0, 100000000};
    uint32_t *owner = &percpu__slot_of(cpu)->owner, waited = seen | WAITED;

    if (getpid() != percpu__state->pid) {
        percpu__in_child();
        return;
    }
    if (seen != waited && !__atomic_compare_exchange_n(owner, &seen, waited, false,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return;
    if (percpu__futex(owner, FUTEX_WAIT, waited, limit) != 0 && errno == ETIMEDOUT &&
        percpu__is_gone((int)(waited & ~WAITED)) &&
        __atomic_compare_exchange_n(owner, &waited, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        percpu__futex(owner, FUTEX_WAKE, INT_MAX, NULL);
}

/* Wakes all waiters: the first may run on another CPU by now, and take that one's area. */
static void give_back(size_t cpu)
{
    if (&__tsan_release)
        __tsan_release(percpu__slot_of(cpu));
    if (__atomic_exchange_n(&percpu__slot_of(cpu)->owner, 0, __ATOMIC_SEQ_CST) & WAITED)
        percpu__futex(&percpu__slot_of(cpu)->owner, FUTEX_WAKE, INT_MAX, NULL);
}

/*
 * For a signal handler that came while the area was taken or given back: the area that the thread
 * owns, or NO_AREA. A nested handler may have forked: the thread's tid is another then, look again.
 */
static size_t find_own(const struct thread *thread)
{
    int tid = __atomic_load_n(&thread->tid, __ATOMIC_RELAXED), previous_tid;

    do {
        for (size_t cpu = 0; cpu <= percpu__state->cpus; cpu++)
            if (percpu__area_owner(cpu) == (uint32_t)tid)
                return cpu;
        percpu__signal_fence();
        previous_tid = tid;
        tid = __atomic_load_n(&thread->tid, __ATOMIC_RELAXED);
    } while (tid != previous_tid);
    return (size_t)NO_AREA;
}

/*
 * Has the thread taken the area as `tid`? A handler may have forked since the thread read its tid,
 * and this be the child. False: there a block of another handler found that the parent's thread is
 * gone, and the area is free.
 */
static bool is_taken_by(const struct thread *thread, size_t cpu, uint32_t tid)
{
    uint32_t *owner = &percpu__slot_of(cpu)->owner;

    for (;;) {
        uint32_t now, seen = __atomic_load_n(owner, __ATOMIC_RELAXED);

        percpu__signal_fence();
        now = (uint32_t)__atomic_load_n(&thread->tid, __ATOMIC_RELAXED);
        if ((seen & ~WAITED) != tid)
            return (seen & ~WAITED) == now;
        if (now == tid || __atomic_compare_exchange_n(owner, &seen, now | (seen & WAITED), false,
                                                      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return true;
    }
}

/*
 * A handler that comes while the area is taken uses it when it is the thread's already. If not, the
 * handler takes one and gives it back: the thread may sleep in wait_for(), and must own nothing
 * then. When the handler returns, depth is unchanged; taken is unchanged or equals depth.
 */
size_t percpu__take_area(void)
{
    struct thread *thread = percpu__state->thread();
    int saved = errno;
    uint32_t seen, tid;
    size_t cpu;

    if (thread->taking == 0 && thread->depth > 0) {
        thread->depth++;
        return thread->cpu;
    }
    percpu__note_owner();
    if (thread->tid == 0) {
        do /* a handler may fork */
            __atomic_store_n(&thread->tid, percpu__gettid(), __ATOMIC_RELAXED);
        while (percpu__gettid() != __atomic_load_n(&thread->tid, __ATOMIC_RELAXED));
        /* The area is given back when the thread ends in a block (a cancelled one, in C). */
        if (percpu__state->has_key)
            pthread_setspecific(percpu__state->at_thread_exit, thread);
    }
    if (thread->taking > 0) {
        cpu = find_own(thread);
        if (cpu != (size_t)NO_AREA) {
            thread->depth++;
            return cpu;
        }
    }
    thread->taking++;
    percpu__signal_fence();
    thread->depth++;
    percpu__signal_fence();
    thread->taken = thread->depth;
    percpu__signal_fence();
    for (;;) {
        tid = (uint32_t)__atomic_load_n(&thread->tid, __ATOMIC_RELAXED);
        /* An area with this tid is own, too: a thread that had it has ended in a block. */
        if (!try_take(tid, &cpu, &seen) && percpu__area_owner(cpu) != tid)
            wait_for(cpu, seen);
        else if (is_taken_by(thread, cpu, tid))
            break;
    }
    thread->cpu = cpu;
    percpu__signal_fence();
    thread->taking--;
#ifdef __SANITIZE_THREAD__ /* GCC warns that it does not see the fence */
    __sync_synchronize();
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
    if (&__tsan_acquire)
        __tsan_acquire(percpu__slot_of(cpu));
    errno = saved;
    return cpu;
}

void percpu__give_back_area(void)
{
    struct thread *thread = percpu__state->thread();
    int saved = errno;
    size_t cpu = thread->cpu;

    if (thread->depth > thread->taken) {
        thread->depth--;
        return;
    }
    thread->taking++;
    percpu__signal_fence();
    thread->taken--;
    percpu__signal_fence();
    thread->depth--;
    percpu__signal_fence();
    give_back(cpu);
    percpu__signal_fence();
    thread->taking--;
    errno = saved;
}

void percpu__leave_blocks(struct thread *thread)
{
    if (thread->depth > 0 || thread->taking > 0) {
        size_t cpu = find_own(thread); /* none, where it was about to take one */

        thread->taking = 1;
        percpu__signal_fence();
        thread->taken = 0;
        percpu__signal_fence();
        thread->depth = 0;
        percpu__signal_fence();
        if (cpu != (size_t)NO_AREA)
            give_back(cpu);
        percpu__signal_fence();
        thread->taking = 0;
    }
}

#endif
