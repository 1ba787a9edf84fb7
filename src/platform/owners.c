/* SPDX-License-Identifier: MIT */
/* rseq, thread: the owners of areas, for percpu_area_info(). */
#include "process.h"

#include <percpu/info.h>

#ifdef PERCPU_PLATFORM_RSEQ

void percpu__note_user(size_t cpu)
{
    uintptr_t self = (uintptr_t)pthread_self();
    struct slot *slot;
    uint32_t next;

    if (cpu != percpu__state->cpus)
        return;
    slot = percpu__slot_of(cpu);
    for (size_t i = 0; i < USERS_OF_LAST; i++)
        if (__atomic_load_n(&slot->users[i], __ATOMIC_RELAXED) == self)
            return;
    next = __atomic_fetch_add(&slot->next_user, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->users[next % USERS_OF_LAST], self, __ATOMIC_RELAXED);
}

void percpu__describe_area(size_t cpu, volatile struct percpu_area_state *info)
{
    const struct slot *slot = percpu__slot_of(cpu);
    uint32_t owner = __atomic_load_n(&slot->owner, __ATOMIC_RELAXED);
    uintptr_t lists = __atomic_load_n(&slot->lists, __ATOMIC_RELAXED);

    info->owner = owner & ~WAITED;
    if (owner & WAITED)
        info->flags |= PERCPU_AREA_WAITED;
    if (lists != 0)
        info->flags |= PERCPU_AREA_LISTS;
    if (lists & LISTS_WAITED)
        info->flags |= PERCPU_AREA_LISTS_WAITED;
    if (cpu != percpu__state->cpus)
        return;
    info->flags |= PERCPU_AREA_LAST;
    for (size_t i = 0; i < USERS_OF_LAST; i++)
        info->users[i] = __atomic_load_n(&slot->users[i], __ATOMIC_RELAXED);
}

#endif

#ifdef PERCPU_PLATFORM_THREAD

void percpu__describe_area(size_t cpu, volatile struct percpu_area_state *info)
{
    info->owner = (uint32_t)__atomic_load_n(&percpu__state->claims[cpu], __ATOMIC_RELAXED);
}

#endif
