/* SPDX-License-Identifier: MIT */
/* bare, thread: what alloc.c asks about areas. */
#include "areas.h"

#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)

bool percpu__dynamic_memory(struct percpu__memory *memory)
{
    /*
     * `arriving` is read before the areas: if a CPU is no longer arriving, its area is found below.
     */
    uintptr_t late = __atomic_load_n(&percpu__areas->arriving, __ATOMIC_SEQ_CST), distances = 0;
    size_t home = percpu__next_cpu(0);
    bool is_there;

    if (home == PERCPU__NO_CPU)
        return false;
    /*
     * Hereafter a CPU without such memory is refused, unless one was added before (RESERVE_GONE).
     */
    is_there =
        percpu__reserve_becomes(RESERVE_USED) || percpu__areas->reserve_state != RESERVE_GONE;
    memory->delta = PERCPU__DELTAS[home];
    if (late != PERCPU__ABSENT)
        distances = late - PERCPU__DELTAS[home];
    percpu_for_each(cpu)
        distances |= PERCPU__DELTAS[cpu] - PERCPU__DELTAS[home];
    memory->align = percpu__align_with(distances & (PERCPU__RESERVE_ALIGN - 1) ? 0 : 1);
    memory->home = percpu__area_of(home) + percpu__reserve_offset();
    memory->is_systems = percpu__areas->reserve_state == RESERVE_USED;
    memory->size =
        is_there && percpu__areas->reserve != 0 ? percpu__stride() - percpu__reserve_offset() : 0;
    return true;
}

void percpu__alloc_tell(const struct percpu__alloc_hooks *hooks)
{
    __atomic_store_n(&percpu__areas->hooks, hooks, __ATOMIC_SEQ_CST);
}

void percpu__areas_lock(void)
{
    (void)percpu__init_enter();
}

void percpu__areas_unlock(void)
{
    percpu__init_leave(PERCPU__LIMIT != 0 ? READY : IDLE);
}

#endif
