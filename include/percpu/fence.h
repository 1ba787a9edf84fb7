/* SPDX-License-Identifier: MIT */
/*
 * Fences across CPUs. Part of percpu.h.
 *
 * percpu_fence_cpu() fences one CPU, percpu_fence() all CPUs. When the function has returned 0,
 *
 * - each sequence and update on a fenced CPU that had read its word before the call has written it,
 *   or reads again; with lists and blocks as docs/semantics.md says;
 * - the fence was a full memory barrier on the caller's and on each fenced CPU, between what ran
 *   there before and what ran after it, plain code included.
 *
 * For example a writer sets a flag, fences and reads what readers wrote; a reader writes and reads
 * the flag, without a barrier of its own: one of them sees the other's write.
 *
 * Errors, after which nothing has been promised: -PERCPU_ERANGE, the CPU has no area; -PERCPU_ESYS,
 * the system has no fence: percpu_has_fence().
 *
 * rseq, thread: membarrier(2), which interrupts the CPUs that run this process (Linux 4.14, on rseq
 * with sequences 5.10). rseq: any context, errno is kept. thread, and rseq with mm_cid:
 * percpu_fence_cpu() fences the whole process.
 * bare: with PERCPU_CALL, a call of a function that does nothing, by the kernel's hook below. The
 * caller has interrupts on, is no handler, and holds no lock that the other CPU may spin on;
 * preemption may be off. A CPU that is not up has nothing to be ordered with.
 * single: a compiler barrier.
 */
#ifndef PERCPU_PERCPU_H /* which includes this, in its place */
#include <percpu/percpu.h>
#endif

#ifndef PERCPU_FENCE_H
#define PERCPU_FENCE_H

#ifdef __cplusplus
extern "C" {
#endif

#ifdef PERCPU_PLATFORM_BARE
#ifdef PERCPU_CALL
/*
 * The kernel's hook: runs f(arg) on CPU `cpu`, with interrupts off, and waits until f has returned,
 * with a full memory barrier before and after f. Returns 1 if f has run, 0 if the CPU is not up and
 * nothing was called. The library asks for other CPUs than its own; `cpu` is the caller's own all
 * the same when the thread has moved there since. The caller of the library holds the kernel's
 * hotplug lock, which keeps CPUs from coming up and going down meanwhile.
 */
int percpu_call_cpu(size_t cpu, void (*f)(void *arg), void *arg);
#define PERCPU__BY_CALL(name) __asm__(name "__with_PERCPU_CALL")
#else
/*
 * There is no such symbol: the linker's error names the option, and so the hook, that is missing.
 */
#define PERCPU__BY_CALL(name) __asm__(name "__needs_PERCPU_CALL")
#endif
#else
#define PERCPU__BY_CALL(name)
#endif

PERCPU__HIDDEN int percpu_fence_cpu(size_t cpu) PERCPU__BY_CALL("percpu_fence_cpu");
PERCPU__HIDDEN int percpu_fence(void) PERCPU__BY_CALL("percpu_fence");

/*
 * Do fences work, and are updates restartable sequences? The answers stay the same for the life of
 * a process, from the first on; on bare for all code that is built alike. Any context. rseq,
 * thread: false before the library's constructor (priority 101). rseq: percpu_info() says why there
 * are no sequences.
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
