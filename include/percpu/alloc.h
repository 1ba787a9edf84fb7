/* SPDX-License-Identifier: MIT */
/*
 * percpu: dynamic memory. An object that comes and goes has per-CPU fields, too:
 *
 *     struct stats PERCPU *s = percpu_alloc(struct stats);
 *     percpu_inc_at(&s->rx);
 *     percpu_free(s);
 *
 * One allocation takes the same bytes of every CPU's memory. The result is a per-CPU pointer: what
 * the operations with the suffix _at take. docs/alloc.md has the layout and the costs.
 *
 * Contexts. bare, single (freestanding): any CPU, interrupt handlers included, once caches are on;
 * interrupts are off while the allocator works, and on while memory is zeroed. thread, rseq,
 * single (hosted): any thread; not signal handlers.
 */
#ifndef PERCPU_ALLOC_H
#define PERCPU_ALLOC_H

#include <percpu/detail/compiler.h>

#include <percpu/percpu.h>

#include <percpu/detail/warnings_off.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Allocates `size` bytes, zeroed on every CPU. `align` is a power of two: at least up to 4096, and
 * where percpu_init() was given memory without a reserve up to
 * percpu_area_layout_expected(1).align. Returns NULL, and nothing has changed, when memory is
 * exhausted or there is none, the size is 0 or too large, or the alignment is none of the above.
 * Objects lie side by side, rounded up to 8 bytes: a caller that wants a cache line for an object
 * asks for it. The pointer is passed on to other CPUs like any pointer: with release and acquire
 * order.
 */
__attribute__((warn_unused_result)) PERCPU__HIDDEN void PERCPU *percpu_alloc_bytes(size_t size,
                                                                                   size_t align);

/* Allocate an object of type T, and an array of n objects; NULL where n is 0 or too large. */
#define percpu_alloc(T)                                                                            \
    PERCPU__CAST_CALL(__typeof__(T) PERCPU *, percpu_alloc_bytes(sizeof(T), PERCPU__ALIGN_OF(T)))
#define percpu_alloc_array(T, n)                                                                   \
    PERCPU__CAST_CALL(__typeof__(T) PERCPU *,                                                      \
                      percpu__alloc_array(sizeof(T), n, PERCPU__ALIGN_OF(T)))

/*
 * Gives an object back; NULL is ignored. No CPU may use the object any more. A pointer that is no
 * object's (freed twice, never allocated, inside of an object) is reported to percpu_panic(), with
 * its value and in every build; if percpu_panic() returns, nothing has changed.
 */
PERCPU__HIDDEN void percpu_free(void PERCPU *p);

/*
 * rseq: allocates `size` bytes, zeroed on every CPU, that processes share: the caller and the
 * children that it forks after the call, theirs included. Several workers count in one set of
 * counters:
 *
 *     struct stats PERCPU *s = (struct stats PERCPU *)percpu_alloc_shared(sizeof(*s), 64);
 *
 * Arguments, and NULL, as percpu_alloc_bytes(); also NULL where the areas' mappings become too many
 * (docs/alloc.md). The object has whole pages of each CPU, and percpu_alloc_size() is theirs: one
 * object with all counters takes the least.
 *
 * Sequences of different processes on one CPU restart each other as those of threads do, so that no
 * update of any process is lost: reads, writes and updates of words, percpu_remote_*() but for what
 * needs a fence, percpu_for_each() and sums. Blocks, lists, percpu_remote_or(), percpu_remote_and()
 * and fences are of one process, and say nothing to the others: not on such an object. Pointers in
 * it mean something only to whoever has the same memory there.
 *
 * percpu_free(), by any process that shares the object, takes it from the calling process only,
 * which gets private memory in its place. percpu_panic() is told when the system has none; if
 * percpu_panic() returns, the object is still allocated and can be freed again. The memory lasts
 * until the last process has freed it or ended.
 *
 * It does not compile elsewhere: on other platforms, and with PERCPU_RSEQ_MM_CID, two processes may
 * update one copy at the same time.
 */
#if !defined(PERCPU_PLATFORM_RSEQ)
#define PERCPU__SHARED                                                                             \
    __attribute__((error("percpu: percpu_alloc_shared() is for PERCPU_PLATFORM_RSEQ; here two "    \
                         "processes may play one CPU")))
#elif defined(PERCPU_RSEQ_MM_CID)
#define PERCPU__SHARED                                                                             \
    __attribute__((                                                                                \
        error("percpu: percpu_alloc_shared() is not for PERCPU_RSEQ_MM_CID: an mm_cid "            \
              "is unique in one process only; compile program and library without it")))
#else
#define PERCPU__SHARED
#define PERCPU__HAS_SHARED 1
#endif
__attribute__((warn_unused_result)) PERCPU__HIDDEN void PERCPU *
percpu_alloc_shared(size_t size, size_t align) PERCPU__SHARED;

/* An object's size, rounded up to 8; 0 for NULL. Other pointers: reported, as by percpu_free(). */
PERCPU__HIDDEN size_t percpu_alloc_size(const void PERCPU *p);

/* Usage in bytes of one CPU. percpu_alloc_stats() walks through free runs: not for every tick. */
struct percpu_alloc_usage {
    size_t objects;      /* a number, not bytes */
    size_t used;         /* by objects, each rounded up to 8 bytes */
    size_t reserved;     /* that objects can lie in */
    size_t committed;    /* of `reserved` at most; system memory: used and not returned since */
    size_t largest_free; /* bytes side by side that one object could have */
    size_t metadata;     /* in addition, once for all CPUs; bare: in each CPU's memory */
};
PERCPU__HIDDEN struct percpu_alloc_usage percpu_alloc_stats(void);

/*
 * Memory for objects. On rseq, single (hosted) and thread in place it comes from the system, with
 * nothing to do. On bare in place PERCPU_RESERVE in the linker script sets its size.
 *
 * Areas in the caller's memory: the functions below are those without _with, with at least
 * `reserve` bytes of each area for objects. The memory need not be zeroed. A CPU that is added late
 * brings as much as the others have, and finds every object zeroed. With less memory the result is
 * -PERCPU_ERESERVE; more is not used. rseq and single ignore `reserve`.
 */
PERCPU__HIDDEN struct percpu_layout percpu_area_layout_expected_with(size_t cpu_count,
                                                                     size_t reserve);
PERCPU__HIDDEN int percpu_init_with(void *base, size_t cpu_count, size_t reserve);
PERCPU__HIDDEN int percpu_init_cpu_with(size_t cpu, void *base, size_t reserve);

#ifndef PERCPU_PLATFORM_RSEQ
/*
 * Adds memory for objects, a block: `size` bytes at `base` for CPU 0, and for every other CPU at
 * the same distance from its area as `base` is from CPU 0's area. The caller has mapped the memory
 * of all CPUs, those to come included. The function zeroes the memory, and percpu_fini() gives it
 * up. There are at most PERCPU_ALLOC_BLOCKS blocks. Returns 0, or -PERCPU_ENOTINIT, -PERCPU_ENULL,
 * -PERCPU_ERANGE (CPU 0 has no area), -PERCPU_EALIGN (not aligned to 8 bytes), -PERCPU_EOVERFLOW
 * (too small for an object, or beyond the address space), -PERCPU_EOVERLAP (the block overlaps an
 * area, a block, the template, or another CPU's copy of itself, where areas are nearer to each
 * other than the block is long), -PERCPU_ENOMEM (too many blocks). Not from interrupt handlers.
 */
PERCPU__HIDDEN int percpu_alloc_add_block(void *base, size_t size);
#define PERCPU_ALLOC_BLOCKS 15
#endif

/*
 * With PERCPU_ALLOC_LOCK defined for the library the allocator takes this lock of the kernel (or
 * program) in place of its own. The lock keeps out other CPUs, and interrupt handlers that
 * allocate. percpu_alloc_unlock() gets the result of percpu_alloc_lock().
 */
#ifdef PERCPU_ALLOC_LOCK
uintptr_t percpu_alloc_lock(void);
void percpu_alloc_unlock(uintptr_t state);
#endif

/* ==== Not part of the interface ======================================================= */

#include <percpu/detail/warnings_off.h>

#ifdef __cplusplus
#define PERCPU__ALIGN_OF(T) alignof(T)
#else
#define PERCPU__ALIGN_OF(T) __extension__ _Alignof(T)
#endif

PERCPU__INLINE void PERCPU *percpu__alloc_array(size_t size, size_t n, size_t align)
{
    size_t bytes;
    return __builtin_mul_overflow(size, n, &bytes) ? (void PERCPU *)0
                                                   : percpu_alloc_bytes(bytes, align);
}

#include <percpu/detail/warnings_on.h>

#ifdef __cplusplus
}
#endif

#include <percpu/detail/warnings_on.h>

#endif
