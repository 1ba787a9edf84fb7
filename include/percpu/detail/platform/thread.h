/* SPDX-License-Identifier: MIT */
/*
 * thread: a thread of a hosted program plays a CPU. Where user space has a register for the delta
 * (GS base on x86_64 Linux) accesses are those of a kernel; elsewhere the delta is a thread-local
 * word. No other thread can come between the read of that word and the access, since each CPU is
 * played by one thread at a time.
 *
 * A process has one set of areas, owned by the first module that embeds the library: the program,
 * if the program embeds it. A per-CPU pointer is an address in the owner's template, or beside it.
 * The template of any other module has a place below the owner's; percpu__shift leads from a symbol
 * to its place there. Code for programs needs no shift.
 */

/*
 * Words of this module, which its first constructor sets. They are declared const, so that
 * compilers load them once per function and not once per access.
 */
#ifdef PERCPU__SHIFTED
extern const PERCPU__HIDDEN uintptr_t percpu__shift;       /* per-CPU pointer minus symbol */
extern PERCPU__HIDDEN uintptr_t *const percpu__deltas;     /* the owner's percpu__delta */
extern PERCPU__HIDDEN size_t *const percpu__limit_pointer; /* the owner's percpu__limit */
#define PERCPU__VAR(x)                                                                             \
    PERCPU__REINTERPRET(__typeof__(&(x)), PERCPU__REINTERPRET(uintptr_t, &(x)) + percpu__shift)
#define PERCPU__DELTAS percpu__deltas
#define PERCPU__LIMIT (*percpu__limit_pointer)
#endif

#if defined(__linux__) && defined(PERCPU__ARCH_USER_REGISTER)
#include PERCPU__ARCH_CPU
#include PERCPU__ARCH_ACCESS
#else
#ifdef PERCPU__SHIFTED
PERCPU__HIDDEN uintptr_t *percpu__thread_delta_of_process(void);
#define PERCPU__THREAD_DELTA (*percpu__thread_delta_of_process())
#else
extern PERCPU__HIDDEN __thread uintptr_t percpu__thread_delta;
#define PERCPU__THREAD_DELTA percpu__thread_delta
#endif

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return percpu__hide(p) + PERCPU__THREAD_DELTA;
}
#define percpu__current percpu__current
#endif

/* Templates stay where they are linked, and are never written. `p` may belong to any module. */
PERCPU__HIDDEN void percpu__reset(void *p, size_t size);
