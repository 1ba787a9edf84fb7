/* SPDX-License-Identifier: MIT */
/*
 * Part of percpu.h: what a program may define, and what a kernel provides and calls.
 */

/*
 * What PERCPU_DEBUG builds call with a sentence that says what is wrong; every build does where
 * it has no other way to report (a system call failed, no initial value to go back to). The
 * library's own (weak) function prints it where there is somewhere to print to, and stops. Define
 * your own to do something else; if it returns, the operation goes on as without PERCPU_DEBUG. It
 * is of the program or shared library that it is linked into; others have theirs.
 *
 * It is called in any context, by any CPU, also by one whose register is not set: it should use no
 * per-CPU data (docs/semantics.md has an example). What does so nevertheless is not reported again:
 * a second report of the same CPU (thread) before percpu_panic() has returned traps, and one of the
 * trap's handler waits for a debugger, for ever. CPUs do not wait for each other. In a kernel it
 * returns or ends there; a program may leave it by longjmp().
 */
PERCPU__HIDDEN void percpu_panic(const char *message);

/* For a debugger: the message of the last call that the library made and that has not returned. */
extern PERCPU__HIDDEN const char *volatile percpu_panic_message;

/*
 * The kernel's: between the two the calling thread stays on its CPU. The library calls them in
 * pairs, from every context that its own callers have, interrupt handlers included. Pairs nest:
 * the inner ones end first. They may not use operations that call them.
 *
 * PERCPU_PREEMPT: the hooks count. PERCPU_PREEMPT_STATE: percpu_preempt_disable() answers what was
 * before, any number, and percpu_preempt_enable() gets the answer of its own pair and brings that
 * back: a kernel without a counter returns whether preemption was on, or an interrupt mask.
 * PERCPU_PREEMPT_IRQ: there are no hooks; the library masks interrupts itself, as
 * percpu_with_current_irq() does.
 */
#if defined(PERCPU_PREEMPT)
void percpu_preempt_disable(void);
void percpu_preempt_enable(void);
#elif defined(PERCPU_PREEMPT_STATE)
uintptr_t percpu_preempt_disable(void);
void percpu_preempt_enable(uintptr_t state);
#endif

/*
 * With PERCPU_RESTART, for the kernel's return from an exception, interrupt or NMI that came from
 * kernel mode, on every such return: the address to return to. It is `pc`, or, when `pc` lies in
 * one of the library's sequences, the sequence's start. A user program's `pc` must not be given
 * to it. Two comparisons outside of the kernel's sequences, else a binary search; before the first
 * percpu_init*() a walk through all of them. Touches no per-CPU data; any context.
 * docs/restart.md shows the line to add, for each architecture.
 */
#ifdef PERCPU_RESTART
PERCPU__HIDDEN uintptr_t percpu_restart_pc(uintptr_t pc);

/*
 * Does the return from the kernel's timer interrupt call percpu_restart_pc()? `ticks` is what that
 * interrupt counts, by any step, on the calling CPU. Waits in a sequence until the counter has
 * moved by 2 or more: 0 when the sequence was restarted meanwhile, -PERCPU_ERESTART when it was not
 * in three such waits. It does not return while the counter stands still.
 *
 * Call it once on each CPU, in kernel mode, interrupts on; before percpu_init*() or after. It may
 * be preempted. 0 at once where updates are one instruction and need no restart (x86_64).
 */
PERCPU__HIDDEN int percpu_restart_selftest(const volatile unsigned long *ticks);
#endif
