/* SPDX-License-Identifier: MIT */
/*
 * bare: kernels, hypervisors, unikernels. The architecture's per-CPU register holds the delta;
 * the linker script (ld/) provides the template and its symbols.
 */
#ifndef PERCPU_DETAIL_PLATFORM_BARE_H
#define PERCPU_DETAIL_PLATFORM_BARE_H

#define PERCPU__USE_REGISTER 1

/* The register holds a delta. Also from the architecture: may it hold this one? */
PERCPU__INLINE uintptr_t percpu__reg_read(void);
PERCPU__INLINE void percpu__reg_write(uintptr_t delta);
PERCPU__INLINE bool percpu__reg_holds(uintptr_t delta);

/*
 * Is the register the one of the mode in which this CPU runs? 0, or a negative enum percpu_error.
 */
PERCPU__INLINE int percpu__reg_check(void);

#include PERCPU__ARCH_HEADER

#ifndef percpu__current
PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    (void)near;
    return (uintptr_t)p + percpu__reg_read();
}
#endif

#ifndef percpu__reg_holds
PERCPU__INLINE bool percpu__reg_holds(uintptr_t delta)
{
    (void)delta;
    return true;
}
#endif

#ifndef percpu__reg_check
PERCPU__INLINE int percpu__reg_check(void)
{
    return 0;
}
#endif

/* The pristine template's load address. Only linker scripts that keep one define it. */
extern const char _percpu_template[] PERCPU__HIDDEN;

PERCPU__INLINE void percpu__reset(void *p, size_t size)
{
    percpu__reset_from((uintptr_t)_percpu_template + percpu__offset((uintptr_t)p), p, size);
}

#endif
