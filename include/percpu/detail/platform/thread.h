/* SPDX-License-Identifier: MIT */
/*
 * thread: a thread of a hosted program plays a CPU. Where user space has a register for it (GS
 * base on x86_64 Linux) accesses are a kernel's; elsewhere the delta is a thread-local word, and
 * no other thread can come between: each CPU is played by one thread at a time.
 */
#ifndef PERCPU_DETAIL_PLATFORM_THREAD_H
#define PERCPU_DETAIL_PLATFORM_THREAD_H

/* There are none to turn off. */
#define PERCPU__NO_INTERRUPTS 1

#if defined(__linux__) && defined(PERCPU__ARCH_USER_REGISTER)
#define PERCPU__USE_REGISTER 1
#include PERCPU__ARCH_HEADER
#else
extern PERCPU__HIDDEN __thread uintptr_t percpu__thread_delta;

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near)
{
    (void)near;
    uintptr_t address = (uintptr_t)p;
    __asm__("" : "+r"(address)); /* the copy is elsewhere: no bounds of the variable */
    return address + percpu__thread_delta;
}
#endif

/* The template stays where it is linked, and is never written. */
PERCPU__INLINE void percpu__reset(void *p, size_t size)
{
    percpu__reset_from((uintptr_t)p, p, size);
}

#endif
