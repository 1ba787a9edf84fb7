/* SPDX-License-Identifier: MIT */
/*
 * single: there is only one CPU. A per-CPU variable is a plain global: no register, no areas.
 */
#ifndef PERCPU_DETAIL_PLATFORM_SINGLE_H
#define PERCPU_DETAIL_PLATFORM_SINGLE_H

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
#elif defined(PERCPU__ARCH_HEADER)
#include PERCPU__ARCH_HEADER
#endif

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    (void)near;
    return (uintptr_t)p;
}

/* Plain accesses: one instruction wherever a scalar is no larger than a register. */
#define PERCPU__ONE_INSTRUCTION_READ 1
#define PERCPU__ONE_INSTRUCTION_WRITE 1

/*
 * Distance from a variable to its initial value: the copy that was made before main (hosted) or
 * by percpu_init*() (freestanding, in the slot that the linker script keeps: hence the symbol).
 */
PERCPU__HIDDEN uintptr_t percpu__pristine(void);

PERCPU__INLINE void percpu__reset(void *p, size_t size)
{
#if !__STDC_HOSTED__
    extern const char _percpu_template[];
    __asm__ volatile("" : : "r"(_percpu_template));
#endif
    percpu__reset_from((uintptr_t)p + percpu__pristine(), p, size);
}

#endif
