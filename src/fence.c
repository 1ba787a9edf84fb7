/* SPDX-License-Identifier: MIT */
/* bare, single: fences, and on bare calls of functions on other CPUs. */
#include "areas.h"

#if defined(PERCPU_PLATFORM_BARE) && defined(PERCPU_CALL)

static void nothing(void *unused)
{
    (void)unused;
}

int percpu__on_cpu(size_t cpu, void (*f)(void *arg), void *arg)
{
    static bool is_working; /* a caller, for a CPU that is down */
    uintptr_t state;
    bool is_own;

    if (!percpu__has_area(cpu))
        return -PERCPU_ERANGE;
    state = percpu__irq_save();
    is_own = cpu == percpu_cpu_id();
    if (is_own) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        f(arg);
    }
    percpu__irq_restore(state);
    if (is_own || percpu_call_cpu(cpu, f, arg) != 0)
        return 0;
    state = percpu__irq_save();
    while (__atomic_test_and_set(&is_working, __ATOMIC_ACQUIRE))
        percpu__relax();
    f(arg);
    __atomic_clear(&is_working, __ATOMIC_RELEASE);
    percpu__irq_restore(state);
    return 0;
}

int percpu_fence_cpu(size_t cpu)
{
    return percpu__on_cpu(cpu, nothing, NULL);
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
