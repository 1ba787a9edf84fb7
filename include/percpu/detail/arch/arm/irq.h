/* SPDX-License-Identifier: MIT */
/* arm: interrupts, IRQ by CPSR.I (ARM DDI 0406C, B1.3.3). FIQ stays on: it counts as NMI. */
#ifndef PERCPU_DETAIL_ARCH_ARM_IRQ_H
#define PERCPU_DETAIL_ARCH_ARM_IRQ_H

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t cpsr;
    __asm__ volatile("mrs %0, cpsr\n\tcpsid i" : "=r"(cpsr) : : "memory");
    return cpsr;
}
#define percpu__irq_save percpu__irq_save

PERCPU__INLINE void percpu__irq_restore(uintptr_t cpsr)
{
    __asm__ volatile("msr cpsr_c, %0" : : "r"(cpsr) : "memory");
}
#define percpu__irq_restore percpu__irq_restore

#endif
