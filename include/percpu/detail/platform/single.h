/* SPDX-License-Identifier: MIT */
/*
 * single: there is only one CPU. A per-CPU variable is a plain global: no register, no areas.
 */

#if __STDC_HOSTED__
/* The interrupts of a hosted program are its signals. */
PERCPU__HIDDEN uintptr_t percpu__signals_block(void);
PERCPU__HIDDEN void percpu__signals_unblock(uintptr_t state);
PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    return percpu__signals_block();
}
PERCPU__INLINE void percpu__irq_restore(uintptr_t state)
{
    percpu__signals_unblock(state);
}
#define percpu__irq_save percpu__irq_save
#define percpu__irq_restore percpu__irq_restore
#endif

#if !__STDC_HOSTED__ && defined(PERCPU__ARCH_IRQ)
#include PERCPU__ARCH_IRQ
#endif

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return (uintptr_t)p;
}
#define percpu__current percpu__current

/* An architecture whose updates are one instruction each uses these also without the register. */
#ifdef PERCPU__ARCH_USER_REGISTER
#include PERCPU__ARCH_ACCESS
#endif

/* No preemption and no other CPU: no access needs a guard. */
#undef PERCPU__ONE_INSTRUCTION
#define PERCPU__ONE_INSTRUCTION(size, where) true

/*
 * Distance from a variable to its initial value. The copy of initial values is made before main()
 * (hosted), or by percpu_init*() (freestanding) in the slot that the linker script keeps. With a
 * script that keeps none, the reset's reference to _percpu_template does not link.
 */
PERCPU__HIDDEN uintptr_t percpu__pristine(const void *p);

PERCPU__INLINE void percpu__reset(void *p, size_t size)
{
#if !__STDC_HOSTED__
    extern const char _percpu_template[] PERCPU__HIDDEN;
    __asm__ volatile("" : : "r"(_percpu_template));
#endif
    percpu__reset_from((uintptr_t)p + percpu__pristine(p), p, size);
}
