/* SPDX-License-Identifier: MIT */
/* rseq: what is known of threads, their ends, and fork(). */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <signal.h>
#include <sys/mman.h>

static bool is_in_program; /* this copy of the library, the owner's */

static __thread struct thread thread_storage = {.cpu = (size_t)NO_AREA};

/* Hash tables of threads by thread pointer. A record belongs to the living thread with its tid. */
enum { RECORDS = 1024 };
struct records {
    struct record {
        struct thread thread; /* tid 0: free */
        uintptr_t pointer;
    } __attribute__((aligned(PERCPU_CACHE_LINE))) record[RECORDS];
    struct records *next;
};

/* The index that this thread's record has, if any, in each group of records. */
static size_t place_of_record(void)
{
    return (size_t)((uint64_t)percpu__thread_pointer() * 0x9e3779b97f4a7c15u >> 32) % RECORDS;
}

/* tid 0 matches each tid: in a child, whose only thread does not know its tid yet. NULL: none. */
static struct thread *find_record(int tid)
{
    struct records *group = __atomic_load_n(&percpu__state->records, __ATOMIC_ACQUIRE);

    for (; group; group = __atomic_load_n(&group->next, __ATOMIC_ACQUIRE)) {
        struct record *record = &group->record[place_of_record()];
        int known = __atomic_load_n(&record->thread.tid, __ATOMIC_RELAXED);

        if (__atomic_load_n(&record->pointer, __ATOMIC_RELAXED) == percpu__thread_pointer() &&
            (known == tid || (tid == 0 && known != 0)))
            return &record->thread;
    }
    return NULL;
}

/*
 * Returns an empty group, or null. Async-signal-safe: a thread's first block may be in a handler.
 */
static struct records *map_records(void)
{
    void *records = mmap(NULL, sizeof(struct records), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return records == MAP_FAILED ? NULL : records;
}

/* Takes a free record, or that of a thread that has ended, for the calling thread. */
static struct record *take_record(int tid)
{
    struct records **link = &percpu__state->records, *group;

    for (;; link = &group->next) {
        struct record *record;
        int seen;

        group = __atomic_load_n(link, __ATOMIC_ACQUIRE);
        if (!group) {
            struct records *added = map_records();
            if (!added)
                percpu__refuse(NULL, "no memory for a thread's blocks");
            if (__atomic_compare_exchange_n(link, &group, added, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE))
                group = added;
            else
                munmap(added, sizeof(*added));
        }
        record = &group->record[place_of_record()];
        seen = __atomic_load_n(&record->thread.tid, __ATOMIC_RELAXED);
        if ((seen == 0 || seen == tid || percpu__is_gone(seen)) &&
            __atomic_compare_exchange_n(&record->thread.tid, &seen, tid, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return record;
    }
}

/*
 * Makes a record with signals blocked. A handler that came before may have forked: the tid is read
 * anew.
 */
static struct thread *new_thread(void)
{
    struct thread *thread;
    sigset_t all, old_mask;
    int saved = errno, tid;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old_mask);
    if (getpid() != percpu__state->pid)
        percpu__in_child();
    percpu__note_owner();
    tid = percpu__gettid();
    thread = find_record(tid);
    if (!thread) {
        struct record *record = take_record(tid);

        thread = &record->thread;
        *thread = (struct thread){.tid = tid, .cpu = (size_t)NO_AREA};
        __atomic_store_n(&record->pointer, percpu__thread_pointer(), __ATOMIC_RELAXED);
        if (percpu__state->has_key)
            pthread_setspecific(percpu__state->at_thread_exit, thread);
    }
    pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
    errno = saved;
    return thread;
}

/*
 * The record is thread-local in the program only: in a library that came by dlopen() glibc
 * allocates thread-local storage by malloc() when a thread first uses it, which may be in a signal
 * handler. Elsewhere the record is the key's value. Without a key, or when a thread that ends has
 * lost its value, the record is found by thread pointer and tid, since an earlier thread may have
 * had the same thread pointer.
 */
struct thread *percpu__this_thread(void)
{
    struct thread *thread = NULL;

    if (is_in_program)
        return &thread_storage;
    if (percpu__state->has_key)
        thread = pthread_getspecific(percpu__state->at_thread_exit);
    if (thread)
        return thread;
    thread = find_record(percpu__gettid());
    return thread ? thread : new_thread();
}

/*
 * Other keys' destructors may still use per-CPU data: this one acts in the last round. Handlers may
 * enter blocks until the thread is gone: they must neither find an area that is given back nor wait
 * for it.
 */
static void thread_exits(void *value)
{
    struct thread *thread = value;
    bool is_kept =
        pthread_setspecific(percpu__state->at_thread_exit, value) == 0; /* for blocks of handlers */

    if (++thread->exit_rounds < percpu__last_round() && is_kept)
        return;
    percpu__leave_blocks(thread);
    thread->is_leaving = true;
    /* libc frees the thread's struct rseq before the thread is gone. */
    percpu__unregister_thread();
    pthread_setspecific(percpu__state->at_thread_exit, NULL);
}

/*
 * Frees the records that earlier threads with this thread pointer have left, as they do without a
 * key: a child would take such a record for its own thread's.
 */
static void thread_before_fork(void)
{
    struct records *group = __atomic_load_n(&percpu__state->records, __ATOMIC_ACQUIRE);
    int saved = errno;

    for (; group; group = __atomic_load_n(&group->next, __ATOMIC_ACQUIRE)) {
        struct record *record = &group->record[place_of_record()];
        int known = __atomic_load_n(&record->thread.tid, __ATOMIC_RELAXED);

        if (__atomic_load_n(&record->pointer, __ATOMIC_RELAXED) == percpu__thread_pointer() &&
            known != 0 && percpu__is_gone(known))
            __atomic_compare_exchange_n(&record->thread.tid, &known, 0, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED);
    }
    errno = saved;
}

/* Resets the pid: a child may have its parent's pid, as the first process of a PID namespace. */
static void thread_after_fork(void)
{
    if (!percpu__state->is_child_done)
        percpu__state->pid = 0;
    percpu__in_child();
    percpu__state->is_child_done = false;
}

void percpu__in_child(void)
{
    struct thread *thread;
    uint32_t parent_tid, tid;
    int pid = getpid();

    if (percpu__state->pid == pid)
        return;
    percpu__state->pid = pid;
    percpu__state->is_child_done = true;
    /*
     * The loop below, which takes page tables for each slot, is skipped if nothing was ever owned.
     */
    if (!__atomic_load_n(&percpu__state->has_owners, __ATOMIC_RELAXED))
        return;
    thread = is_in_program            ? &thread_storage
             : percpu__state->has_key ? pthread_getspecific(percpu__state->at_thread_exit)
                                      : NULL;
    if (!thread)
        thread = find_record(0);
    parent_tid = thread ? (uint32_t)thread->tid : 0;
    tid = parent_tid ? (uint32_t)percpu__gettid() : 0;
    if (parent_tid)
        thread->tid = (int)tid;
    for (size_t cpu = 0; cpu <= percpu__state->cpus; cpu++) {
        struct slot *slot = percpu__slot_of(cpu);
        if (slot->owner || slot->lists) {
            slot->owner = parent_tid && percpu__area_owner(cpu) == parent_tid ? tid : 0;
            if (!percpu__has_lists(slot))
                slot->lists = 0;
        }
    }
}

/*
 * A signal handler may be the first to set a thread's value of the key, and must not allocate.
 * glibc has room for the first 32 keys in each thread, and allocates room for others (nptl/descr.h,
 * PTHREAD_KEY_2NDLEVEL_SIZE); musl has room for all.
 */
static bool make_key(pthread_key_t *key)
{
    if (pthread_key_create(key, thread_exits) != 0)
        return false;
#ifdef __GLIBC__
    if (*key >= 32) {
        pthread_key_delete(*key);
        return false;
    }
#endif
    return true;
}

void percpu__threads_begin(bool is_program)
{
    is_in_program = is_program;
    percpu__state->has_key = percpu__state->has_key || make_key(&percpu__state->at_thread_exit);
    /* Mapped early: a thread that finds no memory in its first block could only end the process. */
    if (!is_program && !percpu__state->records)
        percpu__state->records = map_records();
    if (pthread_atfork(thread_before_fork, NULL, thread_after_fork) != 0)
        percpu__refuse(NULL, "pthread_atfork() failed");
}

#endif
