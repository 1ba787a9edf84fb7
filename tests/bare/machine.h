/* SPDX-License-Identifier: MIT */
/*
 * The seam between the test programs and a machine. An architecture's folder supplies boot code and
 * the machine_ functions; bare.c supplies the rest. A program supplies bare_main().
 *
 * The boot code, on CPU 0: find the load address right, take MACHINE_STACK(0), zero __bss_start to
 * __bss_end, call bare_start(). On the others: take MACHINE_STACK(cpu), call bare_cpu_main(cpu).
 */
#ifndef MACHINE_H
#define MACHINE_H

#define MACHINE_MAX_CPUS 64
#define MACHINE_STACK_SIZE 0x20000 /* clang -O0 gives each temporary a place of its own */

#ifdef __ASSEMBLER__

/* One past the highest byte of CPU 0's stack. CPU n's lies n * MACHINE_STACK_SIZE higher. */
#define MACHINE_STACK_0 (bare_stacks + MACHINE_STACK_SIZE)

#else

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Supplied by the architecture. */

void machine_init(void); /* on CPU 0, first of all: console, exceptions, timer */
void machine_putc(char c);
size_t machine_cpu_count(void);        /* the CPUs that exist, from the machine's own tables */
void machine_start_cpus(void);         /* does not wait for them */
const char *machine_cmdline(void);     /* "" where there is none */
void machine_irq_on(void);             /* CPUs start with interrupts off */
bool machine_irq_off(void);            /* were they on? */
void machine_timer_start(unsigned hz); /* of the calling CPU; each tick calls bare_timer_tick() */
void machine_timer_stop(void);         /* no tick comes after the return, with interrupts off */
void machine_relax(void);              /* in loops that wait for another CPU */

/* The saved frame of an interrupted call of entry(arg), interrupts on, on the stack below `top`. */
uintptr_t machine_frame(uintptr_t top, void (*entry)(void *arg), void *arg);

/* The same in user mode, for a function that uses no stack. Not on x86_64. */
uintptr_t machine_user_frame(uintptr_t top, void (*entry)(void *arg), void *arg);

/*
 * Supplied by the architecture where it is worth while, with many CPUs: sleep until an interrupt or
 * a machine_wake() of another CPU, one that came since interrupts went off included; called and
 * returns with interrupts off. Otherwise machine_relax() and nothing.
 */
void machine_idle(void);
void machine_wake(void); /* all other CPUs */

/*
 * Supplied by the architecture where the answer is not always yes: may programs rely on atomic
 * instructions? Before MMU and caches are on emulators execute them, but not all hardware does.
 */
bool machine_atomics_work(void);

/*
 * Atomic instructions need MMU and caches. Turns caches on where neither was, off where both were,
 * and so that one is on alone; again: back. False where there is no such thing.
 */
bool machine_change_caches(void);

_Noreturn void machine_exit(int status); /* 0 or 1, nothing else: some machines know no more */

/* Supplied by the program. Its return value is the exit status. The other CPUs are up by then. */

int bare_main(void);

/* Supplied by bare.c. */

extern unsigned char bare_stacks[MACHINE_MAX_CPUS][MACHINE_STACK_SIZE];

_Noreturn void bare_start(void);
_Noreturn void bare_cpu_main(size_t cpu);

/*
 * The architecture's interrupt entry saves every register but the per-CPU one in a frame on the
 * stack, and calls these on each tick, interrupts off and the interrupt acknowledged. First this
 * one with the interrupted PC, and whether the kernel's mode was interrupted; the interrupted code
 * continues at the returned PC.
 */
uintptr_t bare_timer_tick(uintptr_t pc, bool kernel);

/* Then this one with the frame's address; it returns the address of the frame to return from. */
uintptr_t bare_next_frame(uintptr_t frame);

/*
 * Called by these where not NULL: on each tick, and to choose the PC, of the kernel's own code
 * only, and the frame to return to.
 */
extern void (*volatile bare_tick)(void);
extern uintptr_t (*volatile bare_return_pc)(uintptr_t pc);
extern uintptr_t (*volatile bare_switch)(uintptr_t frame);

/* Where not NULL: the answer of test_cpu() on stacks that are none of bare_stacks. */
extern size_t (*volatile bare_task_cpu)(void);

/* For exceptions that nobody expects, too: print vector, PC and fault address. Exits with 1. */
_Noreturn void bare_panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The words of the command line; the first is the program's name. */
extern int bare_argc;
extern char *bare_argv[];

/* printf() locks; the other two do not. The lock is also held against this CPU's interrupts. */
bool bare_print_lock(void);
void bare_print_unlock(bool irq_was_on);

/* %s %c %p %%, %d %i %u %x with l, ll, z and j, and a width padded with blanks or zeros. */
int printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
int putchar(int c);

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

#endif
#endif
