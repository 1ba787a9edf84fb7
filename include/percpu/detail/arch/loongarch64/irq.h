/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: interrupts. CSR 0 is CRMD, bit 2 IE (LoongArch Reference Manual, volume 1, CRMD);
 * csrxchg swaps the bits of a mask.
 */

PERCPU__INLINE uintptr_t percpu__loong_ie(uintptr_t value)
{
    __asm__ volatile("csrxchg %0, %1, 0" : "+r"(value) : "r"((uintptr_t)4) : "memory");
    return value;
}

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    return percpu__loong_ie(0);
}
#define percpu__irq_save percpu__irq_save

PERCPU__INLINE void percpu__irq_restore(uintptr_t state)
{
    (void)percpu__loong_ie(state);
}
#define percpu__irq_restore percpu__irq_restore
