/* SPDX-License-Identifier: MIT */
/*
 * Fences across CPUs. Part of percpu.h.
 *
 * percpu_fence_cpu() is about one CPU, percpu_fence() about all. When it has returned 0,
 *
 * - each sequence and update there that had read its word before the call has written it, or reads
 *   again; with lists and blocks as docs/semantics.md says;
 * - it was a full memory barrier on the caller's CPU and on that CPU, between whatever ran there
 *   before and after it, plain code included.
 *
 * So a writer sets a flag, fences and reads what readers wrote, and a reader writes and reads the
 * flag, without a barrier of its own: one of them sees the other.
 *
 * Errors, after which nothing has been promised: -PERCPU_ERANGE, the CPU has no area;
 * -PERCPU_ESYS, the system has no fence: percpu_has_fence().
 *
 * rseq, thread: membarrier(2), which interrupts the CPUs that run this process (Linux 4.14, on rseq
 * with sequences 5.10). rseq: any context, errno is kept. thread: the whole process is fenced, as
 * it is with mm_cid.
 * bare: with PERCPU_CALL, a call of a function that does nothing, by the kernel's hook below;
 * interrupts on, preemption may be off, no lock held that the other CPU may spin on. Not in
 * handlers. A CPU that is not up has nothing to be ordered with.
 * single: a compiler barrier.
 */
#ifndef PERCPU_FENCE_H
#define PERCPU_FENCE_H

#ifndef PERCPU_PERCPU_H /* which includes this */
#include <percpu/percpu.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifdef PERCPU_PLATFORM_BARE
#ifdef PERCPU_CALL
/*
 * The kernel's: run f(arg) on CPU `cpu`, interrupts off, and wait until it has returned; a full
 * memory barrier before and after it. 1: it has run; 0: the CPU is not up, and nothing was called.
 * The library asks for other CPUs than its own; `cpu` is the caller's all the same when the thread
 * has moved there since. The kernel's hotplug lock, held by the caller of the library, keeps CPUs
 * from coming up and going down meanwhile.
 */
int percpu_call_cpu(size_t cpu, void (*f)(void *arg), void *arg);
#define PERCPU__BY_CALL(name) __asm__(name "__with_PERCPU_CALL")
#else
/* There is no such symbol: what the linker misses is the option, and the hook. */
#define PERCPU__BY_CALL(name) __asm__(name "__needs_PERCPU_CALL")
#endif
#else
#define PERCPU__BY_CALL(name)
#endif

PERCPU__HIDDEN int percpu_fence_cpu(size_t cpu) PERCPU__BY_CALL("percpu_fence_cpu");
PERCPU__HIDDEN int percpu_fence(void) PERCPU__BY_CALL("percpu_fence");

/*
 * Are there fences, and do updates go as restartable sequences? The same for the life of a process,
 * from the first answer on; on bare for all code that is built alike. Any context. rseq,
 * thread: false before the library's constructor (priority 101). rseq: percpu_info() says why not.
 */
#ifdef PERCPU_PLATFORM_BARE
static inline bool percpu_has_fence(void)
{
#ifdef PERCPU_CALL
    return true;
#else
    return false;
#endif
}

static inline bool percpu_has_sequences(void)
{
#ifdef PERCPU_RESTART
    return true;
#else
    return false;
#endif
}
#else
PERCPU__HIDDEN bool percpu_has_fence(void);
PERCPU__HIDDEN bool percpu_has_sequences(void);
#endif

#ifdef __cplusplus
}
#endif

#endif
