/* SPDX-License-Identifier: MIT */
/* percpu_area_info(): who works on an area. */
#include "areas.h"

#include <percpu/info.h>

#if defined(PERCPU_PLATFORM_BARE) || defined(PERCPU_PLATFORM_SINGLE)
void percpu__describe_area(size_t cpu, volatile struct percpu_area_state *info)
{
    (void)cpu;
    (void)info;
}
#endif

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_SINGLE)
static bool percpu__has_area(size_t cpu)
{
    return cpu < percpu__limit;
}
#endif

int percpu_area_info(size_t cpu, struct percpu_area_state *info, size_t size)
{
    /* The accesses are volatile, or compilers would make calls of memset() of them. */
    volatile struct percpu_area_state found;
    volatile unsigned char *to = (volatile unsigned char *)info;

    if (!percpu__has_area(cpu))
        return -PERCPU_ERANGE;
    found.owner = 0;
    found.flags = percpu_is_up(cpu) ? PERCPU_AREA_UP : 0;
    for (size_t i = 0; i < sizeof(found.users) / sizeof(found.users[0]); i++)
        found.users[i] = 0;
    percpu__describe_area(cpu, &found);
    for (size_t i = 0; i < size; i++)
        to[i] = i < sizeof(found) ? ((const volatile unsigned char *)&found)[i] : 0;
    return 0;
}
