/* SPDX-License-Identifier: MIT */
/* The head of every area, the table of deltas, and library functions that operations call. */

/* The library's own per-CPU variable: each area has a copy. <percpu/asm.h> has its offsets. */
struct percpu__head {
    uintptr_t delta; /* of this area */
    size_t cpu;      /* PERCPU__NO_CPU in the template */
    uintptr_t magic; /* PERCPU__MAGIC: tells a template that was loaded from a NOLOAD one */
    uint32_t up;     /* 1 from percpu_up() to percpu_down(); only this CPU writes it */
    uint32_t report; /* record of this CPU's percpu_panic() in progress: src/report.c */
};
#define PERCPU__NO_CPU SIZE_MAX
#define PERCPU__MAGIC ((uintptr_t)0x43726550)
extern PERCPU__HIDDEN PERCPU__MODEL struct percpu__head __PERCPU_percpu__head;

/*
 * Deltas by CPU number, valid below percpu__limit. They are multiples of 64, so that the odd
 * PERCPU__ABSENT can mark a CPU without an area.
 */
#define PERCPU__ABSENT ((uintptr_t)1)
extern PERCPU__HIDDEN uintptr_t percpu__delta[PERCPU_MAX_CPUS];
extern PERCPU__HIDDEN size_t percpu__limit;

PERCPU__CALLED void percpu__check_current(void);
PERCPU__HIDDEN void percpu__bad_cpu(void) __attribute__((noreturn));
PERCPU__CALLED void percpu__moved(void);
/* The first CPU from `cpu` on that has an area, or PERCPU__NO_CPU. */
#ifdef PERCPU_PLATFORM_RSEQ /* each CPU below the limit has one: no call in percpu_for_each() */
PERCPU__INLINE size_t percpu__next_cpu(size_t cpu)
{
    return cpu < percpu__limit ? cpu : PERCPU__NO_CPU;
}
#else
PERCPU__CALLED size_t percpu__next_cpu(size_t cpu);
#endif
/* The first CPU from `cpu` on that is up, or PERCPU__NO_CPU. */
PERCPU__CALLED size_t percpu__next_up(size_t cpu);
PERCPU__CALLED uintptr_t percpu__offset(uintptr_t vma);
PERCPU__CALLED uint64_t percpu__sum(const volatile void *p, size_t size);
PERCPU__CALLED void percpu__reset_from(uintptr_t from, void *p, size_t size);

PERCPU__INLINE void percpu__debug_current(void)
{
#ifdef PERCPU_DEBUG
    percpu__check_current();
#endif
}
