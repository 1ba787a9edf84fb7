/* SPDX-License-Identifier: MIT */
/*
 * The guards that keep a caller on its CPU: around an access that takes several instructions, and
 * for a block. For bare, thread and single, where a block works on the current CPU's copy.
 *
 * A guard is a compiler barrier by itself, since the kernel's hooks need not be barriers: the
 * compiler may see the hooks' bodies (in the same file, inline, or by link-time optimisation).
 */

/* True if percpu__preempt_off() turns preemption off. */
#if defined(PERCPU_PREEMPT) || defined(PERCPU_PREEMPT_STATE) || defined(PERCPU_PREEMPT_IRQ)
#define PERCPU__GUARDS true
#else
#define PERCPU__GUARDS false
#endif

/*
 * Turns preemption off, by the kernel's hooks or by the interrupt mask. The result is the state
 * that percpu__preempt_on() restores; 0 where hooks count by themselves.
 */
PERCPU__INLINE uintptr_t percpu__preempt_off(void)
{
#if defined(PERCPU_PREEMPT)
    percpu_preempt_disable();
    percpu__barrier();
    return 0;
#elif defined(PERCPU_PREEMPT_STATE)
    uintptr_t state = percpu_preempt_disable();
    percpu__barrier();
    return state;
#elif defined(PERCPU_PREEMPT_IRQ)
    return percpu__irq_save();
#else
    return 0;
#endif
}

PERCPU__INLINE void percpu__preempt_on(uintptr_t state)
{
    (void)state;
#if defined(PERCPU_PREEMPT)
    percpu__barrier();
    percpu_preempt_enable();
#elif defined(PERCPU_PREEMPT_STATE)
    percpu__barrier();
    percpu_preempt_enable(state);
#elif defined(PERCPU_PREEMPT_IRQ)
    percpu__irq_restore(state);
#endif
}

/* The state of a percpu_with_current() block: preemption is off, or interrupts are (irq). */
struct percpu__guard {
    bool irq;
    uintptr_t state; /* restored at the end of the block */
    size_t cpu;      /* PERCPU_DEBUG: the CPU at the begin of the block */
};

PERCPU__INLINE struct percpu__guard percpu__guard_take(void)
{
    struct percpu__guard guard = {false, percpu__preempt_off(), 0};
    percpu__barrier();
#ifdef PERCPU_DEBUG
    guard.cpu = percpu_cpu_id();
#endif
    return guard;
}

#ifdef percpu__irq_save
PERCPU__INLINE struct percpu__guard percpu__guard_irq(void)
{
    struct percpu__guard guard = {true, percpu__irq_save(), 0};
#ifdef PERCPU_DEBUG
    guard.cpu = percpu_cpu_id();
#endif
    return guard;
}
#endif

PERCPU__INLINE void percpu__guard_release(struct percpu__guard *guard)
{
    percpu__barrier();
#ifdef PERCPU_DEBUG
    if (guard->cpu != percpu_cpu_id())
        percpu__moved();
#endif
#ifdef percpu__irq_save
    if (guard->irq) {
        percpu__irq_restore(guard->state);
        return;
    }
#endif
    percpu__preempt_on(guard->state);
}

/* percpu_try_with_current(): preemption can always be turned off, so its guard is always free. */
#define percpu__guard_try percpu__guard_take
#define percpu__guard_try_release percpu__guard_release
#define percpu__guard_is_held(guard) ((void)(guard), true)

/* The address that a block works on. */
#define PERCPU__GUARDED_PTR(guard, p, where) PERCPU__CURRENT_PTR(p, where, percpu__current_ptr)
