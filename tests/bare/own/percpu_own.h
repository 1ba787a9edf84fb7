/* SPDX-License-Identifier: MIT */
/*
 * What the tests' kernels provide with PERCPU_OWN_REGISTER. riscv64, which has a port, keeps the
 * delta in sscratch, which no instruction adds. Cortex-M, which has none, has one CPU and a word in
 * memory. Elsewhere it only has to compile.
 */
#ifndef PERCPU_OWN_H
#define PERCPU_OWN_H

#include <stddef.h>
#include <stdint.h>

#ifdef OWN_CPU /* the CPU's number, of the machine */
#define PERCPU_OWN_CPU 1
size_t own_cpu(void);
static inline size_t percpu_own_cpu(void)
{
    return own_cpu();
}
#elif defined(__riscv)
static inline uintptr_t percpu_own_read(void)
{
    uintptr_t delta;
    __asm__ volatile("csrr %0, sscratch" : "=r"(delta));
    return delta;
}
static inline void percpu_own_write(uintptr_t delta)
{
    __asm__ volatile("csrw sscratch, %0" : : "r"(delta) : "memory");
}
#else
extern volatile uintptr_t own_delta;
static inline uintptr_t percpu_own_read(void)
{
    return own_delta;
}
static inline void percpu_own_write(uintptr_t delta)
{
    own_delta = delta;
    __asm__ volatile("" : : : "memory");
}
#endif

#ifdef __riscv
static inline uintptr_t percpu_own_irq_save(void)
{
    uintptr_t status;
    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(status) : : "memory");
    return status;
}
static inline void percpu_own_irq_restore(uintptr_t status)
{
    __asm__ volatile("csrs sstatus, %0" : : "r"(status & 2) : "memory");
}
#elif defined(__arm__) && __ARM_ARCH_PROFILE == 'M'
static inline uintptr_t percpu_own_irq_save(void)
{
    uintptr_t primask;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask) : : "memory");
    return primask;
}
static inline void percpu_own_irq_restore(uintptr_t primask)
{
    __asm__ volatile("msr primask, %0" : : "r"(primask) : "memory");
}
#else
uintptr_t own_irq_save(void);
void own_irq_restore(uintptr_t state);
static inline uintptr_t percpu_own_irq_save(void)
{
    return own_irq_save();
}
static inline void percpu_own_irq_restore(uintptr_t state)
{
    own_irq_restore(state);
}
#endif

#endif
