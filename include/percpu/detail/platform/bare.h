/* SPDX-License-Identifier: MIT */
/*
 * bare: kernels, hypervisors, unikernels. The architecture's per-CPU register holds the delta;
 * the linker script (ld/) provides the template and its symbols.
 */

#include PERCPU__ARCH_IRQ
#include PERCPU__ARCH_CPU
#ifdef PERCPU__ARCH_ACCESS
#include PERCPU__ARCH_ACCESS
#endif

static inline uintptr_t percpu_read_delta(void)
{
    return percpu__reg_read();
}

/* The pristine template's load address, defined by linker scripts that keep such a template. */
extern const char _percpu_template[] PERCPU__HIDDEN;

PERCPU__INLINE void percpu__reset(void *p, size_t size)
{
    percpu__reset_from((uintptr_t)_percpu_template + percpu__offset((uintptr_t)p), p, size);
}
