/* SPDX-License-Identifier: MIT */
/* PERCPU_OWN_REGISTER: the register is the kernel's, or is derived from the CPU's number. */

#ifdef PERCPU_OWN_CPU
/*
 * Before initialisation percpu__delta holds 0, which leads to the template, as a register that was
 * never written does.
 */
PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    return percpu__delta[percpu_own_cpu()];
}

/* A CPU's number cannot be written: bare.c checks that percpu_own_cpu() is the expected one. */
PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    (void)delta;
}
#else
PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    return percpu_own_read();
}

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    percpu_own_write(delta);
}
#endif
#define percpu__reg_read percpu__reg_read
#define percpu__reg_write percpu__reg_write

#ifdef percpu_own_atomics_work
PERCPU__INLINE bool percpu__atomics_work(void)
{
    return percpu_own_atomics_work();
}
#define percpu__atomics_work percpu__atomics_work
#endif
