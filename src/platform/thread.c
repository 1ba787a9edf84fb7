/* SPDX-License-Identifier: MIT */
/* thread: areas from the system, CPUs claimed by threads. */
#include "process.h"

#ifdef PERCPU_PLATFORM_THREAD

#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* -- Memory ------------------------------------------------------------------------------------ */

size_t percpu__slots(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    if (configured < 1)
        return 1;
    return (size_t)configured < percpu__max_cpus() ? (size_t)configured : percpu__max_cpus();
}

/* Reserves addresses for each area: pages that are not touched take no memory. */
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
    /* A huge page would commit the memory of 512 pages for one object. */
    madvise(memory, size, MADV_NOHUGEPAGE);
    percpu__state->mapping = memory;
    percpu__state->mapping_size = size;
    *base = ((uintptr_t)memory + align - 1) & ~(uintptr_t)(align - 1);
    return 0;
}

void percpu__slots_give_back(void)
{
    if (percpu__state->mapping)
        munmap(percpu__state->mapping, percpu__state->mapping_size);
    percpu__state->mapping = NULL;
}

/* -- The register ------------------------------------------------------------------------------ */

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
        percpu__report("percpu: arch_prctl(ARCH_GET_GS) failed");
    return delta;
}

#else

__thread uintptr_t percpu__thread_delta;

bool percpu__delta_fits(uintptr_t delta)
{
    (void)delta;
    return true;
}

static int reg_write(uintptr_t delta)
{
    PERCPU__THREAD_DELTA = delta;
    return 0;
}

static uintptr_t reg_read(void)
{
    return PERCPU__THREAD_DELTA;
}

#endif

/* -- Claims: one CPU, one thread --------------------------------------------------------------- */

static __thread struct thread thread_storage;

struct thread *percpu__this_thread(void)
{
    return &thread_storage;
}

/* A signal handler may fork and so change the tid in the child: a tid that is set then is kept. */
static int this_tid(void)
{
    struct thread *thread = percpu__state->thread();
    int tid = __atomic_load_n(&thread->tid, __ATOMIC_RELAXED);

    if (tid == 0) {
        int new = percpu__gettid();
        if (__atomic_compare_exchange_n(&thread->tid, &tid, new, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            tid = new;
    }
    return tid;
}

/*
 * Takes a claim that is free, or that a thread has left which has ended: a thread with the same tid
 * (this thread's own claim would be in thread->cpu), or one that first claimed a CPU in one of its
 * last destructors, with no round of the key's destructor after it. A signal handler may fork
 * meanwhile: in the child a claim that is made after the fork has the parent's tid, and is
 * corrected.
 */
static bool take_claim(size_t cpu)
{
    int tid = this_tid(), owner = 0;

    while (!__atomic_compare_exchange_n(&percpu__state->claims[cpu], &owner, tid, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        if (owner != tid && !percpu__is_gone(owner))
            return false;
    if (tid != this_tid())
        __atomic_store_n(&percpu__state->claims[cpu], this_tid(), __ATOMIC_RELAXED);
    return true;
}

static void release_claim(struct thread *thread)
{
    if (thread->cpu) {
        percpu__mark_down(thread->cpu - 1);
        __atomic_store_n(&percpu__state->claims[thread->cpu - 1], 0, __ATOMIC_RELEASE);
    }
    thread->cpu = 0;
}

/* Other keys' destructors may still use per-CPU data: release in the last round. */
static void thread_exits(void *value)
{
    struct thread *thread = percpu__state->thread();
    pthread_key_t key = percpu__state->at_thread_exit - 1;

    if (++thread->exit_rounds < percpu__last_round() && pthread_setspecific(key, value) == 0)
        return;
    release_claim(thread);
}

/*
 * The key is made at the first claim that finds one free: a program that uses up all keys may free
 * some.
 */
static bool exit_key(pthread_key_t *key)
{
    unsigned known = __atomic_load_n(&percpu__state->at_thread_exit, __ATOMIC_ACQUIRE);

    if (known == 0) {
        if (pthread_key_create(key, thread_exits) != 0)
            return false;
        if (__atomic_compare_exchange_n(&percpu__state->at_thread_exit, &known, *key + 1, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return true;
        pthread_key_delete(*key);
    }
    *key = known - 1;
    return true;
}

int percpu__reg_claim(size_t cpu, uintptr_t delta)
{
    struct thread *thread = percpu__state->thread();
    pthread_key_t key;
    int error;

    if (!exit_key(&key))
        return -PERCPU_ESYS;
    if (thread->cpu == cpu + 1) {
        error = reg_write(delta);
        if (!error)
            thread->base = percpu__owner_start() + delta;
        return error;
    }
    if (!take_claim(cpu))
        return -PERCPU_EBUSY;
    /*
     * SEQ_CST on both sides: percpu_fini() sees this claim, or this thread sees that percpu_fini()
     * was or is at work.
     */
    if (__atomic_load_n(&percpu__state->closing, __ATOMIC_SEQ_CST) || cpu >= PERCPU__LIMIT ||
        PERCPU__DELTAS[cpu] != delta) {
        __atomic_store_n(&percpu__state->claims[cpu], 0, __ATOMIC_RELEASE);
        percpu__wait();
        return PERCPU__CLAIM_AGAIN;
    }
    error = pthread_setspecific(key, &percpu__state->claims[cpu]) != 0 ? -PERCPU_ESYS
                                                                       : reg_write(delta);
    if (error) {
        __atomic_store_n(&percpu__state->claims[cpu], 0, __ATOMIC_RELEASE);
        return error;
    }
    release_claim(thread);
    thread->cpu = cpu + 1;
    thread->base = percpu__owner_start() + delta;
    return 0;
}

uintptr_t percpu_read_reg(void)
{
    uintptr_t delta = reg_read();
    return delta ? percpu__owner_start() + delta : 0;
}

void percpu_write_reg(uintptr_t area_base)
{
    struct thread *thread = percpu__state->thread();

    if (reg_write(area_base ? area_base - percpu__owner_start() : 0) != 0) {
        percpu__report("percpu: percpu_write_reg(): arch_prctl(ARCH_SET_GS) failed");
        return;
    }
    thread->base = area_base;
    if (!area_base)
        release_claim(thread);
}

static bool others_have_claims(void)
{
    for (size_t cpu = 0; cpu < PERCPU__LIMIT; cpu++) {
        int owner = __atomic_load_n(&percpu__state->claims[cpu], __ATOMIC_SEQ_CST);
        if (owner != 0 && owner != this_tid() && !percpu__is_gone(owner))
            return true;
    }
    return false;
}

/* Looks twice: a thread that claims a CPU after the second look gives it back. */
int percpu__reg_release_all(void)
{
    if (others_have_claims())
        return -PERCPU_EBUSY;
    __atomic_store_n(&percpu__state->closing, true, __ATOMIC_SEQ_CST);
    if (others_have_claims()) {
        percpu__reg_reopen();
        return -PERCPU_EBUSY;
    }
    percpu_write_reg(0);
    return 0;
}

void percpu__reg_reopen(void)
{
    __atomic_store_n(&percpu__state->closing, false, __ATOMIC_RELEASE);
}

bool percpu__reg_valid(void)
{
    return reg_read() == percpu__state->thread()->base - percpu__owner_start();
}

void percpu__wait(void)
{
    sched_yield();
}

void percpu__claims_after_fork(void)
{
    struct thread *thread = percpu__state->thread();
    int parent_tid = thread->tid;

    thread->tid = percpu__gettid();
    for (size_t cpu = 0; cpu < PERCPU__LIMIT; cpu++)
        percpu__state->claims[cpu] =
            parent_tid != 0 && percpu__state->claims[cpu] == parent_tid ? thread->tid : 0;
}

#endif
