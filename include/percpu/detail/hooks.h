/* SPDX-License-Identifier: MIT */
/* Part of percpu.h: functions that a program may define, and that a kernel provides and calls. */

/*
 * PERCPU_DEBUG builds call percpu_panic() with a sentence that says what is wrong; other builds
 * only where they have no other way to report (a system call failed, no initial value to go back
 * to). The library's own (weak) definition prints the sentence where there is somewhere to print
 * to, and stops. A program may define its own; if percpu_panic() returns, the operation goes on as
 * without PERCPU_DEBUG. Each program and shared library calls the percpu_panic() that it is linked
 * with.
 *
 * percpu_panic() is called in any context, by any CPU, also by a CPU whose register is not set: it
 * should use no per-CPU data (docs/semantics.md has an example). If it does, a mistake in that use
 * is not reported again: a second report of the same CPU (thread) before percpu_panic() has
 * returned traps. In a kernel a third report, in the trap's handler, waits for a debugger, for
 * ever. CPUs do not wait for each other. In a kernel percpu_panic() returns, or stops the CPU; a
 * program may leave it by longjmp().
 */
PERCPU__HIDDEN void percpu_panic(const char *message);

/*
 * For a debugger: the message of the library's last call of percpu_panic() that has not returned.
 */
extern PERCPU__HIDDEN const char *volatile percpu_panic_message;

/*
 * Hooks of the kernel: between percpu_preempt_disable() and percpu_preempt_enable() the calling
 * thread stays on its CPU. The library calls the hooks in pairs, from every context that its own
 * callers have, interrupt handlers included. Pairs nest: the inner ones end first. The hooks may
 * not use operations that call them.
 *
 * PERCPU_PREEMPT: the hooks count their calls. PERCPU_PREEMPT_STATE: percpu_preempt_disable()
 * returns the state before the call, any number, and percpu_preempt_enable() restores the state
 * that the call of its own pair returned: a kernel without a counter returns whether preemption was
 * on, or an interrupt mask. PERCPU_PREEMPT_IRQ: there are no hooks; the library masks interrupts
 * itself, as percpu_with_current_irq() does.
 */
#if defined(PERCPU_PREEMPT)
void percpu_preempt_disable(void);
void percpu_preempt_enable(void);
#elif defined(PERCPU_PREEMPT_STATE)
uintptr_t percpu_preempt_disable(void);
void percpu_preempt_enable(uintptr_t state);
#endif

/*
 * PERCPU_RESTART: the kernel calls percpu_restart_pc() on every return from an exception, interrupt
 * or NMI to kernel mode with the address to return to, and returns to the result: the start of the
 * sequence that `pc` lies in, or `pc`. A user program's `pc` must not be passed. The call costs two
 * comparisons for a `pc` before the first or behind the last sequence, else a search in logarithmic
 * time; before the first percpu_init*() a walk through all sequences. It touches no per-CPU data
 * and may be made in any context. docs/restart.md shows the line to add, for each architecture.
 */
#ifdef PERCPU_RESTART
PERCPU__HIDDEN uintptr_t percpu_restart_pc(uintptr_t pc);

/*
 * Tests whether the return from the kernel's timer interrupt calls percpu_restart_pc(). `ticks` is
 * a counter that this interrupt moves, by any step, on the calling CPU. The function waits in a
 * sequence until the counter has moved by 2 or more. It returns 0 when the sequence was restarted
 * meanwhile, -PERCPU_ERESTART when three such waits passed without a restart, and does not return
 * while the counter stands still.
 *
 * Call the function once on each CPU, in kernel mode with interrupts on, before percpu_init*() or
 * after. The caller may be preempted. Where updates need no restart (x86_64) the function returns 0
 * at once.
 */
PERCPU__HIDDEN int percpu_restart_selftest(const volatile unsigned long *ticks);
#endif
