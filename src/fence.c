/* SPDX-License-Identifier: MIT */
/* bare, single: fences. */
#include "areas.h"

#if defined(PERCPU_PLATFORM_BARE) && defined(PERCPU_CALL)

static void nothing(void *unused)
{
    (void)unused;
}

int percpu_fence_cpu(size_t cpu)
{
    uintptr_t state;
    bool is_own;

    if (!percpu__has_area(cpu))
        return -PERCPU_ERANGE;
    state = percpu__irq_save();
    is_own = cpu == percpu_cpu_id();
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    percpu__irq_restore(state);
    if (!is_own)
        (void)percpu_call_cpu(cpu, nothing, NULL);
    return 0;
}

int percpu_fence(void)
{
    percpu_for_each(cpu) {
        (void)percpu_fence_cpu(cpu);
    }
    return 0;
}

#elif defined(PERCPU_PLATFORM_SINGLE)

int percpu_fence_cpu(size_t cpu)
{
    percpu__barrier();
    return cpu == 0 ? 0 : -PERCPU_ERANGE;
}

int percpu_fence(void)
{
    percpu__barrier();
    return 0;
}

bool percpu_has_fence(void)
{
    return true;
}

bool percpu_has_sequences(void)
{
    return false;
}

#endif
