/* SPDX-License-Identifier: MIT */
/*
 * rseq: one run-time per process. Every module (the program, a shared library) that embeds the
 * library has a copy of this file's code and data; the first one in the dynamic linker's list owns
 * the process's state, struct process, which the others find by a mark (modules.c).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../internal.h"
#include "modules.h"

#include <percpu/list.h>

#ifdef PERCPU_PLATFORM_RSEQ

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* -- This module's words ----------------------------------------------------------------------- */

/*
 * Defined where no compiler sees them: they are const for all but the constructor. Until that has
 * run, an access faults: a bias that leads outside of the address space, a mask of 0.
 */
__asm__(".pushsection .data.percpu_words,\"aw\",%progbits\n\t"
        ".balign 64\n\t"
        ".globl percpu__bias, percpu__rseq_offset, percpu__rseq_mask, percpu__rseq_cpus\n\t"
        ".globl percpu__words\n\t"
        ".hidden percpu__bias, percpu__rseq_offset, percpu__rseq_mask, percpu__rseq_cpus\n\t"
        ".hidden percpu__words\n"
        "percpu__words:\n"
        "percpu__bias:\n\t"
#if UINTPTR_MAX > 0xffffffff
        ".quad 0x4000000000000000\n"
        "percpu__rseq_offset: .quad 0\n"
        "percpu__rseq_mask: .quad 0\n"
        "percpu__rseq_cpus: .quad 0\n\t"
#else
        ".long 0\n"
        "percpu__rseq_offset: .long 0\n"
        "percpu__rseq_mask: .long 0\n"
        "percpu__rseq_cpus: .long 0\n\t"
#endif
        ".popsection");
extern PERCPU__HIDDEN struct {
    uintptr_t bias, rseq_offset, rseq_mask, rseq_cpus;
} percpu__words;

size_t percpu__limit;

/* The library has no variable of its own; the section must exist. */
__attribute__((aligned(PERCPU_CACHE_LINE))) PERCPU_DEFINE(struct percpu__head, percpu__head);

/* -- The process ------------------------------------------------------------------------------- */

struct module {
    uintptr_t first, end; /* per-CPU pointers of its variables */
    uintptr_t bias;
    struct module *next;
};

/* A thread's. The owner has it: this_thread(). */
struct thread {
    int tid;         /* 0: not known yet */
    unsigned depth;  /* of its blocks */
    unsigned taken;  /* depth of the block that took the area and gives it back */
    unsigned taking; /* calls, each in a handler in the one before, that are taking or giving */
    size_t cpu;      /* whose area its blocks work on, while none is */
    int exit_rounds; /* of destructors that have run */
    bool is_leaving; /* no registration any more */
};
enum { NO_AREA = -1 };

/* Of a process. Busy: READY plus the id of the process whose thread starts a module. */
enum { IDLE, READY };

/* Pinned with its module, and found by modules that are loaded later: the layout has a version. */
struct process {
    struct percpu__version head;
    int state;
    int pid;         /* of the process that the owners of areas and locks are threads of */
    bool has_begun;  /* what is below is there */
    uintptr_t base;  /* of slot 0 */
    size_t cpus;     /* slots of CPUs; one more belongs to no CPU */
    size_t used;     /* bytes of a slot that modules take */
    size_t mappings; /* of views of initial values, at most */
    bool has_owners; /* of areas, or of locks of lists, it may have or have had */
    bool has_looked; /* in_child() came before the library's fork handler */
    bool in_parts;   /* of a slot only what is used is accessible: modules, and up to */
    uintptr_t dynamic_end;
    uintptr_t rseq_offset, rseq_mask, rseq_cpus;
    bool registers; /* threads are registered by this library */
    bool has_key;   /* by which threads tell that they end; to set it allocates nothing */
    pthread_key_t at_thread_exit;
    const char *way;
    struct module *modules;
    struct records *records; /* of threads, where the owner is no program */
    void (*start)(void);
    struct thread *(*thread)(void);
    struct percpu__rseq *(*own_rseq)(void);
    bool (*register_thread)(void);
    const struct percpu__allocator *allocator; /* of the first module that allocated */
    void *watched;                             /* PERCPU_DEBUG: the table of watch.c */
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

static void start_owner(void);
static struct thread *this_thread(void);
static struct percpu__rseq *own_rseq(void);
static bool register_thread(void);

/* Modules with different settings of these would update the same area in different ways. */
#ifdef PERCPU_RSEQ_MM_CID
#define VERSION 0x10004
#else
#define VERSION 4
#endif
struct process percpu__process = {
    .head = {VERSION, sizeof(struct process)},
    .start = start_owner,
    .thread = this_thread,
    .own_rseq = own_rseq,
    .register_thread = register_thread,
};
static struct process *process; /* the owner's */
static bool is_in_program;      /* this copy of the library, the owner's */

/* -- Which way --------------------------------------------------------------------------------- */

#define RSEQ_SIGNATURE PERCPU__RSEQ_SIGNATURE
enum {
    RSEQ_BYTES = 32,
    RSEQ_UNREGISTER = 1,
    AUXV_RSEQ_FEATURE_SIZE = 27
}; /* linux/rseq.h; the size before features had one */

/* glibc 2.35 and newer; weak, since other libraries have none and static ones leave it out. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* Where libc registers nothing. Every thread's starts as unregistered. */
static __thread struct percpu__rseq own __attribute__((aligned(32))) = {.cpu_id = UINT32_MAX};
_Static_assert(sizeof(struct percpu__rseq) == 32 && offsetof(struct percpu__rseq, mm_cid) == 24,
               "what is registered; include/uapi/linux/rseq.h");

static struct percpu__rseq *own_rseq(void)
{
    return &own;
}

/* For a process without sequences: a struct rseq that says that no thread is known. */
static struct percpu__rseq nobody __attribute__((aligned(32))) = {.cpu_id = UINT32_MAX};

/*
 * A thread that ends must not be registered after its last destructor, which unregisters it: musl
 * unmaps the stack of a detached one, with its struct rseq, while it still runs. The C library has
 * disabled its cancellation by then (musl, src/thread/pthread_create.c, __pthread_exit).
 */
static bool register_thread(void)
{
    struct thread *thread = this_thread();
    int cancelable;

    if (thread->is_leaving || !process->has_key)
        return false;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    pthread_setcancelstate(cancelable, NULL);
    if (cancelable != PTHREAD_CANCEL_ENABLE ||
        pthread_setspecific(process->at_thread_exit, thread) != 0)
        return false;
    return syscall(SYS_rseq, &own, RSEQ_BYTES, 0, RSEQ_SIGNATURE) == 0;
}

#ifdef PERCPU_RSEQ_MM_CID
#define RESTARTABLE_SEQUENCES "restartable sequences on the area of mm_cid"
#else
#define RESTARTABLE_SEQUENCES "restartable sequences"
#endif

/* Linux, kernel/rseq.c: what is registered already is EINVAL, and EBUSY where it is the same. */
static const char *why_not(int error)
{
    switch (error) {
    case 0:
        return "atomic instructions: no key (pthread_key_create) is left to tell of threads' ends";
    case ENOSYS:
        return "atomic instructions: no rseq(2) here (ENOSYS: kernel before 4.18, valgrind, "
               "qemu-user, or a seccomp filter)";
    case EPERM:
    case EACCES: return "atomic instructions: rseq(2) is not permitted (EPERM: a seccomp filter)";
    case EBUSY: return "atomic instructions: this thread is registered for rseq(2) already (EBUSY)";
    case EINVAL:
        return "atomic instructions: another library has registered this thread for rseq(2) "
               "(EINVAL)";
    default: return "atomic instructions: rseq(2) failed, or there was no memory";
    }
}

static void choose_way(struct process *p, bool is_program)
{
    p->rseq_offset = (uintptr_t)&nobody;
#ifdef PERCPU_RSEQ_MM_CID
    /*
     * Of the kernel, not of what libc registered: that is 32 bytes everywhere, whatever __rseq_size
     * says, and the kernel writes all of them.
     */
    if (getauxval(AUXV_RSEQ_FEATURE_SIZE) <
        offsetof(struct percpu__rseq, mm_cid) + sizeof(nobody.mm_cid)) {
        p->way = "atomic instructions: no mm_cid here (kernel before 6.3)";
        return;
    }
#endif
    if (&__rseq_size && __rseq_size != 0) {
        uintptr_t area = percpu__thread_pointer() + (uintptr_t)__rseq_offset;
        if (*(volatile uint32_t *)&((struct percpu__rseq *)area)->cpu_id <= INT32_MAX) {
            p->rseq_offset = (uintptr_t)__rseq_offset;
            p->rseq_mask = UINTPTR_MAX;
            p->rseq_cpus = p->cpus;
            p->way = RESTARTABLE_SEQUENCES "; libc registers threads";
            return;
        }
        p->way = "atomic instructions: libc could not register threads for rseq(2)";
        return;
    }
    if (&__rseq_size) {
        p->way = "atomic instructions: libc does not register threads for rseq(2) (no kernel "
                 "support, a seccomp filter, or the tunable glibc.pthread.rseq=0)";
        return;
    }
    if (!is_program) {
        p->way = "atomic instructions: libc does not register threads for rseq(2), and the program "
                 "itself does not use percpu";
        return;
    }
    errno = 0;
    if (!p->register_thread()) {
        p->way = why_not(errno);
        return;
    }
    p->rseq_offset = (uintptr_t)p->own_rseq() - percpu__thread_pointer();
    p->rseq_mask = UINTPTR_MAX;
    p->rseq_cpus = p->cpus;
    p->registers = true;
    p->way = RESTARTABLE_SEQUENCES "; percpu registers threads";
}

/* -- Memory ------------------------------------------------------------------------------------ */

#ifndef PERCPU__POSSIBLE
#define PERCPU__POSSIBLE "/sys/devices/system/cpu/possible"
#endif

/* One past the highest number of a list such as "0-3,7"; 0: there is no such file. */
static size_t end_of_list(const char *path)
{
    FILE *file = fopen(path, "re");
    size_t number, end = 0;
    int between = ',';

    while (file && (between == ',' || between == '-') && fscanf(file, "%zu", &number) == 1) {
        if (number + 1 > end)
            end = number + 1;
        between = fgetc(file);
    }
    if (file)
        fclose(file);
    return end;
}

/* One past the highest CPU number that this kernel may ever report. */
static size_t possible_cpus(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    size_t count = configured < 1 ? 1 : (size_t)configured, end = end_of_list(PERCPU__POSSIBLE);
    cpu_set_t set;

    if (end > count)
        count = end;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (size_t cpu = count; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &set))
                count = cpu + 1;
    return count < PERCPU_MAX_CPUS ? count : PERCPU_MAX_CPUS - 1;
}

/* Slots begin at multiples of it, and so do modules' segments at their own alignment. */
#define STRICTEST ((uintptr_t)1 << (PERCPU__SLOT_SHIFT > 24 ? 21 : 16))

/*
 * A slot per CPU, one more, and one for the address that a CPU too many would have: it is not
 * accessible. What is not touched costs nothing but addresses: where those are limited (ulimit -v),
 * fewer CPUs have one and the others use the last. Where the system counts what a program could
 * write to and not what it does (strict overcommit, ulimit -d), slots become accessible as far as
 * they are used: two mappings for each, so not otherwise.
 */
static bool reserve(struct process *p)
{
    const size_t slot = (size_t)1 << PERCPU__SLOT_SHIFT;

    for (p->cpus = possible_cpus();; p->cpus /= 2) {
        const size_t size = (p->cpus + 2) * slot + STRICTEST;
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        char *memory, *end;

        if (p->cpus + 2 >= SIZE_MAX / slot)
            continue;
        /* Accessible from the start: valgrind takes seconds to make it so. */
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
        p->in_parts = memory == MAP_FAILED;
        if (p->in_parts)
            memory = mmap(NULL, size, PROT_NONE, flags, -1, 0);
        if (memory != MAP_FAILED) {
            /* A huge page would commit the memory of 512 for one variable. */
            madvise(memory, size, MADV_NOHUGEPAGE);
            p->base = ((uintptr_t)memory + STRICTEST - 1) & ~(STRICTEST - 1);
            end = (char *)p->base + (p->cpus + 1) * slot;
            if (mprotect(end, (size_t)(memory + size - end), PROT_NONE) != 0)
                percpu__refuse(NULL, "mprotect() failed");
            p->used = SLOT_HEAD;
            return true;
        }
        if (p->cpus == 0)
            return false;
    }
}

/* Makes the pages of this part of each slot accessible, or says that there is no memory for it. */
static bool make_accessible(const struct process *p, size_t from, size_t end)
{
    from &= ~((size_t)sysconf(_SC_PAGESIZE) - 1);
    if (p->in_parts)
        for (size_t cpu = 0; cpu <= p->cpus; cpu++)
            if (mprotect((char *)p->base + (cpu << PERCPU__SLOT_SHIFT) + from, end - from,
                         PROT_READ | PROT_WRITE) != 0)
                return false;
    return true;
}

/* Of LeakSanitizer, in programs that have it. */
extern void __lsan_register_root_region(const void *, size_t) __attribute__((weak));

/* What this part of a slot points to is no leak. */
static void no_leaks_from(const struct process *p, size_t from, size_t end)
{
    if (&__lsan_register_root_region)
        for (size_t cpu = 0; cpu <= p->cpus; cpu++)
            __lsan_register_root_region((const char *)p->base + (cpu << PERCPU__SLOT_SHIFT) + from,
                                        end - from);
}

static struct slot *slot_of(size_t cpu)
{
    return (struct slot *)(process->base + (cpu << PERCPU__SLOT_SHIFT));
}

/* -- Initial values ---------------------------------------------------------------------------- */

/* linux/memfd.h; the second one, Linux 6.3, is all that vm.memfd_noexec=2 allows. */
enum { MEMFD_CLOEXEC = 1, MEMFD_NOEXEC_SEAL = 8 };

/* For the program: vm.max_map_count is 65,530 unless it was changed. */
enum { MAX_MAPPINGS = 16384 };

/* A file in memory that may become as large; -1: there is none. */
static int template_file(size_t size)
{
    struct rlimit limit;
    int file;

    /* A file that is too large is not only refused: SIGXFSZ. */
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < size)
        return -1;
    file = (int)syscall(SYS_memfd_create, "percpu", MEMFD_CLOEXEC | MEMFD_NOEXEC_SEAL);
    if (file < 0 && errno == EINVAL)
        file = (int)syscall(SYS_memfd_create, "percpu", MEMFD_CLOEXEC);
    return file;
}

/* Are there values other than 0 in this page of slot 0? Without variables it may not be there. */
static bool has_values(const struct module *module, uintptr_t at, size_t page)
{
    uintptr_t from = at > module->first ? at : module->first;
    uintptr_t end = at + page < module->end ? at + page : module->end;
    const char *values = (const char *)(from - module->bias);

    return percpu__template_overlaps((uintptr_t)values, (uintptr_t)values + (end - from)) &&
           (values[0] != 0 || memcmp(values, values + 1, end - from - 1) != 0);
}

/*
 * Pages with values are each slot's own view of a file: such a page becomes memory when somebody
 * writes to it, of that CPU's node. Values are copied where pages before free_from have other
 * things already, and where a file or mappings cannot be had. Answers whether all are views.
 */
static bool fill_slots(struct process *p, const struct module *module, uintptr_t free_from)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), mappings = 2 * (p->cpus + 1);
    const uintptr_t start = module->first & ~(page - 1);
    int file = -1;
    bool all_views = true, no_file = p->in_parts; /* views would count, written or not */

    for (uintptr_t at = start, next; at < module->end; at = next) {
        uintptr_t from = at > module->first ? at : module->first, end;
        bool view = at >= free_from && p->mappings + mappings <= MAX_MAPPINGS;

        for (next = at; next < module->end && has_values(module, next, page); next += page)
            if (next != at && at < free_from)
                break;
        if (next == at) {
            next += page;
            continue;
        }
        end = next < module->end ? next : module->end;
        if (view && file < 0 && !no_file) {
            file = template_file(module->end - start);
            no_file = file < 0;
        }
        view = view && file >= 0 &&
               pwrite(file, (const void *)(from - module->bias), end - from,
                      (off_t)(from - start)) == (ssize_t)(end - from);
        p->mappings += view ? mappings : 0;
        for (size_t cpu = 0; cpu <= p->cpus; cpu++) {
            const uintptr_t slot = (uintptr_t)cpu << PERCPU__SLOT_SHIFT;

            if (view && mmap((void *)(at + slot), next - at, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file,
                             (off_t)(at - start)) != MAP_FAILED)
                continue;
            memcpy((void *)(from + slot), (const void *)(from - module->bias), end - from);
            all_views = false;
        }
    }
    if (file >= 0)
        close(file);
    return all_views;
}

/* Modules have the first quarter of a slot, dynamic memory the rest: neither moves. */
#define MODULES_END ((uintptr_t)1 << (PERCPU__SLOT_SHIFT - 2))

static struct module this_module;

/* Addresses keep their distance to a boundary of `align`, and with it every alignment. */
static bool place_template(struct process *p, const struct percpu__joined *joined, bool is_first)
{
    const uintptr_t free_from = is_first ? p->base : p->base + p->used;
    bool all_views;
    uintptr_t start = percpu__template_start(), size = percpu__template_size();
    uintptr_t page = joined->align > 4096 ? joined->align : 4096;
    uintptr_t at = (p->used + (start & (page - 1))) & ~(page - 1), used;

    if (page > STRICTEST)
        percpu__refuse(joined->name,
                       "its segments have a larger alignment than 2 MiB (32-bit: 64 KiB)");
    at += start & (page - 1);
    if (at < p->used)
        at += page;
    if (at > MODULES_END || size > MODULES_END - at)
        percpu__refuse(NULL, "the per-CPU variables of all modules do not fit an area");
    used = p->used;
    p->used = at + size; /* first: another thread's fork() may be now */
    if (!make_accessible(p, used, at + size))
        percpu__refuse(NULL, "no memory for the per-CPU variables of a module (a limit?)");
    no_leaks_from(p, at, at + size);
    this_module.first = p->base + at;
    this_module.end = this_module.first + size;
    this_module.bias = this_module.first - start;
    all_views = fill_slots(p, &this_module, free_from);
    this_module.next = p->modules;
    __atomic_store_n(&p->modules, &this_module, __ATOMIC_RELEASE);
    return all_views;
}

/* -- Start ------------------------------------------------------------------------------------- */

static void thread_exits(void *value);
static void before_fork(void);
static void after_fork(void);

/*
 * A signal handler may be what sets a thread's key, and must not allocate. glibc has room for the
 * first 32 keys in each thread, and allocates it for others (nptl/descr.h,
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

static void begin(bool is_program)
{
    is_in_program = is_program;
    process->pid = getpid();
    if (!reserve(process))
        percpu__refuse(NULL, "no address space for one area (a limit such as ulimit -v?)");
    process->has_key = process->has_key || make_key(&process->at_thread_exit);
    if (pthread_atfork(before_fork, NULL, after_fork) != 0)
        percpu__refuse(NULL, "pthread_atfork() failed");
    choose_way(process, is_program);
    process->has_begun = true;
}

static void say(bool all_views)
{
    const char *verbose = getauxval(AT_SECURE) ? NULL : getenv("PERCPU_VERBOSE");
    if (verbose && strcmp(verbose, "1") == 0)
        fprintf(stderr, "percpu: %s; %zu CPUs%s\n", process->way, process->cpus,
                all_views ? "" : "; initial values are copied for each");
}

/* Alone, for the modules of a process may start at the same time. */
static void start_module(const struct percpu__joined *joined)
{
    bool is_first = !process->has_begun, all_views;

    if (percpu__limit != 0)
        return;
    if (is_first)
        begin(joined->is_program);
    all_views = place_template(process, joined, is_first);
    if (is_first)
        say(all_views);
    percpu__words.bias = this_module.bias;
    percpu__words.rseq_offset = process->rseq_offset;
    percpu__words.rseq_mask = process->rseq_mask;
    percpu__words.rseq_cpus = process->rseq_cpus;
    percpu__limit = process->cpus + 1;
}

/*
 * Who is busy in another process was so at a fork(), in a thread that the child does not have: what
 * that thread had not finished is begun anew, or is a hole in the areas. Its module stays without.
 */
static void take_state(void)
{
    const int mine = READY + getpid();

    for (;;) {
        int seen = __atomic_load_n(&process->state, __ATOMIC_RELAXED);
        if (seen != mine && __atomic_compare_exchange_n(&process->state, &seen, mine, false,
                                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return;
        sched_yield();
    }
}

/*
 * What a constructor calls may be a cancellation point, such as open(2): a thread with a request of
 * pthread_cancel() would end in the middle, with dlopen()'s locks. The program's start is nobody's
 * to cancel, and its thread must look as one that can be: register_thread().
 */
static struct percpu__joined start(void)
{
    struct percpu__joined joined = percpu__join(&percpu__process.head);
    int cancelable = PTHREAD_CANCEL_ENABLE;

    process = joined.owner;
    if (process != &percpu__process)
        process->start();
    if (!joined.is_program)
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    take_state();
    start_module(&joined);
    __atomic_store_n(&process->state, READY, __ATOMIC_RELEASE);
    if (!joined.is_program)
        pthread_setcancelstate(cancelable, NULL);
    return joined;
}

/* The constructors of a library that a program is linked with are before the program's. */
static void start_owner(void)
{
    (void)start();
}

/* Before other constructors and main(): 101 is the first priority that is not libc's. */
__attribute__((constructor(101))) static void constructor(void)
{
    struct percpu__joined joined = start();

    /* The kernel looks at a thread's last sequence when the thread wakes. */
    if (!joined.is_program)
        percpu__pin(joined.name);
}

const char *percpu_info(void)
{
    return process ? process->way : "not started";
}

/* -- Without a sequence ------------------------------------------------------------------------ */

#define NO_SLOT UINTPTR_MAX

/*
 * Which slot is this thread's, for atomic instructions? In a process without sequences its CPU's,
 * else the one that no sequence touches. NO_SLOT: it is registered now, so use sequences.
 */
static uintptr_t slow_slot(void)
{
    size_t last = process->cpus;
    int saved = errno, cpu;

    if (process->rseq_cpus == 0) {
        cpu = sched_getcpu();
        errno = saved;
        return (uintptr_t)(cpu >= 0 && (size_t)cpu < last ? (size_t)cpu : last)
               << PERCPU__SLOT_SHIFT;
    }
    if (process->registers && percpu__rseq_area()->cpu_id > INT32_MAX && process->register_thread())
        return NO_SLOT;
    errno = saved;
    return (uintptr_t)last << PERCPU__SLOT_SHIFT;
}

/* For pointers and reads. */
uintptr_t percpu__slow_slot(void)
{
    uintptr_t slot = slow_slot();
    size_t cpu;

    if (slot != NO_SLOT)
        return slot;
    cpu = percpu__rseq_index();
    return (uintptr_t)(cpu < process->cpus ? cpu : process->cpus) << PERCPU__SLOT_SHIFT;
}

/* A sequence calls percpu__slow() again at most once: the thread is registered by then. */
/* NOLINTBEGIN(misc-no-recursion) */
#define SLOW(bits)                                                                                 \
    static uint64_t slow_##bits(enum percpu__slow_operation operation, uintptr_t address,          \
                                uint##bits##_t value, uint##bits##_t expected)                     \
    {                                                                                              \
        volatile percpu__u##bits *copy = (volatile percpu__u##bits *)address;                      \
        switch (operation) {                                                                       \
        case PERCPU__SLOW_READ: return __atomic_load_n(copy, __ATOMIC_RELAXED);                    \
        case PERCPU__SLOW_WRITE: __atomic_store_n(copy, value, __ATOMIC_RELAXED); return 0;        \
        case PERCPU__SLOW_ADD: return __atomic_fetch_add(copy, value, __ATOMIC_RELAXED);           \
        case PERCPU__SLOW_AND: return __atomic_fetch_and(copy, value, __ATOMIC_RELAXED);           \
        case PERCPU__SLOW_OR: return __atomic_fetch_or(copy, value, __ATOMIC_RELAXED);             \
        case PERCPU__SLOW_XOR: return __atomic_fetch_xor(copy, value, __ATOMIC_RELAXED);           \
        case PERCPU__SLOW_XCHG: return __atomic_exchange_n(copy, value, __ATOMIC_RELAXED);         \
        case PERCPU__SLOW_CMPXCHG:                                                                 \
            expected = (uint##bits##_t)percpu__expected(expected, sizeof(expected));               \
            __atomic_compare_exchange_n(copy, &expected, value, false, __ATOMIC_RELAXED,           \
                                        __ATOMIC_RELAXED);                                         \
            return expected;                                                                       \
        }                                                                                          \
        __builtin_unreachable();                                                                   \
    }                                                                                              \
    static uint64_t fast_##bits(enum percpu__slow_operation operation, volatile void *p,           \
                                uint##bits##_t value, uint##bits##_t expected)                     \
    {                                                                                              \
        const enum percpu__where where = PERCPU__POINTER;                                          \
        switch (operation) {                                                                       \
        case PERCPU__SLOW_READ: return percpu__read_##bits(p, where);                              \
        case PERCPU__SLOW_WRITE: percpu__write_##bits(p, value, where); return 0;                  \
        case PERCPU__SLOW_ADD: return percpu__fetch_add_##bits(p, value, where);                   \
        case PERCPU__SLOW_AND: percpu__bit_and_##bits(p, value, where); return 0;                  \
        case PERCPU__SLOW_OR: percpu__bit_or_##bits(p, value, where); return 0;                    \
        case PERCPU__SLOW_XOR: percpu__bit_xor_##bits(p, value, where); return 0;                  \
        case PERCPU__SLOW_XCHG: return percpu__xchg_##bits(p, value, where);                       \
        case PERCPU__SLOW_CMPXCHG: return percpu__cmpxchg_##bits(p, expected, value, where);       \
        }                                                                                          \
        __builtin_unreachable();                                                                   \
    }
SLOW(8)
SLOW(16)
SLOW(32)
SLOW(64)

uint64_t percpu__slow(enum percpu__slow_operation operation, volatile void *p, size_t size,
                      uint64_t value, uint64_t expected)
{
    uintptr_t slot = slow_slot(), address = (uintptr_t)p + slot;

#define BY_SIZE(bits)                                                                              \
    slot != NO_SLOT                                                                        \
        ? slow_##bits(operation, address, (uint##bits##_t)value, (uint##bits##_t)expected)         \
        : fast_##bits(operation, p, (uint##bits##_t)value, (uint##bits##_t)expected)
    switch (size) {
    case 1: return BY_SIZE(8);
    case 2: return BY_SIZE(16);
    case 4: return BY_SIZE(32);
    default: return BY_SIZE(64);
    }
}
/* NOLINTEND(misc-no-recursion) */

/* -- Blocks: percpu_with_current() ------------------------------------------------------------- */

static __thread struct thread thread_storage = {.cpu = (size_t)NO_AREA};

static void in_child(void);

static int own_tid(void)
{
    return (int)syscall(SYS_gettid);
}

/* Is no thread of this process any more. */
static bool is_gone(int tid)
{
    return syscall(SYS_tgkill, getpid(), tid, 0) != 0 && errno == ESRCH;
}

/* Before there is one: for a child that another thread forks meanwhile. Read first, for all do. */
static void note_owner(void)
{
    if (!__atomic_load_n(&process->has_owners, __ATOMIC_RELAXED))
        __atomic_store_n(&process->has_owners, true, __ATOMIC_SEQ_CST);
}

/* Threads' records, found by thread pointers. A record is the living thread's that it names. */
enum { RECORDS = 1024 };
struct records {
    struct record {
        struct thread thread; /* tid 0: free */
        uintptr_t pointer;
    } __attribute__((aligned(PERCPU_CACHE_LINE))) record[RECORDS];
    struct records *next;
};

/* Where this thread's may be in each group of records. */
static size_t place_of_record(void)
{
    return (size_t)((uint64_t)percpu__thread_pointer() * 0x9e3779b97f4a7c15u >> 32) % RECORDS;
}

/* tid 0: any, in a child whose only thread does not know its own yet. NULL: there is none. */
static struct thread *find_record(int tid)
{
    struct records *group = __atomic_load_n(&process->records, __ATOMIC_ACQUIRE);

    for (; group; group = __atomic_load_n(&group->next, __ATOMIC_ACQUIRE)) {
        struct record *record = &group->record[place_of_record()];
        int known = __atomic_load_n(&record->thread.tid, __ATOMIC_RELAXED);

        if (__atomic_load_n(&record->pointer, __ATOMIC_RELAXED) == percpu__thread_pointer() &&
            (known == tid || (tid == 0 && known != 0)))
            return &record->thread;
    }
    return NULL;
}

/* A free one, or that of a thread that has ended. The caller owns its own tid. */
static struct record *take_record(int tid)
{
    struct records **link = &process->records, *group;

    for (;; link = &group->next) {
        struct record *record;
        int seen;

        group = __atomic_load_n(link, __ATOMIC_ACQUIRE);
        if (!group) {
            struct records *added = mmap(NULL, sizeof(*added), PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (added == MAP_FAILED)
                percpu__refuse(NULL, "no memory for a thread's blocks");
            if (__atomic_compare_exchange_n(link, &group, added, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE))
                group = added;
            else
                munmap(added, sizeof(*added));
        }
        record = &group->record[place_of_record()];
        seen = __atomic_load_n(&record->thread.tid, __ATOMIC_RELAXED);
        if ((seen == 0 || seen == tid || is_gone(seen)) &&
            __atomic_compare_exchange_n(&record->thread.tid, &seen, tid, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return record;
    }
}

/* No handler of this thread interferes. One that came before may have forked: tids are others. */
static struct thread *new_thread(void)
{
    struct thread *thread;
    sigset_t all, before;
    int saved = errno, tid;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (getpid() != process->pid)
        in_child();
    note_owner();
    tid = own_tid();
    thread = find_record(tid);
    if (!thread) {
        struct record *record = take_record(tid);

        thread = &record->thread;
        *thread = (struct thread){.tid = tid, .cpu = (size_t)NO_AREA};
        __atomic_store_n(&record->pointer, percpu__thread_pointer(), __ATOMIC_RELAXED);
        if (process->has_key)
            pthread_setspecific(process->at_thread_exit, thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return thread;
}

/*
 * In a library that came by dlopen() glibc allocates thread-local storage when a thread first uses
 * it, by malloc(): not in a signal handler, which may be the first. Without a key the system says
 * which thread this is, as others may have had this thread pointer before; with one the record of a
 * thread that ends has no key any more, and is found in the same way.
 */
static struct thread *this_thread(void)
{
    struct thread *thread = NULL;

    if (is_in_program)
        return &thread_storage;
    if (process->has_key)
        thread = pthread_getspecific(process->at_thread_exit);
    if (thread)
        return thread;
    thread = find_record(own_tid());
    return thread ? thread : new_thread();
}

/* The limit, or NULL, is the kernel's timespec, which is two longs: not always libc's. */
static long futex(uint32_t *word, int operation, uint32_t value, const long *limit)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, limit, NULL, 0);
}

static uint32_t owner_of(size_t cpu)
{
    return __atomic_load_n(&slot_of(cpu)->owner, __ATOMIC_RELAXED) & ~WAITED;
}

/*
 * Take the area of the CPU that this runs on: its number when it was free. Plain where a sequence
 * can do it, for nobody writes the word of a free area but a sequence on its CPU.
 */
static bool try_take(uint32_t tid, size_t *cpu, uint32_t *seen)
{
    uint32_t PERCPU *word = &((struct slot *)process->base)->owner;
    uintptr_t slot, copy;
    uint32_t now;

    if (percpu__sequence_cmpxchg_32(word, 0, tid, PERCPU__POINTER, seen, &now, &copy)) {
        slot = copy - (uintptr_t)word;
    } else {
        *seen = (uint32_t)percpu__slow(PERCPU__SLOW_CMPXCHG, word, sizeof(*word), tid, 0);
        /* The thread has no sequence; percpu__slow() may have used another slot than this one. */
        if (*seen == 0) {
            for (*cpu = 0; *cpu < process->cpus; ++*cpu)
                if (owner_of(*cpu) == tid)
                    break;
            return true;
        }
        slot = percpu__slow_slot();
    }
    *cpu = slot >> PERCPU__SLOT_SHIFT;
    return *seen == 0;
}

/*
 * The owner may be none that gives back: a thread of the parent, in a child in which in_child() has
 * not run yet, or one that has ended in its block without a key.
 */
static void wait_for(size_t cpu, uint32_t seen)
{
    static const long limit[2] = {0, 100000000};
    uint32_t *owner = &slot_of(cpu)->owner, waited = seen | WAITED;

    if (getpid() != process->pid) {
        in_child();
        return;
    }
    if (seen != waited && !__atomic_compare_exchange_n(owner, &seen, waited, false,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return;
    if (futex(owner, FUTEX_WAIT, waited, limit) != 0 && errno == ETIMEDOUT &&
        is_gone((int)(waited & ~WAITED)) &&
        __atomic_compare_exchange_n(owner, &waited, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        futex(owner, FUTEX_WAKE, INT_MAX, NULL);
}

/* Wakes all: the first may run on another CPU by now, and then take that one's area. */
static void give_back(size_t cpu)
{
    if (&__tsan_release)
        __tsan_release(slot_of(cpu));
    if (__atomic_exchange_n(&slot_of(cpu)->owner, 0, __ATOMIC_SEQ_CST) & WAITED)
        futex(&slot_of(cpu)->owner, FUTEX_WAKE, INT_MAX, NULL);
}

/* Between two steps a signal handler may enter and leave blocks of its own. */
static void step(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * A signal handler came while the area was taken or given back: is there one? Not, where another
 * handler that forked has the child look for its parent's: it looks again.
 */
static size_t find_own(const struct thread *thread)
{
    int tid = __atomic_load_n(&thread->tid, __ATOMIC_RELAXED), before;

    do {
        for (size_t cpu = 0; cpu <= process->cpus; cpu++)
            if (owner_of(cpu) == (uint32_t)tid)
                return cpu;
        step();
        before = tid;
        tid = __atomic_load_n(&thread->tid, __ATOMIC_RELAXED);
    } while (tid != before);
    return (size_t)NO_AREA;
}

/*
 * A handler may have forked since the thread read its tid, and this be the child. False: there a
 * block of another handler found that the parent's thread is gone, and the area is free.
 */
static bool is_taken_by(const struct thread *thread, size_t cpu, uint32_t tid)
{
    uint32_t *owner = &slot_of(cpu)->owner;

    for (;;) {
        uint32_t now, seen = __atomic_load_n(owner, __ATOMIC_RELAXED);

        step();
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
 * then. It leaves `depth` as it was, and `taken` equal to that or as it was.
 */
size_t percpu__own(void)
{
    struct thread *thread = process->thread();
    int saved = errno;
    uint32_t seen, tid;
    size_t cpu;

    if (thread->taking == 0 && thread->depth > 0) {
        thread->depth++;
        return thread->cpu;
    }
    note_owner();
    if (thread->tid == 0) {
        do /* a handler may fork */
            __atomic_store_n(&thread->tid, own_tid(), __ATOMIC_RELAXED);
        while (own_tid() != __atomic_load_n(&thread->tid, __ATOMIC_RELAXED));
        /* The area is given back when the thread ends in a block (a cancelled one, in C). */
        if (process->has_key)
            pthread_setspecific(process->at_thread_exit, thread);
    }
    if (thread->taking > 0) {
        cpu = find_own(thread);
        if (cpu != (size_t)NO_AREA) {
            thread->depth++;
            return cpu;
        }
    }
    thread->taking++;
    step();
    thread->depth++;
    step();
    thread->taken = thread->depth;
    step();
    for (;;) {
        tid = (uint32_t)__atomic_load_n(&thread->tid, __ATOMIC_RELAXED);
        /* Or its own: of a thread that ended in a block, and had the same tid. */
        if (!try_take(tid, &cpu, &seen) && owner_of(cpu) != tid)
            wait_for(cpu, seen);
        else if (is_taken_by(thread, cpu, tid))
            break;
    }
    thread->cpu = cpu;
    step();
    thread->taking--;
#ifdef __SANITIZE_THREAD__ /* GCC warns that it does not see the fence */
    __sync_synchronize();
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
    if (&__tsan_acquire)
        __tsan_acquire(slot_of(cpu));
    errno = saved;
    return cpu;
}

void percpu__disown(void)
{
    struct thread *thread = process->thread();
    int saved = errno;
    size_t cpu = thread->cpu;

    if (thread->depth > thread->taken) {
        thread->depth--;
        return;
    }
    thread->taking++;
    step();
    thread->taken--;
    step();
    thread->depth--;
    step();
    give_back(cpu);
    step();
    thread->taking--;
    errno = saved;
}

/*
 * Other keys' destructors may still use per-CPU data: go in the last round. Handlers' blocks may
 * come until the thread is gone: they must neither find an area that is given back nor wait for it.
 */
static void thread_exits(void *value)
{
    struct thread *thread = value;
    bool is_kept = pthread_setspecific(process->at_thread_exit, value) == 0; /* for handlers */

    if (++thread->exit_rounds < percpu__last_round() && is_kept)
        return;
    if (thread->depth > 0 || thread->taking > 0) {
        size_t cpu = find_own(thread); /* none, where it was about to take one */

        thread->taking = 1;
        step();
        thread->taken = 0;
        step();
        thread->depth = 0;
        step();
        if (cpu != (size_t)NO_AREA)
            give_back(cpu);
        step();
        thread->taking = 0;
    }
    thread->is_leaving = true;
    /* Its memory goes before the thread does. */
    if (process->registers)
        syscall(SYS_rseq, &own, RSEQ_BYTES, RSEQ_UNREGISTER, RSEQ_SIGNATURE);
    pthread_setspecific(process->at_thread_exit, NULL);
}

/*
 * Without a key a record outlives its thread, and a child would take it for that of a thread which
 * has the pointer now.
 */
static void before_fork(void)
{
    struct records *group = __atomic_load_n(&process->records, __ATOMIC_ACQUIRE);
    int saved = errno;

    for (; group; group = __atomic_load_n(&group->next, __ATOMIC_ACQUIRE)) {
        struct record *record = &group->record[place_of_record()];
        int known = __atomic_load_n(&record->thread.tid, __ATOMIC_RELAXED);

        if (__atomic_load_n(&record->pointer, __ATOMIC_RELAXED) == percpu__thread_pointer() &&
            known != 0 && is_gone(known))
            __atomic_compare_exchange_n(&record->thread.tid, &known, 0, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED);
    }
    errno = saved;
}

/* The child may have its parent's id: the first process of a PID namespace, as the parent is. */
static void after_fork(void)
{
    if (!process->has_looked)
        process->pid = 0;
    in_child();
    process->has_looked = false;
}

/*
 * Only the calling thread lives on in a child: what others own is free. Called by the fork handler,
 * and before that by what would wait.
 */
static void in_child(void)
{
    struct thread *thread;
    uint32_t before, tid;
    int pid = getpid();

    if (process->pid == pid)
        return;
    process->pid = pid;
    process->has_looked = true;
    /* To look takes page tables for each slot. */
    if (!__atomic_load_n(&process->has_owners, __ATOMIC_RELAXED))
        return;
    thread = is_in_program      ? &thread_storage
             : process->has_key ? pthread_getspecific(process->at_thread_exit)
                                : NULL;
    if (!thread)
        thread = find_record(0);
    before = thread ? (uint32_t)thread->tid : 0;
    tid = before ? (uint32_t)own_tid() : 0;
    if (before)
        thread->tid = (int)tid;
    for (size_t cpu = 0; cpu <= process->cpus; cpu++) {
        struct slot *slot = slot_of(cpu);
        if (slot->owner || slot->lists) {
            slot->owner = before && owner_of(cpu) == before ? tid : 0;
            slot->lists = 0;
        }
    }
}

/* -- Lists, and the fence ---------------------------------------------------------------------- */

/*
 * Without a sequence an operation holds its area's lock, signals blocked: a handler on this thread
 * must not wait for it. It reads, makes, and commits by one store, as a sequence does, so that what
 * a sequence may do to the mark of a closed list, it may do, too. A child after fork() finds lists
 * as they were before or after an operation of a thread that is not in it.
 */
static void lock_lists(struct slot *slot, sigset_t *before)
{
    uint32_t free = 0;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
    note_owner();
    if (__atomic_compare_exchange_n(&slot->lists, &free, 1, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED))
        return;
    while (__atomic_exchange_n(&slot->lists, 2, __ATOMIC_SEQ_CST) != 0) {
        if (getpid() == process->pid)
            futex(&slot->lists, FUTEX_WAIT, 2, NULL);
        else
            in_child();
    }
}

static void unlock_lists(struct slot *slot, const sigset_t *before)
{
    if (__atomic_exchange_n(&slot->lists, 0, __ATOMIC_SEQ_CST) == 2)
        futex(&slot->lists, FUTEX_WAKE, 1, NULL);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* false: the list is closed. */
static bool list_locked(enum percpu__list_operation operation, uintptr_t slot, volatile void *p,
                        struct percpu_list_node **node)
{
    struct percpu_list_node **first = (struct percpu_list_node **)((uintptr_t)p + slot), *old, *now;
    sigset_t before;
    bool open;

    lock_lists(slot_of(slot >> PERCPU__SLOT_SHIFT), &before);
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
    unlock_lists(slot_of(slot >> PERCPU__SLOT_SHIFT), &before);
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

/* A closed list is open again soon; its drainer may be a thread of lower priority on this CPU. */
struct percpu_list_node *percpu__list_slow(enum percpu__list_operation operation, volatile void *p,
                                           struct percpu_list_node *node)
{
    const struct timespec nap = {0, 10000};
    int saved = errno, cancelable;

    /* Not later: a thread that cannot be cancelled is not registered. */
    if (percpu__rseq_index() >= process->rseq_cpus)
        (void)slow_slot();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    for (;;) {
        uintptr_t slot = NO_SLOT;

        if (percpu__rseq_index() >= process->rseq_cpus)
            slot = slow_slot();
        if (slot == NO_SLOT ? list_sequence(operation, p, &node)
                                    : list_locked(operation, slot, p, &node))
            break;
        nanosleep(&nap, NULL);
    }
    pthread_setcancelstate(cancelable, NULL);
    errno = saved;
    return node;
}

/* EPERM: the process is not registered for it yet. */
static bool fence(size_t cpu)
{
#ifdef PERCPU_RSEQ_MM_CID
    int flags = 0; /* any CPU: whose threads have the number, the kernel does not tell */
#else
    int flags = MEMBARRIER_CMD_FLAG_CPU;
#endif
    return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, flags, (int)cpu) == 0;
}

/*
 * Where sequences run the kernel stops those on the CPU; a thread that does not run aborts its own
 * when it does. On the other areas what takes more than one instruction holds the lock.
 */
int percpu_fence_cpu(size_t cpu)
{
    int saved = errno, result = 0;
    sigset_t before;

    if (cpu >= percpu__limit)
        return -PERCPU_ERANGE;
    if (cpu >= process->rseq_cpus) {
        lock_lists(slot_of(cpu), &before);
        unlock_lists(slot_of(cpu), &before);
    } else if (!fence(cpu) &&
               (errno != EPERM ||
                syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0) != 0 ||
                !fence(cpu))) {
        result = -PERCPU_ESYS;
    }
    errno = saved;
    return result;
}

/* -- The rest of the interface ----------------------------------------------------------------- */

/* Areas exist already, and as long as the process. */
int percpu_init_in_place(void)
{
    return 0;
}

int percpu_init(void *base, size_t cpu_count)
{
    (void)base;
    (void)cpu_count;
    return 0;
}

struct percpu_layout percpu_area_layout_expected(size_t cpu_count)
{
    (void)cpu_count;
    return (struct percpu_layout){0, 0};
}

int percpu_init_with(void *base, size_t cpu_count, size_t reserve)
{
    (void)reserve;
    return percpu_init(base, cpu_count);
}

struct percpu_layout percpu_area_layout_expected_with(size_t cpu_count, size_t reserve)
{
    (void)reserve;
    return percpu_area_layout_expected(cpu_count);
}

int percpu_init_cpu(size_t cpu, void *base)
{
    (void)base;
    return cpu < percpu__limit ? 0 : -PERCPU_ERANGE;
}

int percpu_init_cpu_with(size_t cpu, void *base, size_t reserve)
{
    (void)reserve;
    return percpu_init_cpu(cpu, base);
}

int percpu_init_reg(size_t cpu)
{
    return cpu < percpu__limit ? 0 : -PERCPU_ERANGE;
}

int percpu_fini(void)
{
    return -PERCPU_EBUSY;
}

uintptr_t percpu_read_reg(void)
{
    return process->base + percpu__slot();
}

void percpu_write_reg(uintptr_t area_base)
{
    (void)area_base;
}

size_t percpu_area_num(void)
{
    return percpu__limit;
}

size_t percpu_area_size(void)
{
    return process->used;
}

uintptr_t percpu_area_base(size_t cpu)
{
    return cpu < percpu__limit ? (uintptr_t)slot_of(cpu) : 0;
}

size_t percpu__next_cpu(size_t cpu)
{
    return cpu < percpu__limit ? cpu : PERCPU__NO_CPU;
}

uintptr_t percpu__offset(uintptr_t vma)
{
    return vma + this_module.bias - process->base;
}

void percpu__check_current(void)
{
    if (percpu__limit == 0)
        percpu_panic("percpu: access before the constructors have run");
}

/* A sequence where one store does it. */
static void reset_from(uintptr_t from, void *p, size_t size)
{
    bool one_piece = size == 1 || size == 2 || size == 4 || size == 8;

    if (one_piece && !((uintptr_t)p & (size - 1))) {
        uint64_t value = 0; /* little-endian */
        memcpy(&value, (const void *)from, size);
        percpu__write(p, value, size, PERCPU__POINTER);
        return;
    }

    struct percpu__guard guard = percpu__guard_take();
    memcpy((void *)percpu__copy_on((uintptr_t)p, guard.cpu), (const void *)from, size);
    percpu__guard_release(&guard);
}

/* -- For alloc.c ------------------------------------------------------------------------------- */

bool percpu__dynamic_memory(struct percpu__memory *memory)
{
    const size_t slot = (size_t)1 << PERCPU__SLOT_SHIFT;
    if (percpu__limit == 0)
        return false;
    *memory =
        (struct percpu__memory){process->base + MODULES_END, slot - MODULES_END, 0, slot, true};
    return true;
}

bool percpu__dynamic_grow(uintptr_t end)
{
    enum { STEP = 65536 };

    if ((!process->in_parts && !&__lsan_register_root_region) || end <= process->dynamic_end)
        return true;
    if (process->dynamic_end == 0)
        process->dynamic_end = process->base + MODULES_END;
    end = (end + STEP - 1) & ~(uintptr_t)(STEP - 1);
    if (!make_accessible(process, process->dynamic_end - process->base, end - process->base))
        return false;
    no_leaks_from(process, process->dynamic_end - process->base, end - process->base);
    process->dynamic_end = end;
    return true;
}

const struct percpu__allocator *percpu__allocator(const struct percpu__allocator *mine)
{
    if (percpu__limit == 0) /* before the constructors have run */
        return mine;
    return percpu__first_allocator(&process->allocator, mine);
}

/* Of a per-CPU pointer: any module's. */
static const struct module *module_of(uintptr_t place)
{
    const struct module *m = process ? __atomic_load_n(&process->modules, __ATOMIC_ACQUIRE) : NULL;

    while (m && !(place >= m->first && place < m->end))
        m = m->next;
    return m;
}

#ifdef PERCPU_DEBUG
void **percpu__watch_table(void)
{
    return process ? &process->watched : NULL;
}

uintptr_t percpu__watch_symbol(uintptr_t place)
{
    const struct module *m = module_of(place);

    return m ? place - m->bias : place;
}

bool percpu__watch_knows(uintptr_t place)
{
    uintptr_t offset = process ? place - process->base : MODULES_END;

    return module_of(place) ||
           offset - MODULES_END < ((uintptr_t)1 << PERCPU__SLOT_SHIFT) - MODULES_END;
}
#endif

void percpu__reset(void *p, size_t size)
{
    const struct module *m = module_of((uintptr_t)p);

    if (m)
        reset_from((uintptr_t)p - m->bias, p, size);
    else
        percpu_panic("percpu: percpu_reset_to_init_at(): the pointer designates no variable");
}

#endif
