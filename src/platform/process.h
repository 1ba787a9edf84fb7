/* SPDX-License-Identifier: MIT */
/*
 * rseq, thread: the state of a process, which its modules share: that of the module that owns it
 * (modules.h). Every module has the functions below, and they work on that state; only what is
 * thread-local, and what starts the owner, is asked of the owner's code.
 */
#ifndef PERCPU_PROCESS_H
#define PERCPU_PROCESS_H

#ifndef _GNU_SOURCE /* this is what the files that need it include first */
#define _GNU_SOURCE
#endif
#include "../areas.h"
#include "../internal.h"
#include "modules.h"

#ifdef PERCPU__HAS_MODULES

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int percpu__gettid(void)
{
    return (int)syscall(SYS_gettid);
}

/* Is no thread of this process any more. */
static inline bool percpu__is_gone(int tid)
{
    int saved = errno;
    bool is = syscall(SYS_tgkill, getpid(), tid, 0) != 0 && errno == ESRCH;

    errno = saved;
    return is;
}

#endif

/* -- rseq -------------------------------------------------------------------------------------- */

#ifdef PERCPU_PLATFORM_RSEQ

#include <linux/futex.h>

struct module {
    uintptr_t first, end; /* per-CPU pointers of its variables */
    uintptr_t bias;
    struct module *next;
};

/* What is known of a thread. It lies in memory of the owner: percpu__this_thread(). */
struct thread {
    int tid;        /* 0: not known yet */
    unsigned depth; /* nesting depth of the thread's blocks */
    unsigned taken; /* depth of the block that took the area and gives it back */
    /* Nesting depth of calls in progress that take or give back: handlers interrupt each other. */
    unsigned taking;
    size_t cpu;      /* whose area the blocks work on; valid while `taking` is 0 */
    int exit_rounds; /* rounds of destructors that have run */
    bool is_leaving; /* the thread must not be registered for rseq(2) any more */
};
enum { NO_AREA = -1 };

/*
 * The state of a process's start. While a thread starts a module it is READY plus the id of the
 * process that this thread belongs to.
 */
enum { IDLE, READY };

/* Pinned with its module, and found by modules that are loaded later: the layout has a version. */
struct process {
    struct percpu__version head;
    int state;
    int pid;         /* of the process that the owners of areas and locks are threads of */
    bool has_begun;  /* the members below are set */
    uintptr_t base;  /* address of slot 0 */
    size_t cpus;     /* how many slots belong to CPUs; one more belongs to none */
    size_t used;     /* bytes of a slot that modules take */
    size_t mappings; /* upper bound of mappings that are views of initial values */
    bool has_owners; /* true once any thread may have owned an area or held a list's lock */
    bool has_looked; /* percpu__in_child() has run before the library's fork handler */
    bool in_parts;   /* of a slot only what is used is accessible: modules, and up to */
    uintptr_t dynamic_end;
    uintptr_t rseq_offset, rseq_mask, rseq_cpus;
    bool registers; /* threads are registered by this library */
    bool has_key;   /* at_thread_exit exists, and setting it allocates nothing */
    pthread_key_t at_thread_exit;
    const char *way;
    struct module *modules;
    struct records *records; /* of threads, where the owner is no program */
    void (*start_owner)(void);
    struct thread *(*thread)(void);
    struct percpu__rseq *(*rseq_of_thread)(void);
    bool (*register_thread)(void);
    const struct percpu__allocator *allocator; /* of the first module that allocated */
    void *watched;                             /* PERCPU_DEBUG: the table of watch.c */
    int fence;                                 /* membarrier.h */
};

/*
 * The start of each slot: the futex that a block's owner holds; the lock of lists, where no
 * sequence runs: 0, 1 locked, 2 and somebody may wait.
 */
struct slot {
    uint32_t owner; /* its tid, with WAITED when somebody may wait; 0: free */
    uint32_t lists;
};
#define WAITED 0x80000000u /* above any tid: Linux, include/linux/threads.h, PID_MAX_LIMIT */
#define SLOT_HEAD 64

extern struct process *percpu__state PERCPU__HIDDEN;

/* -- Memory: rseq_memory.c --------------------------------------------------------------------- */

/* Slots begin at multiples of it, and so do modules' segments at their own alignment. */
#define STRICTEST ((uintptr_t)1 << (PERCPU__SLOT_SHIFT > 24 ? 21 : 16))

/* Modules have the first quarter of a slot, dynamic memory the rest: neither moves. */
#define MODULES_END ((uintptr_t)1 << (PERCPU__SLOT_SHIFT - 2))

bool percpu__reserve_areas(void) PERCPU__HIDDEN;

/* Makes the pages of this part of each slot accessible, or says that there is no memory for it. */
bool percpu__make_accessible(size_t from, size_t end) PERCPU__HIDDEN;

/* What this part of a slot points to is no leak. */
void percpu__register_roots(size_t from, size_t end) PERCPU__HIDDEN;

static inline struct slot *percpu__slot_of(size_t cpu)
{
    return (struct slot *)(percpu__state->base + (cpu << PERCPU__SLOT_SHIFT));
}

/* -- Modules: rseq_module.c -------------------------------------------------------------------- */

extern struct module percpu__this_module PERCPU__HIDDEN;

/* Addresses keep their distance to a boundary of `align`, and with it every alignment. */
bool percpu__place_module(const struct percpu__joined *joined, bool is_first) PERCPU__HIDDEN;

/* Of a per-CPU pointer: any module's. */
const struct module *percpu__module_of(uintptr_t place) PERCPU__HIDDEN;

/* -- Without a sequence: rseq_slow.c ----------------------------------------------------------- */

#define NO_SLOT UINTPTR_MAX

/*
 * Which slot is this thread's, for atomic instructions? In a process without sequences its CPU's,
 * else the one that no sequence touches. NO_SLOT: it is registered now, so use sequences.
 */
uintptr_t percpu__atomic_slot(void) PERCPU__HIDDEN;

/* -- Lists: rseq_list.c ------------------------------------------------------------------------ */

/* Returns when the list operations without sequences that hold this area's lock are over. */
void percpu__lists_pass(size_t cpu) PERCPU__HIDDEN;

/* -- Threads: rseq_thread.c, rseq_block.c ------------------------------------------------------ */

void percpu__threads_begin(bool is_program) PERCPU__HIDDEN;
struct thread *percpu__this_thread(void) PERCPU__HIDDEN;

/* Gives back what the thread has, which is about to end. */
void percpu__leave_blocks(struct thread *thread) PERCPU__HIDDEN;

/* Unregisters the calling thread, if this library has registered it. */
void percpu__unregister_thread(void) PERCPU__HIDDEN;

/*
 * Only the calling thread lives on in a child: what others own is free. Called by the fork handler,
 * and before that by what would wait.
 */
void percpu__in_child(void) PERCPU__HIDDEN;

/* Before there is one: for a child that another thread forks meanwhile. Read first, for all do. */
static inline void percpu__note_owner(void)
{
    if (!__atomic_load_n(&percpu__state->has_owners, __ATOMIC_RELAXED))
        __atomic_store_n(&percpu__state->has_owners, true, __ATOMIC_SEQ_CST);
}

/* The limit, or NULL, is the kernel's timespec, which is two longs: not always libc's. */
static inline long percpu__futex(uint32_t *futex, int operation, uint32_t value, const long *limit)
{
    return syscall(SYS_futex, futex, operation | FUTEX_PRIVATE_FLAG, value, limit, NULL, 0);
}

static inline uint32_t percpu__area_owner(size_t cpu)
{
    return __atomic_load_n(&percpu__slot_of(cpu)->owner, __ATOMIC_RELAXED) & ~WAITED;
}

/* Between two steps a signal handler may enter and leave blocks of its own. */
static inline void percpu__signal_fence(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif

/* -- thread ------------------------------------------------------------------------------------ */

#ifdef PERCPU_PLATFORM_THREAD

/* A thread's. The owner has it. */
struct thread {
    int tid;    /* 0: not known yet */
    size_t cpu; /* plus 1; 0: it plays none */
    int exit_rounds;
    /* The area that it set itself: a new thread may inherit its parent's register. */
    uintptr_t base;
};

/* Found by modules that are loaded later: the layout has a version. */
struct process {
    struct percpu__version head;
    void (*start_owner)(void);
    struct thread *(*thread)(void);
    uintptr_t *(*thread_delta)(void);
    uintptr_t *deltas;
    size_t *limit;
    const struct percpu__allocator *allocator; /* of the first module that allocated */
    struct percpu__areas areas;
    void *mapping; /* the areas, in place */
    size_t mapping_size;
    int *claims;             /* of each CPU the thread's id; 0 where it is free */
    unsigned at_thread_exit; /* the key plus 1; 0: there is none yet */
    bool closing;            /* percpu_fini() takes the areas away */
    int fence;               /* membarrier.h */
};

extern struct process *percpu__state PERCPU__HIDDEN;
#ifdef PERCPU__THREAD_DELTA
extern __thread uintptr_t percpu__thread_delta PERCPU__HIDDEN;
#endif

struct thread *percpu__this_thread(void) PERCPU__HIDDEN;

/* In a child, whose only thread has another id: its claim stays, the others' go. */
void percpu__claims_after_fork(void) PERCPU__HIDDEN;

#endif

#endif
