/* SPDX-License-Identifier: MIT */
/* Per-CPU data, and the end: abort(3), which makes a core file. */
#include <percpu/alloc.h>

#include <stdlib.h>

static PERCPU_DEFINE(uint64_t, hits) = 3;

int main(void)
{
    uint64_t PERCPU *object = percpu_alloc(uint64_t);

    percpu_inc(hits);
    if (object)
        percpu_inc_at(object);
    abort();
}
