/* SPDX-License-Identifier: MIT */
/*
 * CPUs that are up: from percpu_up() to percpu_down(). The mark lies in the head of the CPU's own
 * area, in a cache line that no other CPU writes to; on thread in the owner's head.
 */
#include "areas.h"

#if defined(PERCPU_PLATFORM_BARE) || defined(PERCPU_PLATFORM_THREAD)

/* The mark of a CPU; null if the CPU has no area. */
static uint32_t *mark_of(size_t cpu)
{
    return percpu__has_area(cpu) ? &percpu__head_at(PERCPU__DELTAS[cpu])->up : NULL;
}

int percpu_up(void)
{
    if (__atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE) == 0)
        return -PERCPU_ENOTINIT;
    if (!percpu__reg_valid())
        return -PERCPU_ERANGE;
    __atomic_store_n(mark_of(percpu_cpu_id()), 1, __ATOMIC_RELEASE);
    return 0;
}

void percpu_down(void)
{
    if (__atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE) != 0 && percpu__reg_valid())
        percpu__mark_down(percpu_cpu_id());
}

bool percpu_is_up(size_t cpu)
{
    const uint32_t *up = mark_of(cpu);
    return up && __atomic_load_n(up, __ATOMIC_ACQUIRE) != 0;
}

void percpu__mark_down(size_t cpu)
{
    uint32_t *up = mark_of(cpu);
    if (up)
        __atomic_store_n(up, 0, __ATOMIC_RELEASE);
}

#else

/* rseq, single: each CPU that has an area is always up. */
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
