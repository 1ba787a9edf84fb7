/* SPDX-License-Identifier: MIT */
/* PERCPU_OWN_REGISTER: interrupts, as the kernel masks them. */

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    return percpu_own_irq_save();
}
#define percpu__irq_save percpu__irq_save

PERCPU__INLINE void percpu__irq_restore(uintptr_t state)
{
    percpu_own_irq_restore(state);
}
#define percpu__irq_restore percpu__irq_restore
