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
#endif

/* A program takes what the architecture can do without privilege; a kernel takes all of it. */
#if defined(PERCPU__ARCH_USER_REGISTER) && __STDC_HOSTED__
#define PERCPU__NO_INTERRUPTS 1
#include PERCPU__ARCH_HEADER
#undef PERCPU__NO_INTERRUPTS
#elif defined(PERCPU__ARCH_HEADER) && !__STDC_HOSTED__
#include PERCPU__ARCH_HEADER
#endif

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    (void)near;
    return (uintptr_t)p;
}

/* There is nobody to be kept from. */
#undef PERCPU__ONE_INSTRUCTION
#define PERCPU__ONE_INSTRUCTION(p, size, near) true

/*
 * Distance from a variable to its initial value: the copy that was made before main (hosted) or
 * by percpu_init*() (freestanding, in the slot that the linker script keeps: hence the symbol).
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

#endif
