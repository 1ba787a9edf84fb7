/* SPDX-License-Identifier: MIT */
/* The first steps: initialise in place, use, sum, reset. */
#include "harness.h"

#include <percpu/percpu.h>

struct stats {
    uint64_t rx, tx;
    uint32_t queue[4];
};

static PERCPU_DEFINE(uint64_t, hits) = 5;
PERCPU_DEFINE(struct stats, stats) = {.rx = 1, .queue = {1, 2, 3, 4}};

static void use(size_t cpu, void *data)
{
    (void)data;
    check_eq(percpu_init_reg(cpu), 0);
    check_eq(percpu_cpu_id(), cpu);
    check_eq(percpu_read(hits), 5);
    percpu_write(hits, percpu_read(hits) + cpu);
    percpu_with_current(stats, p)
    {
        p->rx += cpu;
        p->queue[1]++;
    }
    check_eq(*percpu_current_ptr(stats.queue[1]), 3);
}

static void reset(size_t cpu, void *data)
{
    (void)cpu;
    (void)data;
    percpu_reset_to_init(hits);
    check_eq(percpu_read(hits), 5);
    percpu_write_reg(0);
}

TEST(in_place_use_sum_reset)
{
    size_t n = test_cpus(), triangle = n * (n - 1) / 2;
    int areas = percpu_init_in_place();

    check(areas >= (int)n || !HARNESS_BARE);
    if ((size_t)areas < n) /* fewer real CPUs than test threads */
        return (void)percpu_fini();
    on_cpus(use, NULL);
    check_eq(percpu_remote_read(hits, n - 1), 5 + n - 1);
    check_eq(percpu_sum(hits), 5 * (size_t)areas + triangle);
    check_eq(percpu_sum(stats.rx), (size_t)areas + triangle);
    on_cpus(reset, NULL);
    check_eq(percpu_fini(), 0);
}
