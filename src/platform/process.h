/* SPDX-License-Identifier: MIT */
/*
 * rseq, thread: the state of a process, which its modules share: the percpu__process of the module
 * that owns the process (modules.h). Every module has the functions below, which work on the
 * owner's state. For thread-local data, and to start the owner, they call the owner's code.
 */
#ifndef PERCPU_PROCESS_H
#define PERCPU_PROCESS_H

#ifndef _GNU_SOURCE /* files that need it include this header first */
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

/* Is `tid` no thread of this process any more? */
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

/* A thread's record. It lies in memory of the owner: percpu__this_thread(). */
struct thread {
    int tid;              /* 0: not known yet */
    unsigned depth;       /* nesting depth of the thread's blocks */
    unsigned owner_depth; /* depth of the block that took the area and gives it back */
    /* Nesting depth of calls in progress that take or give back: handlers interrupt each other. */
    unsigned calls;
    size_t cpu;      /* whose area the blocks work on; valid while `calls` is 0 */
    int exit_rounds; /* rounds of destructors that have run */
    bool is_leaving; /* the thread must not be registered for rseq(2) any more */
};
enum { NO_AREA = -1 };

/* process.state. While a thread starts a module it is READY plus the thread's process id. */
enum { IDLE, READY };

/*
 * The structure is pinned with its module, and modules that are loaded later find it: the layout
 * has a version.
 */
struct process {
    struct percpu__version head;
    int state;
    int pid;        /* of the process that the owners of areas and locks are threads of */
    bool has_begun; /* the members below are set */
    uintptr_t base; /* address of slot 0 in the first piece */
    size_t cpus;    /* how many slots belong to CPUs; one more belongs to none */
    size_t size;    /* bytes of a slot of the first piece that modules take */
    struct {
        uintptr_t piece;   /* where the next module's variables go: the first piece, or a later */
        size_t used;       /* bytes of a slot there that modules take */
        size_t accessible; /* bytes of a slot there that are accessible */
    } last;
    size_t mappings;    /* upper bound of the mappings that areas are made of */
    bool has_owners;    /* true once any thread may have owned an area or held a list's lock */
    bool is_child_done; /* percpu__in_child() has run before the library's fork handler */
    uintptr_t rseq_offset, rseq_mask, rseq_cpus;
    bool registers; /* threads are registered by this library */
    bool has_key;   /* at_thread_exit exists, and setting it allocates nothing */
    pthread_key_t at_thread_exit;
    const char *way;
    struct module *modules;
    struct piece *pieces;    /* of dynamic memory */
    struct records *records; /* of threads, where the owner is no program */
    void (*start_owner)(void);
    struct thread *(*thread)(void);
    struct percpu__rseq *(*rseq_of_thread)(void);
    bool (*register_thread)(void);
    const struct percpu__allocator *allocator; /* of the first module that allocated */
    void *watched;                             /* PERCPU_DEBUG: the table of watch.c */
    int fence;                                 /* membarrier.h */
    struct shard *shards;                      /* rseq_slow.c: SHARDS of them */
};

enum { SHARDS = 64 };
struct shard {
    uint32_t word;
} __attribute__((aligned(PERCPU_CACHE_LINE)));

/*
 * The head of each slot. owner: the futex that a block's owner holds. lists: the lock for list
 * operations without sequences, pthread_self() of the thread that has it, with LISTS_WAITED, or 0;
 * its lower half is the futex. users, of the last slot: for percpu_area_info(), pthread_self() of
 * the threads that came there most recently.
 */
enum { USERS_OF_LAST = 4 };
struct slot {
    uint32_t owner;     /* the owner's tid, with WAITED when somebody may wait; 0: free */
    uint32_t next_user; /* which of `users` the next thread replaces, modulo their number */
    uintptr_t lists;
    uintptr_t users[USERS_OF_LAST];
};
#define WAITED 0x80000000u /* above any tid: Linux, include/linux/threads.h, PID_MAX_LIMIT */
#define LISTS_WAITED ((uintptr_t)1) /* somebody may wait; clear in each pthread_self() */
#define SLOT_HEAD 64
PERCPU__ASSERT(sizeof(struct slot) <= SLOT_HEAD, "variables begin behind the head");

extern struct process *percpu__state PERCPU__HIDDEN;

/* -- Memory: rseq_memory.c --------------------------------------------------------------------- */

/* The strictest alignment that all copies keep: slots begin at multiples of it. */
#define STRICTEST ((uintptr_t)1 << PERCPU__SLOT_SHIFT)

/* Limit of a module's variables, and of an object: a slot has room for two of them at least. */
#define LARGEST ((size_t)1 << 20)

/*
 * May areas take so many more mappings? Half of vm.max_map_count, which is 65,530 unless it was
 * changed, is left to the program.
 */
static inline bool percpu__may_map(size_t mappings)
{
    return __atomic_load_n(&percpu__state->mappings, __ATOMIC_RELAXED) + mappings <= 32768;
}

/* Decides how many CPUs have a slot, and maps the first piece. */
bool percpu__reserve_areas(void) PERCPU__HIDDEN;

/* Maps a piece for modules that do not fit the one before. */
bool percpu__add_modules_piece(void) PERCPU__HIDDEN;

/* Makes these pages of each slot accessible; false: there is no memory for it. */
bool percpu__make_accessible(uintptr_t piece, size_t from, size_t end) PERCPU__HIDDEN;

/* Tells LeakSanitizer that what this part of each slot points to is no leak. */
void percpu__register_roots(uintptr_t piece, size_t from, size_t end) PERCPU__HIDDEN;

/* Is `place`, a per-CPU pointer, in dynamic memory? */
bool percpu__is_dynamic(uintptr_t place) PERCPU__HIDDEN;

static inline struct slot *percpu__slot_of(size_t cpu)
{
    return (struct slot *)(percpu__state->base + percpu__slot(cpu));
}

/* -- Modules: rseq_module.c -------------------------------------------------------------------- */

extern struct module percpu__this_module PERCPU__HIDDEN;

/* Places this module's variables in each slot, aligned. True: all initial values are file views. */
bool percpu__place_module(const struct percpu__joined *joined, bool is_first) PERCPU__HIDDEN;

/* The module that has the variable of a per-CPU pointer, or NULL. */
const struct module *percpu__module_of(uintptr_t place) PERCPU__HIDDEN;

/* -- Without a sequence: rseq_slow.c ----------------------------------------------------------- */

#define NO_CPU SIZE_MAX

/*
 * The number of the area that this thread updates with atomic instructions: in a process without
 * sequences that of a CPU on which the thread has been, else the last, which no sequence touches.
 * NO_CPU: the thread has just been registered, and is to use sequences.
 */
size_t percpu__atomic_cpu(void) PERCPU__HIDDEN;

/*
 * The number of the area whose CPU the thread is on, as far as there is one. In a process without
 * sequences the thread's next updates use that number, too.
 */
size_t percpu__atomic_cpu_anew(void) PERCPU__HIDDEN;

/* Notes, for percpu_area_info(), that the calling thread works on this area: owners.c. */
void percpu__note_user(size_t cpu) PERCPU__HIDDEN;

/* -- Lists: rseq_list.c ------------------------------------------------------------------------ */

/* Does the calling thread have this lock? So a handler finds it that interrupts the thread. */
static inline bool percpu__has_lists(const struct slot *slot)
{
    uintptr_t holder = __atomic_load_n(&slot->lists, __ATOMIC_RELAXED) & ~LISTS_WAITED;

    return holder == (uintptr_t)pthread_self();
}

/*
 * Returns when no other thread is in a list operation that has begun before and holds this area's
 * lock. False: the call is in a handler that has interrupted an operation that holds another area's
 * lock, and would wait.
 */
bool percpu__wait_for_lists(size_t cpu) PERCPU__HIDDEN;

/* -- Threads: rseq_thread.c, rseq_block.c ------------------------------------------------------ */

void percpu__threads_begin(bool is_program) PERCPU__HIDDEN;
struct thread *percpu__this_thread(void) PERCPU__HIDDEN;

/* Gives back the area of a thread that is about to end, if it owns one. */
void percpu__leave_blocks(struct thread *thread) PERCPU__HIDDEN;

/* Unregisters the calling thread, if this library has registered it. */
void percpu__unregister_thread(void) PERCPU__HIDDEN;

/*
 * Called in a child, where only the calling thread lives on: areas and locks of other threads
 * become free. The fork handler calls it, and before that any code that would wait for an area or a
 * lock.
 */
void percpu__in_child(void) PERCPU__HIDDEN;

/*
 * Called before a thread owns an area or a lock, for a child forked meanwhile. Mostly just a load.
 */
static inline void percpu__note_owner(void)
{
    if (!__atomic_load_n(&percpu__state->has_owners, __ATOMIC_RELAXED))
        __atomic_store_n(&percpu__state->has_owners, true, __ATOMIC_SEQ_CST);
}

/* `limit` is NULL or the kernel's timespec, two longs, which libc's is not on every machine. */
static inline long percpu__futex(uint32_t *futex, int operation, uint32_t value, const long *limit)
{
    return syscall(SYS_futex, futex, operation | FUTEX_PRIVATE_FLAG, value, limit, NULL, 0);
}

static inline uint32_t percpu__area_owner(size_t cpu)
{
    return __atomic_load_n(&percpu__slot_of(cpu)->owner, __ATOMIC_RELAXED) & ~WAITED;
}

/* Separates two steps, between which a signal handler may enter and leave blocks of its own. */
static inline void percpu__signal_fence(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif

/* -- thread ------------------------------------------------------------------------------------ */

#ifdef PERCPU_PLATFORM_THREAD

/* A thread's record, thread-local in the owner. */
struct thread {
    int tid;    /* 0: not known yet */
    size_t cpu; /* the CPU that the thread plays, plus 1; 0: none */
    int exit_rounds;
    /* The area that this thread has set itself: a new thread may inherit its parent's register. */
    uintptr_t base;
};

/* Modules that are loaded later find this structure: the layout has a version. */
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

/* Called in a child, whose only thread has another id: its claim stays, all other claims go. */
void percpu__claims_after_fork(void) PERCPU__HIDDEN;

#endif

#endif
