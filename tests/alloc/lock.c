/* SPDX-License-Identifier: MIT */
/* PERCPU_ALLOC_LOCK: a lock of the program's own; with UNLOCKED none, and the tests must see it. */
#include <percpu/alloc.h>

#include <stdatomic.h>

#if __STDC_HOSTED__
#include <sched.h>
#define wait_a_little sched_yield
#else
#include "machine.h"
#define wait_a_little machine_relax
#endif

#ifdef UNLOCKED

uintptr_t percpu_alloc_lock(void)
{
    return 0;
}

void percpu_alloc_unlock(uintptr_t state)
{
    (void)state;
}

#else

static atomic_flag taken = ATOMIC_FLAG_INIT;

uintptr_t percpu_alloc_lock(void)
{
    uintptr_t state = 0;
#if !__STDC_HOSTED__
    state = machine_irq_off();
#endif
    while (atomic_flag_test_and_set(&taken))
        wait_a_little();
    return state;
}

void percpu_alloc_unlock(uintptr_t state)
{
    atomic_flag_clear(&taken);
#if !__STDC_HOSTED__
    if (state)
        machine_irq_on();
#else
    (void)state;
#endif
}

#endif
