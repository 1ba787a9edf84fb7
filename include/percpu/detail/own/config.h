/* SPDX-License-Identifier: MIT */
/*
 * PERCPU_OWN_REGISTER: the configuration, and what the kernel provides in <percpu_own.h>, a header
 * of its own on the include path, as `static inline` functions. Nothing here names an architecture.
 *
 * Always:
 *
 *     uintptr_t percpu_own_irq_save(void);            masks interrupts; returns the mask before
 *     void percpu_own_irq_restore(uintptr_t state);   restores a mask that was returned
 *
 *   Both are compiler barriers (a "memory" clobber). Between them this CPU runs no handler that
 *   uses per-CPU data, and the caller stays on this CPU.
 *
 * On bare either a register that holds a delta, 0 until it is written:
 *
 *     uintptr_t percpu_own_read(void);                the delta of the CPU that runs
 *     void percpu_own_write(uintptr_t delta);         sets that delta; a compiler barrier
 *
 *   or, with #define PERCPU_OWN_CPU 1 in that header, the number of the CPU that runs:
 *
 *     size_t percpu_own_cpu(void);                    below PERCPU_MAX_CPUS
 *
 *   Each call reads anew (asm volatile, or a volatile object): the functions are not const or
 *   pure, since a thread may move. The library calls them with interrupts off, or where its caller
 *   has promised to stay on its CPU.
 *
 * The header may not include <percpu/percpu.h>. It is included outside of extern "C". Where atomic
 * instructions do not work before caches are on, it also defines
 *
 *     #define percpu_own_atomics_work() (an expression: true if they work on this CPU)
 */

#if __STDC_HOSTED__
#error "percpu: PERCPU_OWN_REGISTER is for freestanding programs: only they mask interrupts"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_ARM_EL2) || defined(PERCPU_ARM_EL3) || defined(PERCPU_ARM_X18) ||               \
    defined(PERCPU_ARM_TPIDRPRW) || defined(PERCPU_RISCV_TP) || defined(PERCPU_RISCV_M_MODE)
#error "percpu: PERCPU_OWN_REGISTER replaces the port's registers and modes: define no other one"
#include <percpu/detail/refused.h>
#endif
#ifdef PERCPU_RESTART
#error                                                                                             \
    "percpu: PERCPU_RESTART needs a port's register: PERCPU_OWN_REGISTER masks interrupts instead"
#include <percpu/detail/refused.h>
#endif
#ifdef PERCPU_ZERO_VMA
#error                                                                                             \
    "percpu: PERCPU_ZERO_VMA needs a port's instructions: with PERCPU_OWN_REGISTER link at a natural VMA"
#include <percpu/detail/refused.h>
#endif
#undef PERCPU__ARCH_IRQ
#undef PERCPU__ARCH_CPU
#undef PERCPU__ARCH_ACCESS
#undef PERCPU__ARCH_LIST
#undef PERCPU__ARCH_NAMES_SYMBOLS
#undef PERCPU__ARCH_NEAR_PAYS
#undef PERCPU__ARCH_USER_REGISTER
#undef PERCPU__CFG_ARCH
#define PERCPU__ARCH_IRQ "percpu/detail/own/irq.h"
#define PERCPU__ARCH_CPU "percpu/detail/own/cpu.h"
#define PERCPU__ARCH_ACCESS "percpu/detail/own/access.h"

#if !__has_include(<percpu_own.h>)
#error                                                                                             \
    "percpu: PERCPU_OWN_REGISTER: there is no percpu_own.h on the include path; percpu/detail/own/config.h says what it contains"
#include <percpu/detail/refused.h>
#else
#include <percpu_own.h>
/* A body of another type does not compile; the compiler and the linker report a missing body. */
static inline uintptr_t percpu_own_irq_save(void);
static inline void percpu_own_irq_restore(uintptr_t state);
#if defined(PERCPU_PLATFORM_BARE) && defined(PERCPU_OWN_CPU)
static inline size_t percpu_own_cpu(void);
#elif defined(PERCPU_PLATFORM_BARE)
static inline uintptr_t percpu_own_read(void);
static inline void percpu_own_write(uintptr_t delta);
#endif
#endif

#ifdef PERCPU_OWN_CPU
#define PERCPU__CFG_ARCH "__own_cpu"
#else
#define PERCPU__CFG_ARCH "__own"
#endif
