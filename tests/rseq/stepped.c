/* SPDX-License-Identifier: MIT */
/* What tests/gdb.sh steps through: one operation per line. */
#include <percpu/percpu.h>

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
    uint64_t now = count(1);
    now += count(1);
    return now != 106;
}
