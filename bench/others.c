/* SPDX-License-Identifier: MIT */
/*
 * What the operations of gates, sums and fences cost, beside a plain increment and percpu_inc().
 *
 * usage: others [REPETITIONS]     (default 25, at least 9)
 */
#define _GNU_SOURCE
#include "table.h"

#include <percpu/percpu.h>

static PERCPU_DEFINE(uint64_t, counter);
static PERCPU_DEFINE(uint64_t, gate);
static PERCPU_DEFINE(uint64_t, highest) = UINT64_MAX;
static _Alignas(PERCPU_CACHE_LINE) uint64_t plain_counter;
static volatile uint64_t sink;

static inline uint64_t loop_over_copies(void)
{
    uint64_t sum = 0;

    percpu_for_each(cpu) {
        sum += percpu_remote_read(counter, cpu);
    }
    return sum;
}

static inline void or_and(void)
{
    (void)percpu_remote_or(gate, 0, 1);
    (void)percpu_remote_and(gate, 0, ~(uint64_t)1);
}

LOOP(plain, 8, uint64_t *p = unknown(&plain_counter), ++*p; __asm__ volatile("" : "+m"(*p)))
LOOP(inc, 8, , percpu_inc(counter))
LOOP(add_unless, 8, , (void)percpu_add_unless(gate, 2, 1))
LOOP(maximum, 8, , percpu_max(highest, i))
LOOP(release, 8, , percpu_write_release(counter, i))
LOOP(acquire, 8, , sink = percpu_remote_read_acquire(counter, 0))
LOOP(sum, 8, , sink = percpu_sum(counter))
LOOP(by_hand, 8, , sink = loop_over_copies())
LOOP(fence, 8, , (void)percpu_fence_cpu(0))
LOOP(bits, 8, , or_and())

static const struct way others[] = {
    {"plain increment through a pointer", LAYOUT_NAMES(plain)},
    {"`percpu_inc`", LAYOUT_NAMES(inc)},
    {"`percpu_add_unless`, the gate is open", LAYOUT_NAMES(add_unless)},
    {"`percpu_max`, nothing to change", LAYOUT_NAMES(maximum)},
    {"`percpu_write_release`", LAYOUT_NAMES(release)},
    {"`percpu_remote_read_acquire`", LAYOUT_NAMES(acquire)},
    {"`percpu_sum`", LAYOUT_NAMES(sum)},
    {"`percpu_for_each`, `percpu_remote_read`", LAYOUT_NAMES(by_hand)},
    {"`percpu_fence_cpu`", LAYOUT_NAMES(fence)},
    {"`percpu_remote_or`, `percpu_remote_and`", LAYOUT_NAMES(bits)},
};

int main(int argc, char **argv)
{
    size_t repetitions = bench_repetitions(argc > 1 ? argv[1] : NULL, 25);
    int error = percpu_init_in_place();

    if (error >= 0)
        error = percpu_init_reg(0);
    if (error < 0) {
        fprintf(stderr, "others: %s\n", percpu_strerror(error));
        return 1;
    }
    table("gates, sums and fences, eight sites in a loop", others, COUNT(others), repetitions);
    return 0;
}
