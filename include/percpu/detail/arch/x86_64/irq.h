/* SPDX-License-Identifier: MIT */
/*
 * x86_64: interrupts, RFLAGS.IF (Intel SDM vol. 3A, "Masking Maskable Hardware Interrupts").
 *
 * PUSHFQ, which reads RFLAGS, writes below the stack pointer: into the red zone, where without
 * -mno-red-zone a leaf function has its variables (System V x86-64 ABI, 3.2.2). Compilers do not
 * know of a PUSHFQ in an asm statement, but they know of the one in their builtin function: the
 * function around it gets no red zone. "+r" keeps the builtin's POP from having a memory operand: a
 * POP to memory relative to RSP gave wrong values under QEMU's -singlestep.
 */

#ifdef __CHECKER__ /* sparse does not know the builtin */
unsigned long long __builtin_ia32_readeflags_u64(void);
#endif

PERCPU__INLINE uintptr_t percpu__irq_save(void)
{
    uintptr_t flags = __builtin_ia32_readeflags_u64();
    __asm__ volatile("cli" : "+r"(flags) : : "memory");
    return flags;
}
#define percpu__irq_save percpu__irq_save

PERCPU__INLINE void percpu__irq_restore(uintptr_t flags)
{
    if (flags & 0x200)
        __asm__ volatile("sti" : : : "memory");
}
#define percpu__irq_restore percpu__irq_restore
