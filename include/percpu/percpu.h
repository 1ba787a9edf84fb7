/* SPDX-License-Identifier: MIT */
/*
 * percpu: one name, one value for each CPU.
 *
 *     static PERCPU_DEFINE(uint64_t, irq_count);
 *
 *     percpu_inc(irq_count);                                   on the current CPU
 *     uint64_t all = percpu_sum(irq_count);                    on every CPU
 *
 * Variables are linked into a template. Each CPU has an area, a copy of the template, and
 * the distance from the template to its area is the CPU's delta:
 *
 *     address on CPU n = &symbol + delta[n]
 *
 * The architecture's per-CPU register holds the delta of the CPU that runs.
 *
 * Configuration, macros given to the compiler for the library and for its users alike:
 *
 *   PERCPU_PLATFORM_BARE     kernels: the architecture's per-CPU register (default freestanding)
 *   PERCPU_PLATFORM_RSEQ     Linux programs: the CPU that a thread runs on (default on Linux)
 *   PERCPU_PLATFORM_THREAD   a thread plays a CPU (default on other hosted systems)
 *   PERCPU_PLATFORM_SINGLE   one CPU: plain globals, no register
 *   PERCPU_PREEMPT           bare: call percpu_preempt_disable() and _enable() where needed
 *   PERCPU_PREEMPT_STATE     bare: the same with hooks that return what was, and need not count
 *   PERCPU_PREEMPT_IRQ       bare: mask interrupts there; the kernel provides no hooks
 *   PERCPU_CALL              bare: the kernel runs functions on other CPUs: <percpu/fence.h>
 *   PERCPU_RESTART           bare: updates are sequences that percpu_restart_pc() restarts
 *   PERCPU_RSEQ_MM_CID       rseq: an area for each thread that runs at a time, not for each CPU
 *   PERCPU_RSEQ_FIBERS       rseq, of users only: functions may go on in another thread (fibers)
 *   PERCPU_ZERO_VMA          bare: the template is linked at address 0
 *   PERCPU_ARM_EL2           bare, aarch64: the register is TPIDR_EL2: hypervisors, VHE kernels
 *   PERCPU_ARM_EL3           bare, aarch64: the register is TPIDR_EL3: firmware
 *   PERCPU_ARM_X18           bare, aarch64, any level: the register is x18; build with -ffixed-x18
 *   PERCPU_ARM_TPIDRPRW      bare, arm: the register is TPIDRPRW: for kernels with user mode, which
 *                            can read the default, TPIDRURO
 *   PERCPU_RISCV_TP          bare, riscv: the register is tp, not gp
 *   PERCPU_RISCV_M_MODE      freestanding riscv: M mode, where mstatus masks interrupts
 *   PERCPU_OWN_REGISTER      freestanding, little-endian, port or not: the kernel's percpu_own.h
 *                            reads the register and masks interrupts: docs/porting-to.md
 *   PERCPU_STACK_GUARD       bare, x86_64: the stack protector's guard is a variable: docs/entry.md
 *   PERCPU_MAX_CPUS          a number: the size of the delta table (default 64 on bare)
 *   PERCPU_DEBUG             check bounds, initialisation and guards; failures call percpu_panic()
 *
 * Contexts. Unless its comment says otherwise an operation may be called with preemption on or
 * off, from interrupt and signal handlers, and on any CPU whose register is set; it does not sleep,
 * and its memory order is relaxed. docs/semantics.md states, per operation and platform, what holds
 * against preemption, interrupts, NMI and other CPUs.
 *
 * Functions are hidden: a program and its shared libraries may each embed the library, and no one's
 * functions answer for another's.
 *
 * Names that contain a double underscore (percpu__x, PERCPU__X) are not part of the interface.
 */
#ifndef PERCPU_PERCPU_H
#define PERCPU_PERCPU_H

#include <percpu/detail/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <percpu/detail/config.h>
#include <percpu/detail/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Define ========================================================================== */

/*
 * PERCPU_DEFINE(type, name) defines a per-CPU variable; `static` may stand before it and an
 * initialiser after it. The type is any object type but const and _Atomic ones; arrays are
 * written PERCPU_DEFINE(int[4], hist). The initial value is copied to every CPU's area.
 * (C++, clang: a structure needs an initialiser, PERCPU_DEFINE(struct runq, runq) = {}.)
 * PERCPU_DECLARE(type, name) declares it, in a header. The storage symbol is
 * __PERCPU_<name>: a use of the bare name does not compile.
 */
#define PERCPU_DEFINE(type, name) PERCPU__VARIABLE(PERCPU__SECTION(#name), type) __PERCPU_##name
#define PERCPU_DECLARE(type, name)                                                                 \
    extern PERCPU__HIDDEN PERCPU__MODEL __typeof__(type) __PERCPU_##name

/* The same with a cache line (64 bytes) of its own, for data that other CPUs write too. */
#define PERCPU_DEFINE_ISOLATED(type, name)                                                         \
    PERCPU__VARIABLE(PERCPU__SECTION_ISOLATED, type)                                               \
    __attribute__((aligned(PERCPU_CACHE_LINE))) __PERCPU_##name

/*
 * The same in the first 2 KiB of the area, where an access is one instruction on riscv and
 * loongarch64 (with PERCPU_ZERO_VMA). Overflow of the 2 KiB is a link error. Scalars and
 * structures; a header declares such a variable with PERCPU_DECLARE_NEAR. (It is const to the
 * compiler: GCC's -Wc++-compat asks for an initialiser.)
 */
#define PERCPU_DEFINE_NEAR(type, name)                                                             \
    PERCPU__NEAR PERCPU__VARIABLE(PERCPU__SECTION_NEAR, type) __PERCPU_##name
#define PERCPU_DECLARE_NEAR(type, name)                                                            \
    extern PERCPU__HIDDEN PERCPU__MODEL PERCPU__NEAR __typeof__(type) __PERCPU_##name

/*
 * `T PERCPU *p` is a per-CPU pointer: it designates a variable on all CPUs at once and is never
 * dereferenced. percpu_addr() makes one; the operations with the suffix _at take one. The
 * annotation is for readers and for sparse(1), which reports a dereference.
 */
#ifdef __CHECKER__
#define PERCPU __attribute__((noderef, address_space(__PERCPU)))
#define PERCPU__FORCE __attribute__((force)) /* a cast that is meant */
#else
#define PERCPU
#define PERCPU__FORCE
#endif

/* ==== Start =========================================================================== */

enum percpu_error {
    PERCPU_ENULL = 1,   /* the base is a null pointer */
    PERCPU_EALIGN,      /* the base is not aligned as percpu_area_layout_expected() says */
    PERCPU_ECOUNT,      /* zero CPUs, or more than PERCPU_MAX_CPUS */
    PERCPU_EOVERFLOW,   /* the areas' size or end does not fit the address space */
    PERCPU_ERANGE,      /* no such CPU: it has no area, or its number is too large */
    PERCPU_EDELTA,      /* the per-CPU register cannot hold the distance to this memory */
    PERCPU_EVMA,        /* linked at VMA 0 without PERCPU_ZERO_VMA, or the reverse */
    PERCPU_ENOTEMPLATE, /* the template was not loaded (NOLOAD), or was used as an area before */
    PERCPU_ENOMEM,      /* the system has no memory, or the linked section no room for an area */
    PERCPU_EBUSY,       /* another living thread plays this CPU, or CPUs are still in use */
    PERCPU_ENOTINIT,    /* percpu_init() or percpu_init_in_place() has not succeeded yet */
    PERCPU_ESYS,        /* the system refused a call that must not fail */
    PERCPU_EOVERLAP,    /* the memory overlaps the template or another area */
    PERCPU_EEL,         /* aarch64: the CPU runs at another exception level: PERCPU_ARM_EL2, _EL3 */
    PERCPU_ERESTART,    /* PERCPU_RESTART: a bad table of sequences; percpu_restart_selftest() */
    PERCPU_EGP,         /* riscv: the program uses gp, the per-CPU register: see PERCPU_RISCV_TP */
    PERCPU_ERESERVE, /* a late CPU brings less dynamic memory than others have: <percpu/alloc.h> */
    PERCPU_EMODULE,  /* thread: shared libraries' variables have no room in the caller's memory */
    PERCPU_EOWN,     /* PERCPU_OWN_REGISTER: percpu_own_cpu() is the number of another CPU */
    PERCPU_EELSEWHERE, /* percpu_try_cmpxchg_on(): the caller's updates go to another CPU's copy */
};

/* A sentence for an error, given as returned (negative) or as in the enum. Never null. */
PERCPU__HIDDEN const char *percpu_strerror(int error);

#ifdef PERCPU_PLATFORM_RSEQ
/* Which way updates go in this process, and why. PERCPU_VERBOSE=1 in the environment prints it. */
PERCPU__HIDDEN const char *percpu_info(void);
#endif

/* Bytes, and the alignment of the first one. */
struct percpu_layout {
    size_t size;
    size_t align;
};

/*
 * What percpu_init() needs for cpu_count areas; page alignment is recommended. Both members are
 * 0 when cpu_count is 0 or the size would overflow. May be called before initialisation.
 */
PERCPU__HIDDEN struct percpu_layout percpu_area_layout_expected(size_t cpu_count);

/*
 * Initialise the areas: copy the template into each, mark each with its CPU number.
 * percpu_init_in_place() uses the memory that the linker script reserved (bare), memory from
 * the system for every configured CPU (thread), or the variables themselves (single).
 * percpu_init() uses the caller's memory, percpu_area_layout_expected(cpu_count) of it, which
 * must stay valid until percpu_fini().
 *
 * Returns the number of areas; 0 when they were already initialised (nothing is touched, and
 * PERCPU_DEBUG reports other arguments); or a negative enum percpu_error, and nothing has
 * changed. Of several concurrent callers one initialises; the others wait for it and get 0, or
 * try themselves when it failed. Not from interrupt or signal handlers.
 *
 * Both, and percpu_init_cpu() and percpu_fini(), may run before caches and MMU are on, and then use
 * no atomic instruction on aarch64 and arm: nothing else may call them meanwhile, and what they
 * wrote is the caller's to make visible to CPUs whose caches are on.
 */
PERCPU__HIDDEN int percpu_init_in_place(void);
PERCPU__HIDDEN int percpu_init(void *base, size_t cpu_count);

/*
 * Give one CPU an area of its own anywhere: a late CPU, a NUMA node's memory, a core's TCM. The
 * memory is percpu_area_layout_expected(1) in size and alignment. It may come before
 * percpu_init(), which then returns 0. Returns 1, 0 when the CPU has an area (nothing is
 * touched), or a negative enum percpu_error. Contexts as percpu_init().
 */
PERCPU__HIDDEN int percpu_init_cpu(size_t cpu, void *base);

/*
 * The calling CPU (thread: the calling thread) becomes CPU `cpu`: its register is set to the
 * CPU's area. Returns 0, or -PERCPU_ENOTINIT, -PERCPU_ERANGE, -PERCPU_EBUSY (thread: another
 * thread plays that CPU), -PERCPU_EEL, -PERCPU_EGP, -PERCPU_EOWN, -PERCPU_ESYS. Call it once on
 * each CPU, interrupts off. It may run before caches and MMU are on, and has no atomic instruction.
 */
PERCPU__HIDDEN int percpu_init_reg(size_t cpu);

/*
 * CPUs that are up: they have called percpu_up() and not percpu_down() since; a CPU may come back.
 * percpu_init_reg() calls percpu_up() where the architecture can tell that caches are on. A CPU
 * that came with caches off (aarch64, arm), or that set its register itself, calls it afterwards.
 * percpu_down() is for a CPU that is about to stop, before its caches are off.
 *
 * percpu_up() returns 0; -PERCPU_ENOTINIT; or -PERCPU_ERANGE when the register holds no area's
 * delta, as it does on a CPU that has not called percpu_init_reg(). The mark is in the CPU's own
 * area. It is written with release order and read with acquire order: who sees that a CPU is up
 * sees what that CPU wrote before it came up, and who sees that it is down, all that it did before.
 * Any context, with caches on; percpu_up() and percpu_down() with preemption off.
 *
 * thread: up while a thread plays the CPU and has not called percpu_down(). rseq: each CPU that has
 * an area, since threads may run on it at any time; percpu_up() and percpu_down() change nothing.
 * single: CPU 0.
 */
PERCPU__HIDDEN int percpu_up(void);
PERCPU__HIDDEN void percpu_down(void);
PERCPU__HIDDEN bool percpu_is_up(size_t cpu);

/*
 * The register, as an area's base address. Reading and writing back changes nothing. On thread,
 * 0 stands for "no CPU": percpu_write_reg(0) releases the CPU that percpu_init_reg() claimed.
 * percpu_write_reg() checks nothing. May be called before initialisation and, where an
 * architecture's notes in docs/semantics.md do not say otherwise, before caches and MMU are on.
 */
PERCPU__HIDDEN uintptr_t percpu_read_reg(void);
PERCPU__HIDDEN void percpu_write_reg(uintptr_t area_base);

/*
 * bare: the register itself, the delta of the calling CPU's area in bytes: percpu_symbol_vma(x)
 * plus it is the address of `x` there. For code that saves or loads the register by itself: entry
 * code, suspend, a hypervisor's host state (docs/entry.md). Contexts: those of percpu_read_reg().
 */
#ifdef PERCPU_PLATFORM_BARE
static inline uintptr_t percpu_read_delta(void);
#endif

/*
 * Return to the uninitialised state, for tests: memory that the library took is given back, the
 * calling CPU's register is cleared (thread), no other CPU may use per-CPU data any more.
 * Returns 0, -PERCPU_ENOTINIT, or -PERCPU_EBUSY (thread: other threads still play CPUs).
 */
PERCPU__HIDDEN int percpu_fini(void);

/* The number of areas; before initialisation what percpu_init_in_place() would make. */
PERCPU__HIDDEN size_t percpu_area_num(void);
/* Bytes of the template, not rounded up. */
PERCPU__HIDDEN size_t percpu_area_size(void);
/* The address of a CPU's area; 0 for a CPU that has none. */
PERCPU__HIDDEN uintptr_t percpu_area_base(size_t cpu);

/* The number of the calling CPU, from its area: one load. Needs the register. */
PERCPU__UNCOUNTED static inline size_t percpu_cpu_id(void);

/*
 * What a program may define, and a kernel provides and calls: percpu_panic(), percpu_panic_message,
 * percpu_preempt_disable() and _enable(), percpu_restart_pc(), percpu_restart_selftest().
 */
#include <percpu/detail/hooks.h>

/* ==== Use, on the current CPU ========================================================= */

/*
 * `var` is a per-CPU variable's name, or a member or element of it: stats.rx, queue[i].len. The
 * name is pasted unexpanded, so a variable may share its name with a macro; an index may not
 * use the same percpu_ macro again.
 *
 * read, write: integers, bool, enums and pointers of 1, 2, 4 or 8 bytes, untorn; the compiler
 * neither drops nor repeats them. The _raw forms take no guard: the caller keeps itself on its
 * CPU. Structures are used through pointers. Operands are evaluated once, in no order.
 */
#define percpu_read(var) PERCPU__ON(__PERCPU_##var, PERCPU__READ, percpu__read)
#define percpu_write(var, value) PERCPU__ON(__PERCPU_##var, PERCPU__WRITE, percpu__write, value)
#define percpu_read_raw(var) PERCPU__ON(__PERCPU_##var, PERCPU__READ, percpu__read_raw)
#define percpu_write_raw(var, value)                                                               \
    PERCPU__ON(__PERCPU_##var, PERCPU__WRITE, percpu__write_raw, value)

/* A write with release order, for percpu_remote_read_acquire(): <percpu/remote.h>. */
#define percpu_write_release(var, value)                                                           \
    PERCPU__ON(__PERCPU_##var, PERCPU__WRITE, percpu__write_release, value)

/*
 * A read of what stays the same for the calling thread on whatever CPU it runs: `current`, which
 * the kernel writes for the thread that it switches to. Not volatile: the compiler may use one read
 * for several, move it, and drop it; a write or an update of the variable, and a call of a function
 * that it cannot see into, come between two reads. Not for what differs between CPUs, as their
 * numbers, nor in the function that switches threads, nor in a loop that waits: docs/semantics.md.
 */
#define percpu_read_stable(var) PERCPU__ON(__PERCPU_##var, PERCPU__READ, percpu__read_stable)

/*
 * Updates: none made on this CPU is lost, whether preemption, an interrupt or a signal comes
 * between, and no other CPU's copy is touched. Integers of 1, 2, 4 or 8 bytes; the operand is
 * converted to the variable's type first, as `var += n` does. Overflow wraps.
 *   add sub inc dec and or xor       no result (in programs add also of float and double)
 *   add_return and the like          the new value
 *   fetch_add                        the old value
 *   add_unless(var, n, mask)         true: (var & mask) was 0, and n is added; false: nothing is
 *   max(var, v), min(var, v)         the variable becomes the larger (smaller) of its value and v
 * For integers, bool, enums and pointers:
 *   xchg(var, v), cmpxchg(var, old, new)    the old value
 *   try_cmpxchg(var, &old, new)             true when it was `old` and is `new` now; else `old`,
 *                                           of the variable's type, gets what it was
 */
#define percpu_add(var, n) PERCPU__ON(__PERCPU_##var, PERCPU__ADD, n)
#define percpu_sub(var, n) PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE, percpu__sub, n)
#define percpu_inc(var) PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE, percpu__add, 1)
#define percpu_dec(var) PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE, percpu__sub, 1)
#define percpu_and(var, n) PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE, percpu__bit_and, n)
#define percpu_or(var, n) PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE, percpu__bit_or, n)
#define percpu_xor(var, n) PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE, percpu__bit_xor, n)
#define percpu_add_return(var, n) PERCPU__ON(__PERCPU_##var, PERCPU__RESULT, percpu__add_return, n)
#define percpu_sub_return(var, n) PERCPU__ON(__PERCPU_##var, PERCPU__RESULT, percpu__sub_return, n)
#define percpu_inc_return(var) PERCPU__ON(__PERCPU_##var, PERCPU__RESULT, percpu__add_return, 1)
#define percpu_dec_return(var) PERCPU__ON(__PERCPU_##var, PERCPU__RESULT, percpu__sub_return, 1)
#define percpu_fetch_add(var, n) PERCPU__ON(__PERCPU_##var, PERCPU__RESULT, percpu__fetch_add, n)
#define percpu_add_unless(var, n, mask) PERCPU__ON(__PERCPU_##var, PERCPU__ADD_UNLESS, n, mask)
#define percpu_max(var, v) PERCPU__ON(__PERCPU_##var, PERCPU__EXTREME, percpu__max, v)
#define percpu_min(var, v) PERCPU__ON(__PERCPU_##var, PERCPU__EXTREME, percpu__min, v)
#define percpu_xchg(var, value) PERCPU__ON(__PERCPU_##var, PERCPU__XCHG, value)
#define percpu_cmpxchg(var, old, new_value)                                                        \
    PERCPU__ON(__PERCPU_##var, PERCPU__CMPXCHG, old, new_value)
#define percpu_try_cmpxchg(var, old, new_value)                                                    \
    PERCPU__ON(__PERCPU_##var, PERCPU__TRY_CMPXCHG, old, new_value)

/* The address in this CPU's area; valid while the caller stays on its CPU. */
#define percpu_current_ptr(var) PERCPU__ON(__PERCPU_##var, PERCPU__CURRENT_PTR, percpu__current_ptr)

/*
 * percpu_with_current(var, p) { ... p->x ... }: a block with `p` pointing into this CPU's area
 * and the guard held. The guard is released on every way out: the end, break, continue, return
 * and goto. Blocks nest. Not with longjmp. On rseq the caller sleeps while another thread's block
 * has the area; when it has waited in vain for a second, as in a deadlock, its block works on the
 * area that belongs to no CPU: docs/rseq.md.
 * percpu_with_current_irq(var, p): the same with interrupts off (bare, single; a hosted single
 * program's interrupts are its signals).
 */
#define percpu_with_current(var, p) PERCPU__ON(__PERCPU_##var, PERCPU__WITH, percpu__guard_take, p)
#define percpu_with_current_irq(var, p)                                                            \
    PERCPU__ON(__PERCPU_##var, PERCPU__WITH, percpu__guard_irq, p)

/*
 * percpu_try_with_current(var, p) { ... } else { ... }: the same, but does not wait. The `else`,
 * which may be left out, is for a guard that is not free: on rseq another thread's block has the
 * area; elsewhere a guard is always free. It counts as an `if`: in `if (a)
 * percpu_try_with_current() {} else {}` the `else` is not that of `if (a)`, and compilers ask for
 * braces. For signal handlers in programs with a lock that is taken in blocks (malloc()'s, say),
 * where a handler's block would wait for the owner of what it interrupts.
 */
#define percpu_try_with_current(var, p) PERCPU__ON(__PERCPU_##var, PERCPU__TRY_WITH, p)

/*
 * Back to the template's value, on the current CPU, under the guard. A scalar is written in one
 * piece; an interrupt may see a larger object half done. Needs a linker script that
 * keeps the template (ours do; others get a link error: undefined _percpu_template). A structure
 * that ends with a flexible array does not compile: its type does not say how many bytes it has.
 */
#define percpu_reset_to_init(var) percpu_reset_to_init_at(PERCPU__VAR(__PERCPU_##var))

/* ==== Use, on any CPU ================================================================= */

/*
 * The address on CPU `cpu`; null for a CPU without an area, also under misspeculation. What other
 * CPUs do with the data meanwhile is the caller's business. _raw checks nothing.
 */
#define percpu_remote_ptr(var, cpu)                                                                \
    PERCPU__ON(__PERCPU_##var, PERCPU__REMOTE_PTR, percpu__remote, cpu)
#define percpu_remote_ptr_raw(var, cpu)                                                            \
    PERCPU__ON(__PERCPU_##var, PERCPU__REMOTE_PTR, percpu__remote_raw, cpu)

/*
 * One untorn access to the copy of CPU `cpu`. For a CPU without an area PERCPU_DEBUG calls
 * percpu_panic(); otherwise, and when that returns, the program traps.
 */
#define percpu_remote_read(var, cpu) PERCPU__ON(__PERCPU_##var, PERCPU__REMOTE_READ, cpu)
#define percpu_remote_write(var, cpu, value)                                                       \
    PERCPU__ON(__PERCPU_##var, PERCPU__REMOTE_WRITE, cpu, value)

/* percpu_for_each(cpu) { ... } runs for each CPU that has an area; declares size_t cpu. */
#define percpu_for_each(cpu)                                                                       \
    for (size_t cpu = percpu__next_cpu(0); cpu != PERCPU__NO_CPU; cpu = percpu__next_cpu(cpu + 1))

/* The same for each CPU that is up: percpu_is_up(). Others may come and go meanwhile. */
#define percpu_for_each_up(cpu)                                                                    \
    for (size_t cpu = percpu__next_up(0); cpu != PERCPU__NO_CPU; cpu = percpu__next_up(cpu + 1))

/*
 * The sum over all CPUs, in the variable's type, of integers modulo 2^n. It is no snapshot. In
 * programs also of float and double: the sum is made in double.
 */
#define percpu_sum(var) PERCPU__ON(__PERCPU_##var, PERCPU__SUM, percpu__sum)

/* Offset in the area; link address; offset in the area of any symbol in the template. */
#define percpu_offset(var) percpu__offset(PERCPU__REINTERPRET(uintptr_t, &__PERCPU_##var))
#define percpu_symbol_vma(var) PERCPU__REINTERPRET(uintptr_t, &__PERCPU_##var)
#define percpu_symbol_offset(symbol) percpu__offset(PERCPU__REINTERPRET(uintptr_t, &(symbol)))

/* ==== Per-CPU pointers ================================================================ */

/* The variable on all CPUs: T PERCPU *. A constant expression on bare and single. */
#define percpu_addr(var) PERCPU__ADDR(__PERCPU_##var)

/* The operations above on a per-CPU pointer `p`, e.g. percpu_read_at(&p->rx). */
#define percpu_read_at(p) PERCPU__READ(p, PERCPU__POINTER, percpu__read)
#define percpu_read_stable_at(p) PERCPU__READ(p, PERCPU__POINTER, percpu__read_stable)
#define percpu_write_at(p, value) PERCPU__WRITE(p, PERCPU__POINTER, percpu__write, value)
#define percpu_write_release_at(p, value)                                                          \
    PERCPU__WRITE(p, PERCPU__POINTER, percpu__write_release, value)
#define percpu_read_raw_at(p) PERCPU__READ(p, PERCPU__POINTER, percpu__read_raw)
#define percpu_write_raw_at(p, value) PERCPU__WRITE(p, PERCPU__POINTER, percpu__write_raw, value)
#define percpu_add_at(p, n) PERCPU__ADD(p, PERCPU__POINTER, n)
#define percpu_sub_at(p, n) PERCPU__UPDATE(p, PERCPU__POINTER, percpu__sub, n)
#define percpu_inc_at(p) PERCPU__UPDATE(p, PERCPU__POINTER, percpu__add, 1)
#define percpu_dec_at(p) PERCPU__UPDATE(p, PERCPU__POINTER, percpu__sub, 1)
#define percpu_and_at(p, n) PERCPU__UPDATE(p, PERCPU__POINTER, percpu__bit_and, n)
#define percpu_or_at(p, n) PERCPU__UPDATE(p, PERCPU__POINTER, percpu__bit_or, n)
#define percpu_xor_at(p, n) PERCPU__UPDATE(p, PERCPU__POINTER, percpu__bit_xor, n)
#define percpu_add_return_at(p, n) PERCPU__RESULT(p, PERCPU__POINTER, percpu__add_return, n)
#define percpu_sub_return_at(p, n) PERCPU__RESULT(p, PERCPU__POINTER, percpu__sub_return, n)
#define percpu_inc_return_at(p) percpu_add_return_at(p, 1)
#define percpu_dec_return_at(p) percpu_sub_return_at(p, 1)
#define percpu_fetch_add_at(p, n) PERCPU__RESULT(p, PERCPU__POINTER, percpu__fetch_add, n)
#define percpu_add_unless_at(p, n, mask) PERCPU__ADD_UNLESS(p, PERCPU__POINTER, n, mask)
#define percpu_max_at(p, v) PERCPU__EXTREME(p, PERCPU__POINTER, percpu__max, v)
#define percpu_min_at(p, v) PERCPU__EXTREME(p, PERCPU__POINTER, percpu__min, v)
#define percpu_xchg_at(p, value) PERCPU__XCHG(p, PERCPU__POINTER, value)
#define percpu_cmpxchg_at(p, old, new_value) PERCPU__CMPXCHG(p, PERCPU__POINTER, old, new_value)
#define percpu_try_cmpxchg_at(p, old, new_value)                                                   \
    PERCPU__TRY_CMPXCHG(p, PERCPU__POINTER, old, new_value)
#define percpu_current_ptr_at(p) PERCPU__CURRENT_PTR(p, PERCPU__POINTER, percpu__current_ptr)
#define percpu_with_current_at(p, q) PERCPU__WITH(p, PERCPU__POINTER, percpu__guard_take, q)
#define percpu_try_with_current_at(p, q) PERCPU__TRY_WITH(p, PERCPU__POINTER, q)
#define percpu_with_current_irq_at(p, q) PERCPU__WITH(p, PERCPU__POINTER, percpu__guard_irq, q)
#define percpu_reset_to_init_at(p) PERCPU__RESET(p)
#define percpu_remote_ptr_at(p, cpu) PERCPU__REMOTE_PTR(p, PERCPU__POINTER, percpu__remote, cpu)
#define percpu_remote_ptr_raw_at(p, cpu)                                                           \
    PERCPU__REMOTE_PTR(p, PERCPU__POINTER, percpu__remote_raw, cpu)
#define percpu_remote_read_at(p, cpu) PERCPU__REMOTE_READ(p, PERCPU__POINTER, cpu)
#define percpu_remote_write_at(p, cpu, value) PERCPU__REMOTE_WRITE(p, PERCPU__POINTER, cpu, value)
#define percpu_sum_at(p) PERCPU__SUM(p, PERCPU__POINTER, percpu__sum)

#include <percpu/fence.h>
#include <percpu/remote.h>

/* The bodies: how the platform finds the area, what the architecture does better, the rest. */
#include <percpu/detail/bodies.h>

#ifdef __cplusplus
}
#endif

#endif
