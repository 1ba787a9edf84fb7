/* SPDX-License-Identifier: MIT */
/*
 * The guards that keep a caller on its CPU: around an access that takes several instructions, and
 * for a block. Part of bare, thread and single, where a block works on the current CPU's copy.
 *
 * A guard is a compiler barrier by itself: the kernel's hooks may be functions that the compiler
 * sees, of the same file, inline or by link-time optimisation, and no barriers.
 */

PERCPU__INLINE void percpu__preempt_off(void)
{
#ifdef PERCPU_PREEMPT
    percpu_preempt_disable();
    percpu__barrier();
#endif
}

PERCPU__INLINE void percpu__preempt_on(void)
{
#ifdef PERCPU_PREEMPT
    percpu__barrier();
    percpu_preempt_enable();
#endif
}

/* What a block holds: preemption off, or interrupts off. */
struct percpu__guard {
    bool irq;
    uintptr_t irq_state;
    size_t cpu; /* PERCPU_DEBUG: where it was taken */
};

PERCPU__INLINE struct percpu__guard percpu__guard_take(void)
{
    struct percpu__guard guard = {false, 0, 0};
    percpu__preempt_off();
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
        percpu__irq_restore(guard->irq_state);
        return;
    }
#endif
    (void)guard;
    percpu__preempt_on();
}

/* The address that a block works on. */
#define PERCPU__GUARDED_PTR(guard, p, where) PERCPU__CURRENT_PTR(p, where, percpu__current_ptr)
