/* SPDX-License-Identifier: MIT */
/* riscv: interrupts, mstatus.MIE or sstatus.SIE (Privileged, by these names). */

/* clang-format off */
PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t status;
    __asm__ volatile("csrrci %0, " PERCPU__RISCV_STATUS ", %1"
                     : "=r"(status) : "i"(PERCPU__RISCV_IE) : "memory");
    return status;
}
#define percpu__irq_save percpu__irq_save

PERCPU__INLINE void percpu__irq_restore(uintptr_t status)
{
    __asm__ volatile("csrs " PERCPU__RISCV_STATUS ", %0"
                     : : "r"(status & PERCPU__RISCV_IE) : "memory");
}
/* clang-format on */
#define percpu__irq_restore percpu__irq_restore
