/* SPDX-License-Identifier: MIT */
/* CPUs that are up: who has come, who has gone, and what the others see of it. */
#include "areas.h"

#include <stdatomic.h>

static unsigned count_up(void)
{
    unsigned n = 0;

    percpu_for_each_up(cpu)
    {
        check(percpu_is_up(cpu));
        n++;
    }
    return n;
}

#if defined(PERCPU_PLATFORM_BARE) || defined(PERCPU_PLATFORM_THREAD)

/* percpu_init_reg() leaves it to the CPU where caches are off. */
static bool comes_by_itself(void)
{
#if HARNESS_BARE
    return percpu__atomics_work();
#else
    return true;
#endif
}

static void come(size_t cpu, void *unused)
{
    (void)unused;
    check_eq(percpu_init_reg(cpu), 0);
    check_eq(percpu_is_up(cpu), comes_by_itself());
    check_eq(percpu_up(), 0);
    check(percpu_is_up(cpu));
}

static void go(size_t cpu, void *unused)
{
    (void)unused;
    percpu_down();
    check(!percpu_is_up(cpu));
}

static void come_back(size_t cpu, void *unused)
{
    (void)unused;
    check_eq(percpu_up(), 0);
    check(percpu_is_up(cpu));
}

TEST(cpus_come_and_go)
{
    size_t last = test_cpus() - 1;

    check_eq(percpu_up(), -PERCPU_ENOTINIT);
    percpu_down();
    check(!percpu_is_up(0) && count_up() == 0);
    check(init_here());
    check_eq(count_up(), 0);
    for (size_t cpu = 0; cpu <= last; cpu++) {
        check(!percpu_is_up(cpu));
        on_cpu(cpu, come, NULL);
        check(percpu_is_up(cpu));
        check_eq(count_up(), cpu + 1);
    }
    check(!percpu_is_up(test_cpus()) && !percpu_is_up(SIZE_MAX));
    on_cpu(last, go, NULL);
    check_eq(count_up(), last);
    on_cpu(last, come_back, NULL);
    check_eq(count_up(), test_cpus());
    /* Its mark is no other CPU's. */
    on_cpu(0, go, NULL);
    for (size_t cpu = 1; cpu <= last; cpu++)
        check(percpu_is_up(cpu));
    on_cpus(unbind, NULL);
    check_eq(percpu_fini(), 0);
    check(!percpu_is_up(last) && count_up() == 0);
    check(init_here());
    check_eq(count_up(), 0);
    check_eq(percpu_fini(), 0);
}

static void come_without_a_register(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    percpu_write_reg(0);
    check_eq(percpu_up(), -PERCPU_ERANGE);
    percpu_down();
#if HARNESS_BARE
    /* What a boot program leaves in a general register: a CPU's number. */
    percpu__reg_write(cpu + 1);
    check_eq(percpu_up(), -PERCPU_ERANGE);
    percpu_write_reg(0);
#endif
}

TEST(a_cpu_without_a_register_does_not_come)
{
    check(init_here());
    on_cpus(come_without_a_register, NULL);
    check_eq(count_up(), 0);
    check_eq(percpu_fini(), 0);
}

TEST(the_mark_is_in_the_cpus_own_line)
{
    check(init_here());
    for (size_t cpu = 1; cpu < test_cpus(); cpu++)
        check((uintptr_t)percpu_remote_ptr(percpu__head.up, cpu) / PERCPU_CACHE_LINE !=
              (uintptr_t)percpu_remote_ptr(percpu__head.up, cpu - 1) / PERCPU_CACHE_LINE);
    check_eq((uintptr_t)percpu_remote_ptr(percpu__head.up, 0) / PERCPU_CACHE_LINE,
             (uintptr_t)percpu_remote_ptr(percpu__head, 0) / PERCPU_CACHE_LINE);
    check_eq(percpu_fini(), 0);
}

#if !HARNESS_BARE
/* thread: a CPU that nobody plays any more is down. */
static void leave(size_t cpu, void *unused)
{
    (void)unused;
    check_eq(percpu_init_reg(cpu), 0);
    percpu_write_reg(0);
    check(!percpu_is_up(cpu));
}

TEST(a_cpu_that_nobody_plays_is_down)
{
    check(init_here());
    on_cpus(leave, NULL);
    check_eq(count_up(), 0);
    check_eq(percpu_fini(), 0);
}
#endif

#else

TEST(cpus_are_up)
{
    check_eq(count_up(), percpu_area_num());
    percpu_down();
    check_eq(percpu_up(), 0);
    check(percpu_is_up(0) && !percpu_is_up(percpu_area_num()));
    check_eq(count_up(), percpu_area_num());
}

#endif
