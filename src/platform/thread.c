/* SPDX-License-Identifier: MIT */
/*
 * thread: areas from the system, CPUs claimed by threads. The module that owns the areas keeps all
 * of it; the others call that one.
 */
#include "../internal.h"
#include "modules.h"

#ifdef PERCPU_PLATFORM_THREAD

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- This module's words ----------------------------------------------------------------------- */

/*
 * Defined where no compiler sees them: they are const for all but the constructor. Until that has
 * run, an access faults: a shift that leads outside of the address space.
 */
__asm__(".pushsection .data.percpu_words,\"aw\",%progbits\n\t"
        ".balign 64\n\t"
        ".globl percpu__shift, percpu__deltas, percpu__limit_pointer, percpu__words\n\t"
        ".hidden percpu__shift, percpu__deltas, percpu__limit_pointer, percpu__words\n"
        "percpu__words:\n"
#if UINTPTR_MAX > 0xffffffff
        "percpu__shift: .quad 0x4000000000000000\n"
        "percpu__deltas: .quad 0\n"
        "percpu__limit_pointer: .quad 0\n\t"
#else
        "percpu__shift: .long 0\n"
        "percpu__deltas: .long 0\n"
        "percpu__limit_pointer: .long 0\n\t"
#endif
        ".popsection");
extern PERCPU__HIDDEN struct {
    uintptr_t shift, *deltas;
    size_t *limit;
} percpu__words;

int percpu__template_check(void)
{
    return __PERCPU_percpu__head.magic == PERCPU__MAGIC &&
                   __PERCPU_percpu__head.cpu == PERCPU__NO_CPU
               ? 0
               : -PERCPU_ENOTEMPLATE;
}

/* -- Memory --------------------------------------------------------------------------------- */

static void *mapping;
static size_t mapping_size;

size_t percpu__slots(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    if (configured < 1)
        return 1;
    return configured < PERCPU_MAX_CPUS ? (size_t)configured : PERCPU_MAX_CPUS;
}

/* Addresses for each area. Those that are not touched cost nothing else. */
size_t percpu__slots_reserve(void)
{
    return UINTPTR_MAX > 0xffffffff ? (size_t)1 << 30 : (size_t)1 << 24;
}

int percpu__slots_take(size_t count, size_t stride, size_t align, uintptr_t *base)
{
    size_t size;
    void *memory = MAP_FAILED;

    if (!__builtin_mul_overflow(count, stride, &size) &&
        !__builtin_add_overflow(size, align, &size))
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -PERCPU_ENOMEM;
    /* A huge page would commit the memory of 512 for one object. */
    madvise(memory, size, MADV_NOHUGEPAGE);
    mapping = memory;
    mapping_size = size;
    *base = ((uintptr_t)memory + align - 1) & ~(uintptr_t)(align - 1);
    return 0;
}

void percpu__slots_give_back(void)
{
    if (mapping)
        munmap(mapping, mapping_size);
    mapping = NULL;
}

/* -- The register ----------------------------------------------------------------------------- */

/* The area that this thread set itself: a new thread may inherit its parent's register. */
static __thread uintptr_t own_base;

#ifndef PERCPU__THREAD_DELTA

/* arch_prctl(2); the kernel's header with the names is not on every libc's path. */
enum { SET_GS = 0x1001, GET_GS = 0x1004 };

/* Linux, Documentation/arch/x86/x86_64/fsgs.rst: bit 1 of AT_HWCAP2 allows the instructions. */
static bool have_fsgsbase(void)
{
    return getauxval(AT_HWCAP2) & 2;
}

bool percpu__delta_fits(uintptr_t delta)
{
    /* arch_prctl(2): EPERM for an address outside the user's half, such as a negative one. */
    return have_fsgsbase() || (intptr_t)delta >= 0;
}

static int reg_write(uintptr_t delta)
{
    if (have_fsgsbase())
        percpu__x86_wrgsbase(delta);
    else if (syscall(SYS_arch_prctl, SET_GS, delta) != 0)
        return -PERCPU_ESYS;
    return 0;
}

static uintptr_t reg_read(void)
{
    unsigned long delta = 0;
    if (have_fsgsbase())
        return percpu__x86_rdgsbase();
    if (syscall(SYS_arch_prctl, GET_GS, &delta) != 0)
        percpu_panic("percpu: arch_prctl(ARCH_GET_GS) failed");
    return delta;
}

#else

__thread uintptr_t percpu__thread_delta;
#define HAS_WORD 1

static uintptr_t *thread_delta(void)
{
    return &percpu__thread_delta;
}

bool percpu__delta_fits(uintptr_t delta)
{
    (void)delta;
    return true;
}

static int reg_write(uintptr_t delta)
{
    percpu__thread_delta = delta;
    return 0;
}

static uintptr_t reg_read(void)
{
    return percpu__thread_delta;
}

#endif

/* -- Claims: one CPU, one thread --------------------------------------------------------------- */

static int claims[PERCPU_MAX_CPUS]; /* ids of threads; 0 for a free CPU */
static __thread int own_tid;        /* 0: not known yet */
static __thread size_t own_cpu;     /* plus 1 */
static __thread int exit_rounds;

static unsigned at_thread_exit; /* the key plus 1; 0: there is none yet */
static bool closing;            /* percpu_fini() takes the areas away */

/* A handler's fork() changes it in the child. */
static int me(void)
{
    int tid = __atomic_load_n(&own_tid, __ATOMIC_RELAXED);

    if (tid == 0) {
        int new = (int)syscall(SYS_gettid);
        if (__atomic_compare_exchange_n(&own_tid, &tid, new, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            tid = new;
    }
    return tid;
}

/*
 * A thread whose first claim is one of its last destructors' ends without giving it back: the key's
 * round is over, and there may be none after it.
 */
static bool is_gone(int tid)
{
    int saved = errno;
    bool is = syscall(SYS_tgkill, getpid(), tid, 0) != 0 && errno == ESRCH;

    errno = saved;
    return is;
}

/*
 * Also what a thread left that had the same id: what this one has is known already. A handler may
 * fork: in the child a claim that was about to be made is another's, and one that was made is not.
 */
static bool take_claim(size_t cpu)
{
    int tid = me(), owner = 0;

    while (!__atomic_compare_exchange_n(&claims[cpu], &owner, tid, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        if (owner != tid && !is_gone(owner))
            return false;
    if (tid != me())
        __atomic_store_n(&claims[cpu], me(), __ATOMIC_RELAXED);
    return true;
}

static void release(void)
{
    if (own_cpu)
        percpu__own_left(own_cpu - 1);
    if (own_cpu)
        __atomic_store_n(&claims[own_cpu - 1], 0, __ATOMIC_RELEASE);
    own_cpu = 0;
}

/* Other keys' destructors may still use per-CPU data: release in the last round. */
static void thread_exits(void *value)
{
    pthread_key_t key = at_thread_exit - 1;

    if (++exit_rounds < percpu__last_round() && pthread_setspecific(key, value) == 0)
        return;
    release();
}

/* At the first claim for which there is one: a program that uses up all keys may give some back. */
static bool get_key(pthread_key_t *key)
{
    unsigned known = __atomic_load_n(&at_thread_exit, __ATOMIC_ACQUIRE);

    if (known == 0) {
        if (pthread_key_create(key, thread_exits) != 0)
            return false;
        if (__atomic_compare_exchange_n(&at_thread_exit, &known, *key + 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return true;
        pthread_key_delete(*key);
    }
    *key = known - 1;
    return true;
}

int percpu__reg_claim(size_t cpu, uintptr_t delta)
{
    pthread_key_t key;
    int error;

    if (!get_key(&key))
        return -PERCPU_ESYS;
    if (own_cpu == cpu + 1) {
        error = reg_write(delta);
        if (!error)
            own_base = percpu__template_start() + delta;
        return error;
    }
    if (!take_claim(cpu))
        return -PERCPU_EBUSY;
    /* Either percpu_fini() sees the claim, or this that it was or is at work. */
    if (__atomic_load_n(&closing, __ATOMIC_SEQ_CST) || cpu >= percpu__limit ||
        percpu__delta[cpu] != delta) {
        __atomic_store_n(&claims[cpu], 0, __ATOMIC_RELEASE);
        percpu__wait();
        return PERCPU__CLAIM_AGAIN;
    }
    error = pthread_setspecific(key, &claims[cpu]) != 0 ? -PERCPU_ESYS : reg_write(delta);
    if (error) {
        __atomic_store_n(&claims[cpu], 0, __ATOMIC_RELEASE);
        return error;
    }
    release();
    own_cpu = cpu + 1;
    own_base = percpu__template_start() + delta;
    return 0;
}

static uintptr_t read_reg(void)
{
    uintptr_t delta = reg_read();
    return delta ? percpu__template_start() + delta : 0;
}

static void write_reg(uintptr_t area_base)
{
    if (reg_write(area_base ? area_base - percpu__template_start() : 0) != 0) {
        percpu_panic("percpu: percpu_write_reg(): arch_prctl(ARCH_SET_GS) failed");
        return;
    }
    own_base = area_base;
    if (!area_base)
        release();
}

static bool others_have_claims(void)
{
    for (size_t cpu = 0; cpu < percpu__limit; cpu++) {
        int owner = __atomic_load_n(&claims[cpu], __ATOMIC_SEQ_CST);
        if (owner != 0 && owner != me() && !is_gone(owner))
            return true;
    }
    return false;
}

/* Looks twice: a thread that claims a CPU after the second time gives it back. */
int percpu__reg_release_all(void)
{
    if (others_have_claims())
        return -PERCPU_EBUSY;
    __atomic_store_n(&closing, true, __ATOMIC_SEQ_CST);
    if (others_have_claims()) {
        percpu__reg_reopen();
        return -PERCPU_EBUSY;
    }
    write_reg(0);
    return 0;
}

void percpu__reg_reopen(void)
{
    __atomic_store_n(&closing, false, __ATOMIC_RELEASE);
}

bool percpu__reg_valid(void)
{
    return reg_read() == own_base - percpu__template_start();
}

void percpu__wait(void)
{
    sched_yield();
}

/* -- The process ------------------------------------------------------------------------------- */

/* Found by modules that are loaded later: the layout has a version. */
struct process {
    struct percpu__version head;
    void (*own)(void);
    const struct percpu__areas *areas;
    uintptr_t *deltas;
    size_t *limit;
    uintptr_t (*read_reg)(void);
    void (*write_reg)(uintptr_t area_base);
    uintptr_t *(*thread_delta)(void);
    const struct percpu__allocator *allocator; /* of the first module that allocated */
};

static void own(void);

/* No platform has another's. */
#define VERSION 0x20002
struct process percpu__process = {
    .head = {VERSION, sizeof(struct process)},
    .own = own,
    .areas = &percpu__own_areas,
    .deltas = percpu__delta,
    .limit = &percpu__limit,
    .read_reg = read_reg,
    .write_reg = write_reg,
#ifdef HAS_WORD
    .thread_delta = thread_delta,
#endif
};
static struct process *process; /* the owner's */
const struct percpu__areas *percpu__areas;

static void use(struct process *owner, uintptr_t shift)
{
    process = owner;
    percpu__areas = owner->areas;
    percpu__words.shift = shift;
    percpu__words.deltas = owner->deltas;
    percpu__words.limit = owner->limit;
}

static void before_fork(void)
{
    percpu__own_areas.before_fork();
}

static void after_fork(void)
{
    percpu__own_areas.after_fork();
}

/* Only the calling thread lives on in a child, with another id. */
static void in_child(void)
{
    int before = own_tid;

    own_tid = (int)syscall(SYS_gettid);
    for (size_t cpu = 0; cpu < percpu__limit; cpu++)
        claims[cpu] = before != 0 && claims[cpu] == before ? own_tid : 0;
    after_fork();
}

static void tell_of_forks(void)
{
    if (pthread_atfork(before_fork, after_fork, in_child) != 0)
        percpu__refuse(NULL, "pthread_atfork() failed");
}

/* The constructors of shared libraries run before the program's. */
static void own(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)percpu__template_align(); /* asks the dynamic linker: not later, with a lock held */
    pthread_once(&once, tell_of_forks);
    use(&percpu__process, 0);
}

/* Of object files that were compiled for programs (config.h). */
extern const char __start_percpu_for_programs[] PERCPU__HIDDEN __attribute__((weak));
extern const char __stop_percpu_for_programs[] PERCPU__HIDDEN __attribute__((weak));

static struct percpu__module this_module;

/* Before other constructors and main(): 101 is the first priority that is not libc's. */
__attribute__((constructor(101))) static void start(void)
{
    struct percpu__joined joined = percpu__join(&percpu__process.head);
    struct process *owner = joined.owner;

    if (!joined.is_program &&
        (uintptr_t)__start_percpu_for_programs != (uintptr_t)__stop_percpu_for_programs)
        percpu__refuse(joined.name, "code in a shared library must be compiled with -fPIC");
    owner->own();
    if (owner != &percpu__process) {
        this_module = (struct percpu__module){
            .name = joined.name,
            .start = percpu__template_start(),
            .size = percpu__template_size(),
            .align = joined.align,
            .head = (uintptr_t)&__PERCPU_percpu__head,
            .copy = percpu__template_copy,
        };
        owner->areas->add_module(&this_module);
        use(owner, this_module.first - this_module.start);
    }
    /* Its copies of variables, and what it keeps for threads, last as long as the process. */
    if (!joined.is_program)
        percpu__pin(joined.name);
}

uintptr_t percpu_read_reg(void)
{
    return process->read_reg();
}

void percpu_write_reg(uintptr_t area_base)
{
    process->write_reg(area_base);
}

#ifdef HAS_WORD
uintptr_t *percpu__thread_delta_of_process(void)
{
    return process->thread_delta();
}
#endif

const struct percpu__allocator *percpu__allocator(const struct percpu__allocator *mine)
{
    return percpu__first_allocator(&process->allocator, mine);
}

void percpu__reset(void *p, size_t size)
{
    uintptr_t from = percpu__areas->initial_of((uintptr_t)p);

    if (from == 0)
        percpu_panic("percpu: percpu_reset_to_init_at(): the pointer designates no variable");
    else
        percpu__reset_from(from, p, size);
}

#endif
