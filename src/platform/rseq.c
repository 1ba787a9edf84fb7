/* SPDX-License-Identifier: MIT */
/*
 * rseq: the state of the process, which its modules share (modules.h), the start of the process,
 * and the choice between sequences and atomic instructions.
 */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* -- This module's words ----------------------------------------------------------------------- */

/*
 * These words are defined in assembly, since they are const for all C code but the constructor.
 * Until the constructor has run an access faults: the bias leads outside of the address space, and
 * with a mask of 0 struct rseq is at address 0.
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

/* Nobody uses this variable, but the section must exist. */
__attribute__((aligned(PERCPU_CACHE_LINE))) PERCPU_DEFINE(struct percpu__head, percpu__head);

/* -- The process ------------------------------------------------------------------------------- */

static void start_owner(void);
static struct percpu__rseq *rseq_of_thread(void);
static bool register_thread(void);

/* Modules that differ in this setting would update the same area in different ways. */
#ifdef PERCPU_RSEQ_MM_CID
#define VERSION 0x10009
#else
#define VERSION 9
#endif
struct process percpu__process = {
    .head = {VERSION, sizeof(struct process)},
    .start_owner = start_owner,
    .thread = percpu__this_thread,
    .rseq_of_thread = rseq_of_thread,
    .register_thread = register_thread,
};
struct process *percpu__state; /* the owner's */

/* -- Which way --------------------------------------------------------------------------------- */

#define RSEQ_SIGNATURE PERCPU__RSEQ_SIGNATURE
#define REFUSED (UINT32_MAX - 1) /* in cpu_id: RSEQ_CPU_ID_REGISTRATION_FAILED */
enum {
    RSEQ_BYTES = 32,
    RSEQ_UNREGISTER = 1,
    AUXV_RSEQ_FEATURE_SIZE = 27
}; /* linux/rseq.h; without later features struct rseq has 32 bytes */

/* glibc 2.35 and newer; weak, since other C libraries have none and static ones leave them out. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/*
 * This library registers this struct where libc registers none. Each thread's starts unregistered.
 */
static __thread struct percpu__rseq thread_rseq
    __attribute__((aligned(32))) = {.cpu_id = UINT32_MAX};
_Static_assert(sizeof(struct percpu__rseq) == 32 && offsetof(struct percpu__rseq, mm_cid) == 24,
               "what is registered; include/uapi/linux/rseq.h");

static struct percpu__rseq *rseq_of_thread(void)
{
    return &thread_rseq;
}

/*
 * For a process without sequences whose program does not use percpu: a struct rseq that says that
 * no thread is known, and the threads' shards.
 */
static struct shard shards[SHARDS];
static struct percpu__rseq unregistered_rseq __attribute__((aligned(32))) = {.cpu_id = UINT32_MAX};

/*
 * A thread that ends must not be registered after its last destructor, which unregisters it: musl
 * unmaps the stack of a detached thread, with its struct rseq, while the thread still runs. By then
 * the C library has disabled the thread's cancellation, by which such a thread is recognised here
 * (musl, src/thread/pthread_create.c, __pthread_exit).
 */
static bool register_thread(void)
{
    struct thread *thread = percpu__this_thread();
    int cancelable;

    if (thread->is_leaving || !percpu__state->has_key)
        return false;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    pthread_setcancelstate(cancelable, NULL);
    if (cancelable != PTHREAD_CANCEL_ENABLE ||
        pthread_setspecific(percpu__state->at_thread_exit, thread) != 0)
        return false;
    /*
     * A signal handler may have registered the thread just before: then the kernel has set cpu_id.
     */
    if (syscall(SYS_rseq, &thread_rseq, RSEQ_BYTES, 0, RSEQ_SIGNATURE) == 0 ||
        *(volatile uint32_t *)&thread_rseq.cpu_id <= INT32_MAX)
        return true;
    thread_rseq.cpu_id = REFUSED;
    return false;
}

/*
 * Whoever turned glibc's registration off may want rseq(2) for another library, say an allocator.
 */
static bool is_asked_to_register(void)
{
    const char *value = getauxval(AT_SECURE) ? NULL : getenv("PERCPU_REGISTER");

    return value && strcmp(value, "1") == 0;
}

void percpu__unregister_thread(void)
{
    if (percpu__state->registers)
        syscall(SYS_rseq, &thread_rseq, RSEQ_BYTES, RSEQ_UNREGISTER, RSEQ_SIGNATURE);
}

#ifdef PERCPU_RSEQ_MM_CID
#define RESTARTABLE_SEQUENCES "restartable sequences on the area of mm_cid"
#else
#define RESTARTABLE_SEQUENCES "restartable sequences"
#endif

/*
 * Linux, kernel/rseq.c: EINVAL for a registered thread, EBUSY if its struct rseq is the same one.
 */
static const char *describe_error(int error)
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
    /*
     * Sequences write into a struct rseq before they see that they cannot run: in a program each
     * thread has one of its own, so that threads do not write to the same cache line.
     */
    p->shards = shards;
    p->rseq_offset = (uintptr_t)&unregistered_rseq;
    if (is_program) {
        p->rseq_offset = (uintptr_t)p->rseq_of_thread() - percpu__thread_pointer();
        p->rseq_mask = UINTPTR_MAX;
    }
#ifdef PERCPU_RSEQ_MM_CID
    /*
     * The kernel's feature size decides, and not __rseq_size: libc registers 32 bytes everywhere,
     * whatever __rseq_size says, and the kernel writes all of them.
     */
    if (getauxval(AUXV_RSEQ_FEATURE_SIZE) <
        offsetof(struct percpu__rseq, mm_cid) + sizeof(unregistered_rseq.mm_cid)) {
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
    if (&__rseq_size && !is_asked_to_register()) {
        p->way = "atomic instructions: libc does not register threads for rseq(2) (no kernel "
                 "support, a seccomp filter, or the tunable glibc.pthread.rseq=0; with "
                 "PERCPU_REGISTER=1 in the environment percpu does)";
        return;
    }
    if (!is_program) {
        p->way = "atomic instructions: libc does not register threads for rseq(2), and the program "
                 "itself does not use percpu";
        return;
    }
    errno = 0;
    if (!p->register_thread()) {
        p->way = describe_error(errno);
        return;
    }
    p->rseq_cpus = p->cpus;
    p->registers = true;
    p->way = RESTARTABLE_SEQUENCES "; percpu registers threads";
}

/* -- Start ------------------------------------------------------------------------------------- */

static void start_process(bool is_program)
{
    percpu__state->pid = getpid();
    if (!percpu__reserve_areas())
        percpu__refuse(NULL, "no address space for one area (a limit such as ulimit -v?)");
    percpu__threads_begin(is_program);
    choose_way(percpu__state, is_program);
    percpu__state->has_begun = true;
}

static void report_way(bool all_views)
{
    const char *verbose = getauxval(AT_SECURE) ? NULL : getenv("PERCPU_VERBOSE");
    if (verbose && strcmp(verbose, "1") == 0)
        fprintf(stderr, "percpu: %s; %zu CPUs%s\n", percpu__state->way, percpu__state->cpus,
                all_views ? "" : "; initial values are copied for each");
}

/* Called by one thread at a time, since modules of a process may start concurrently. */
static void start_module(const struct percpu__joined *joined)
{
    bool is_first = !percpu__state->has_begun, all_views;

    if (percpu__limit != 0)
        return;
    if (is_first)
        start_process(joined->is_program);
    all_views = percpu__place_module(joined, is_first);
    if (is_first)
        report_way(all_views);
    percpu__words.bias = percpu__this_module.bias;
    percpu__words.rseq_offset = percpu__state->rseq_offset;
    percpu__words.rseq_mask = percpu__state->rseq_mask;
    percpu__words.rseq_cpus = percpu__state->rseq_cpus;
    percpu__limit = percpu__state->cpus + 1;
}

/*
 * A state that names another process was copied by fork() while a thread was starting a module. The
 * child does not have that thread: what the thread had not finished is begun anew, or is a hole in
 * the areas, and the module that it was starting stays unstarted.
 */
static void lock_state(void)
{
    const int mine = READY + getpid();

    for (;;) {
        int seen = __atomic_load_n(&percpu__state->state, __ATOMIC_RELAXED);
        if (seen != mine && __atomic_compare_exchange_n(&percpu__state->state, &seen, mine, false,
                                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return;
        sched_yield();
    }
}

/*
 * The constructor may call cancellation points, such as open(2): a thread with a pending
 * pthread_cancel() would end inside of dlopen(), with its locks. Cancellation stays enabled at the
 * program's start, which nobody cancels, and where register_thread() must see that it is enabled.
 */
static struct percpu__joined join_process(void)
{
    struct percpu__joined joined = percpu__join(&percpu__process.head);
    int cancelable = PTHREAD_CANCEL_ENABLE;

    percpu__state = joined.owner;
    if (percpu__state != &percpu__process)
        percpu__state->start_owner();
    if (!joined.is_program)
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    lock_state();
    start_module(&joined);
    __atomic_store_n(&percpu__state->state, READY, __ATOMIC_RELEASE);
    if (!joined.is_program)
        pthread_setcancelstate(cancelable, NULL);
    return joined;
}

/*
 * Also called by other modules: constructors of libraries that a program is linked with run first.
 */
static void start_owner(void)
{
    (void)join_process();
}

/* Runs before other constructors and main(): 101 is the first priority that is not libc's. */
__attribute__((constructor(101))) static void constructor(void)
{
    struct percpu__joined joined = join_process();

    /*
     * A library is pinned: the kernel reads the descriptor of a thread's last sequence when the
     * thread wakes.
     */
    if (!joined.is_program)
        percpu__pin(joined.name);
}

const char *percpu_info(void)
{
    return percpu__state ? percpu__state->way : "not started";
}

const struct percpu__allocator *percpu__allocator(const struct percpu__allocator *mine)
{
    if (percpu__limit == 0) /* before the constructors have run */
        return mine;
    return percpu__first_allocator(&percpu__state->allocator, mine);
}

#endif
