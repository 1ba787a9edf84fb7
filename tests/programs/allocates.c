/* SPDX-License-Identifier: MIT */
/* Per-CPU data that is dynamic, and none that is not. */
#include <percpu/alloc.h>

int main(void)
{
    unsigned long PERCPU *object;

#ifdef PERCPU_PLATFORM_THREAD
    if (percpu_init_in_place() <= 0 || percpu_init_reg(0) != 0)
        return 2;
#endif
    object = percpu_alloc(unsigned long);
    if (!object)
        return 3;
    percpu_inc_at(object);
    percpu_inc_at(object);
    return percpu_sum_at(object) != 2;
}
