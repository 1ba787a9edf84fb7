/* SPDX-License-Identifier: MIT */
/* rseq, single: areas exist before anybody asks for them, and take no memory of the caller. */
#include "internal.h"

#if defined(PERCPU_PLATFORM_SINGLE) || defined(PERCPU_PLATFORM_RSEQ)

int percpu_init_in_place(void)
{
    return percpu__init_existing();
}

int percpu_init_with(void *base, size_t cpu_count, size_t reserve)
{
    (void)base;
    (void)cpu_count;
    (void)reserve;
    return percpu__init_existing();
}

struct percpu_layout percpu_area_layout_expected_with(size_t cpu_count, size_t reserve)
{
    (void)cpu_count;
    (void)reserve;
    return (struct percpu_layout){0, 0};
}

int percpu_init_cpu_with(size_t cpu, void *base, size_t reserve)
{
    (void)base;
    (void)reserve;
    return cpu < percpu__limit ? percpu__init_existing() : -PERCPU_ERANGE;
}

int percpu_init_reg(size_t cpu)
{
    return cpu < percpu__limit ? 0 : -PERCPU_ERANGE;
}

void percpu_write_reg(uintptr_t area_base)
{
    (void)area_base;
}

size_t percpu_area_num(void)
{
    return percpu__limit;
}

#endif
