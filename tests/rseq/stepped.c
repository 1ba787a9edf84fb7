/* SPDX-License-Identifier: MIT */
/* What tests/gdb.sh steps through: one operation per line. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include <sched.h>

static PERCPU_DEFINE(uint64_t, hits);
static PERCPU_DEFINE(uint32_t, last);

__attribute__((noinline)) static uint64_t count(uint64_t n)
{
    uint64_t now;

    percpu_add(hits, n);                 /* first */
    now = percpu_add_return(hits, 2);    /* second */
    percpu_write(last, (uint32_t)now);   /* third */
    percpu_try_cmpxchg(hits, &now, 100); /* fourth */
    return now;                          /* fifth */
}

int main(void)
{
    cpu_set_t one;
    uint64_t now;

    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return 2;
    now = count(1);
    now += count(1);
    return now != 106;
}
