/* SPDX-License-Identifier: MIT */
/*
 * x86_64: interrupts, RFLAGS.IF (Intel SDM vol. 3A, 7.8.1 "Masking Maskable Hardware Interrupts").
 */
#ifndef PERCPU_DETAIL_ARCH_X86_64_IRQ_H
#define PERCPU_DETAIL_ARCH_X86_64_IRQ_H

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t flags;
    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
    return flags;
}
#define percpu__irq_save percpu__irq_save

PERCPU__INLINE void percpu__irq_restore(uintptr_t flags)
{
    if (flags & 0x200)
        __asm__ volatile("sti" : : : "memory");
}
#define percpu__irq_restore percpu__irq_restore

#endif
