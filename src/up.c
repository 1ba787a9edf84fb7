/* SPDX-License-Identifier: MIT */
/*
 * CPUs that are up: percpu_up() to percpu_down(). The mark lies in the head of the CPU's own area,
 * in a cache line that no other CPU writes to.
 */
#include "internal.h"

#if defined(PERCPU_PLATFORM_BARE) || defined(PERCPU_PLATFORM_THREAD)

#ifdef PERCPU_PLATFORM_THREAD
#define OF_THE_PROCESS(call) percpu__areas->call
#else
#define OF_THE_PROCESS(call) percpu__own_##call
#endif

int percpu__own_up(void)
{
    if (__atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) == 0)
        return -PERCPU_ENOTINIT;
    if (!percpu__reg_valid())
        return -PERCPU_ERANGE;
    __atomic_store_n(percpu_current_ptr(percpu__head.up), 1, __ATOMIC_RELEASE);
    return 0;
}

void percpu__own_down(void)
{
    if (__atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) != 0 && percpu__reg_valid())
        __atomic_store_n(percpu_current_ptr(percpu__head.up), 0, __ATOMIC_RELEASE);
}

bool percpu__own_is_up(size_t cpu)
{
    const uint32_t *up = percpu_remote_ptr(percpu__head.up, cpu);
    return up && __atomic_load_n(up, __ATOMIC_ACQUIRE) != 0;
}

void percpu__own_left(size_t cpu)
{
    uint32_t *up = percpu_remote_ptr(percpu__head.up, cpu);
    if (up)
        __atomic_store_n(up, 0, __ATOMIC_RELEASE);
}

int percpu_up(void)
{
    return OF_THE_PROCESS(up)();
}

void percpu_down(void)
{
    OF_THE_PROCESS(down)();
}

bool percpu_is_up(size_t cpu)
{
    return OF_THE_PROCESS(is_up)(cpu);
}

#else

/* rseq: whatever CPU the system lets threads run on. single: the only one. */
int percpu_up(void)
{
    return 0;
}

void percpu_down(void)
{
}

bool percpu_is_up(size_t cpu)
{
    return cpu < percpu__limit;
}

#endif

size_t percpu__next_up(size_t cpu)
{
    for (cpu = percpu__next_cpu(cpu); cpu != PERCPU__NO_CPU; cpu = percpu__next_cpu(cpu + 1))
        if (percpu_is_up(cpu))
            return cpu;
    return PERCPU__NO_CPU;
}
