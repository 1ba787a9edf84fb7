/* SPDX-License-Identifier: MIT */
/* rseq: percpu_with_current(). */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <time.h>

/*
 * The owner word of an area is 0, the owner's tid, or the tid with WAITED; waiters use the word
 * as their futex. Threads on the area's CPU change it by sequences: to take the area, to give it
 * back unless somebody waits, and to set WAITED. So taking and giving back need no atomic
 * instruction. Setting WAITED does (cas_32): an owner that has migrated gives back from another
 * CPU, by an exchange, which may come between.
 *
 * The next owner sees without a fence what the CPU wrote before a sequence gave the area back: it
 * runs on the same CPU, and a switch of threads is a barrier (Linux,
 * Documentation/memory-barriers.txt, "Sleep and wake-up functions"). Threads that have the same
 * mm_cid may run on different CPUs.
 */
#ifdef PERCPU_RSEQ_MM_CID
#define ORDER_GIVING() __atomic_thread_fence(__ATOMIC_RELEASE)
#else
#define ORDER_GIVING() percpu__signal_fence()
#endif

/* Inlined, since calls would be a good part of what each block costs. */
#define IN_EACH_BLOCK static inline __attribute__((always_inline))
#define RARELY static __attribute__((noinline, cold))

IN_EACH_BLOCK uint32_t PERCPU *owner_words(void)
{
    return &((struct slot *)percpu__state->base)->owner;
}

IN_EACH_BLOCK size_t cpu_of_word(uintptr_t copy)
{
    return (copy - (uintptr_t)owner_words()) / PERCPU__SLOT_SIZE;
}

/*
 * try_take() for a thread without sequences. percpu__slow() may have used another slot than that of
 * percpu__slow_cpu(): the owner words tell which.
 */
RARELY bool try_take_slowly(uint32_t tid, size_t *cpu, uint32_t *seen)
{
    /* A block takes the area of the CPU on which its thread is, as far as it can. */
    if (percpu__state->rseq_cpus == 0)
        (void)percpu__atomic_cpu_anew();
    *seen = (uint32_t)percpu__slow(PERCPU__SLOW_CMPXCHG, owner_words(), sizeof(*seen), tid, 0);
    if (*seen != 0) {
        *cpu = percpu__slow_cpu();
        return false;
    }
    for (*cpu = 0; *cpu < percpu__state->cpus; ++*cpu)
        if (percpu__area_owner(*cpu) == tid)
            break;
    return true;
}

/* Tries to take the current CPU's area. Sets *cpu to this CPU and *seen to the owner before. */
IN_EACH_BLOCK bool try_take(uint32_t tid, size_t *cpu, uint32_t *seen)
{
    uintptr_t copy;
    uint32_t now;

    if (!percpu__sequence_cmpxchg_32(owner_words(), 0, tid, PERCPU__POINTER, seen, &now, &copy))
        return try_take_slowly(tid, cpu, seen);
    *cpu = cpu_of_word(copy);
    return *seen == 0;
}

/*
 * Sets WAITED if the owner is `seen`: in the area of the current CPU, or without sequences in that
 * of `cpu`. Sets nothing if the owner is another thread. Returns the CPU whose area it was.
 */
static size_t set_waited(size_t cpu, uint32_t seen)
{
    uint32_t waited = seen | WAITED, old, now;
    uintptr_t copy;

    if (percpu__sequence_cas_32(owner_words(), seen, waited, PERCPU__POINTER, &old, &now, &copy))
        return cpu_of_word(copy);
    __atomic_compare_exchange_n(&percpu__slot_of(cpu)->owner, &seen, waited, false,
                                __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return cpu;
}

/*
 * Frees the area if its owner will never give it back: a thread of the parent, in a child in which
 * percpu__in_child() has not run yet, or a thread that has ended in its block without a key. True:
 * the area may be free now.
 */
RARELY bool free_if_ownerless(size_t cpu, uint32_t seen)
{
    uint32_t *owner = &percpu__slot_of(cpu)->owner;
    int saved = errno;

    if (getpid() != percpu__state->pid) {
        percpu__in_child();
        return true;
    }
    if (!percpu__is_gone((int)(seen & ~WAITED)))
        return false;
    if (__atomic_compare_exchange_n(owner, &seen, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        percpu__futex(owner, FUTEX_WAKE, INT_MAX, NULL);
    errno = saved;
    return true;
}

/* Waits for the owner, for 0.1 s at most. True: the time or a signal ended the wait, not a wake. */
RARELY bool wait_for(size_t cpu, uint32_t seen)
{
    static const long limit[2] = {0, 100000000};
    uint32_t waited = seen | WAITED;
    int saved = errno;
    bool in_vain;

    if (seen != waited)
        cpu = set_waited(cpu, seen);
    in_vain = percpu__futex(&percpu__slot_of(cpu)->owner, FUTEX_WAIT, waited, limit) != 0 &&
              errno != EAGAIN;
    errno = saved;
    return in_vain;
}

/*
 * Takes the last area, which belongs to no CPU and where no sequence runs, if it is free; sets
 * *cpu.
 */
RARELY bool take_last(uint32_t tid, size_t *cpu)
{
    uint32_t free = 0;
    size_t last = percpu__state->cpus;

    if (!__atomic_compare_exchange_n(&percpu__slot_of(last)->owner, &free, tid, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return false;
    percpu__note_user(last);
    *cpu = last;
    return true;
}

/*
 * Gives back an area that somebody waits for, or whose CPU may not be the current one. Wakes all
 * waiters: the first may have moved to another CPU, and take that CPU's area.
 */
RARELY void give_back_slowly(size_t cpu)
{
    uint32_t *owner = &percpu__slot_of(cpu)->owner;

    if (__atomic_exchange_n(owner, 0, __ATOMIC_RELEASE) & WAITED) {
        int saved = errno;

        percpu__futex(owner, FUTEX_WAKE, INT_MAX, NULL);
        errno = saved;
    }
}

/* Only the area's own word is `tid`, so that the sequence gives nothing back on another CPU. */
IN_EACH_BLOCK void give_back(size_t cpu, uint32_t tid)
{
    uintptr_t copy;
    uint32_t seen, now;

    if (&__tsan_release)
        __tsan_release(percpu__slot_of(cpu));
    ORDER_GIVING();
    if (!percpu__sequence_cmpxchg_32(owner_words(), tid, 0, PERCPU__POINTER, &seen, &now, &copy) ||
        seen != tid)
        give_back_slowly(cpu);
}

/*
 * For a signal handler that came while the area was taken or given back: the area that the thread
 * owns, or NO_AREA. If a nested handler has forked, the thread's tid in the child is another one:
 * look again.
 */
RARELY size_t find_own(const struct thread *thread)
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

/* The answer of is_taken_by() when the owner word or the tid is not what the thread wrote. */
RARELY bool is_taken_as_other(const struct thread *thread, size_t cpu, uint32_t tid)
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
 * Has the thread taken the area as `tid`? A handler may have forked since the thread read its tid,
 * and this may be the child. False: in the child a block of another handler has found that the
 * parent's thread is gone, and the area is free.
 */
IN_EACH_BLOCK bool is_taken_by(const struct thread *thread, size_t cpu, uint32_t tid)
{
    bool is = __atomic_load_n(&percpu__slot_of(cpu)->owner, __ATOMIC_RELAXED) == tid;

    percpu__signal_fence();
    return __builtin_expect(is && (uint32_t)__atomic_load_n(&thread->tid, __ATOMIC_RELAXED) == tid,
                            1) ||
           is_taken_as_other(thread, cpu, tid);
}

/*
 * How a block may wait when an area is not free. The area's owner may wait for what this thread
 * holds: a lock of malloc(), where this is a handler's block, or of libc, where the owner is being
 * cancelled. So a block takes the last area when nobody has woken it for PATIENCE nanoseconds.
 */
enum waiting { NEVER, FOR_A_BLOCK, FOR_THIS_CPU };
static const uint64_t PATIENCE = 1000000000;

static uint64_t nanoseconds(void)
{
    struct timespec now = {0, 0}; /* where a filter refuses the clock no time passes */

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Takes an area that was not free. Its owner was `seen`; 0: the area may be free again. */
RARELY size_t take_later(const struct thread *thread, size_t cpu, uint32_t seen,
                         enum waiting waiting)
{
    uint64_t since = 0; /* begin of waiting in vain; 0: has not waited so */
    uint32_t tid;

    for (;;) {
        bool may_take_last = false;

        if (seen != 0 && !free_if_ownerless(cpu, seen)) {
            if (waiting == NEVER)
                return (size_t)NO_AREA;
            if (since == 0)
                since = nanoseconds();
            if (wait_for(cpu, seen))
                may_take_last = waiting == FOR_A_BLOCK && nanoseconds() - since >= PATIENCE;
            else
                since = 0;
        }
        tid = (uint32_t)__atomic_load_n(&thread->tid, __ATOMIC_RELAXED);
        if (!try_take(tid, &cpu, &seen) && percpu__area_owner(cpu) != tid &&
            !(may_take_last && take_last(tid, &cpu)))
            continue;
        if (is_taken_by(thread, cpu, tid))
            return cpu;
        seen = 0; /* this is a child, in which the parent's tid owns nothing */
    }
}

/*
 * A thread's first block. The key makes the thread give the area back if it ends in a block (C:
 * cancelled).
 */
RARELY void first_block(struct thread *thread)
{
    int saved = errno;

    percpu__note_owner();
    if (thread->tid == 0) {
        do /* a handler may fork */
            __atomic_store_n(&thread->tid, percpu__gettid(), __ATOMIC_RELAXED);
        while (percpu__gettid() != __atomic_load_n(&thread->tid, __ATOMIC_RELAXED));
        if (percpu__state->has_key)
            pthread_setspecific(percpu__state->at_thread_exit, thread);
    }
    errno = saved;
}

/*
 * Orders what follows behind what the previous owner did, also in a handler whose thread owns the
 * area.
 */
IN_EACH_BLOCK void come_after_owner(size_t cpu)
{
#ifdef __SANITIZE_THREAD__ /* GCC warns that ThreadSanitizer does not see the fence */
    __sync_synchronize();
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
    if (&__tsan_acquire)
        __tsan_acquire(percpu__slot_of(cpu));
}

/*
 * Takes an area; or none (NO_AREA), where it would have to wait and may not. `calls` and `depth`
 * are the thread's members. They are arguments, which are constants mostly, so that the stores wait
 * for no load.
 */
IN_EACH_BLOCK size_t enter(struct thread *thread, unsigned calls, unsigned depth,
                           enum waiting waiting)
{
    uint32_t seen, tid;
    size_t cpu;
    bool is_own;

    thread->calls = calls + 1;
    percpu__signal_fence();
    thread->depth = depth + 1;
    percpu__signal_fence();
    thread->owner_depth = depth + 1;
    percpu__signal_fence();
    tid = (uint32_t)__atomic_load_n(&thread->tid, __ATOMIC_RELAXED);
    /* An area with this tid is own, too: an earlier thread with the tid has ended in a block. */
    is_own = try_take(tid, &cpu, &seen) || percpu__area_owner(cpu) == tid;
    if (!is_own || !is_taken_by(thread, cpu, tid)) {
        cpu = take_later(thread, cpu, is_own ? 0 : seen, waiting);
        if (cpu == (size_t)NO_AREA) {
            thread->owner_depth = depth;
            percpu__signal_fence();
            thread->depth = depth;
            percpu__signal_fence();
            thread->calls = calls;
            return (size_t)NO_AREA;
        }
    }
    thread->cpu = cpu;
    come_after_owner(cpu);
    percpu__signal_fence();
    thread->calls = calls;
    return cpu;
}

/*
 * A handler that comes while the thread takes an area uses that area if the thread owns it already.
 * If not, the handler takes an area and gives it back: the thread may sleep in wait_for(), and must
 * own nothing then. When the handler returns, depth and calls are unchanged; owner_depth is
 * unchanged or equals depth.
 */
IN_EACH_BLOCK size_t enter_or_nest(enum waiting waiting)
{
    struct thread *thread = percpu__state->thread();
    size_t cpu;

    if (thread->calls == 0) {
        if (thread->depth > 0) {
            thread->depth++;
            return thread->cpu;
        }
        if (thread->tid == 0)
            first_block(thread);
        return enter(thread, 0, 0, waiting);
    }
    first_block(thread);
    cpu = find_own(thread);
    if (cpu == (size_t)NO_AREA)
        return enter(thread, thread->calls, thread->depth, waiting);
    thread->depth++;
    come_after_owner(cpu);
    return cpu;
}

size_t percpu__take_area(void)
{
    return enter_or_nest(FOR_A_BLOCK);
}

size_t percpu__take_area_of_cpu(void)
{
    return enter_or_nest(FOR_THIS_CPU);
}

size_t percpu__try_take_area(void)
{
    return enter_or_nest(NEVER);
}

/* Gives the area back. `calls` and `depth` are the thread's, as in enter(). */
IN_EACH_BLOCK void leave(struct thread *thread, unsigned calls, unsigned depth)
{
    size_t cpu = thread->cpu;

    thread->calls = calls + 1;
    percpu__signal_fence();
    thread->owner_depth = depth - 1;
    percpu__signal_fence();
    thread->depth = depth - 1;
    percpu__signal_fence();
    give_back(cpu, (uint32_t)__atomic_load_n(&thread->tid, __ATOMIC_RELAXED));
    percpu__signal_fence();
    thread->calls = calls;
}

void percpu__give_back_area(void)
{
    struct thread *thread = percpu__state->thread();

    if (thread->depth > thread->owner_depth)
        thread->depth--;
    else if (thread->depth == 1 && thread->calls == 0)
        leave(thread, 0, 1);
    else
        leave(thread, thread->calls, thread->depth);
}

void percpu__leave_blocks(struct thread *thread)
{
    if (thread->depth > 0 || thread->calls > 0) {
        size_t cpu = find_own(thread); /* NO_AREA if the thread was about to take one */

        thread->calls = 1;
        percpu__signal_fence();
        thread->owner_depth = 0;
        percpu__signal_fence();
        thread->depth = 0;
        percpu__signal_fence();
        if (cpu != (size_t)NO_AREA) {
            if (&__tsan_release)
                __tsan_release(percpu__slot_of(cpu));
            give_back_slowly(cpu);
        }
        percpu__signal_fence();
        thread->calls = 0;
    }
}

#endif
