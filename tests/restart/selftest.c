/* SPDX-License-Identifier: MIT */
/* percpu_restart_selftest() tells a kernel that restarts its sequences from one that does not. */
#include "harness.h"
#include "machine.h"

#include <percpu/percpu.h>

#ifdef PERCPU__SEQUENCES
#define FORGOTTEN -PERCPU_ERESTART
#else
#define FORGOTTEN 0 /* updates are one instruction: there is nothing to restart */
#endif

static volatile unsigned long ticks[MACHINE_MAX_CPUS];
static unsigned long step;
static int result[MACHINE_MAX_CPUS];

static void tick(void)
{
    ticks[test_cpu()] += step;
}

static void run(size_t cpu, void *unused)
{
    (void)unused;
    machine_timer_start(200);
    machine_irq_on();
    result[cpu] = percpu_restart_selftest(&ticks[cpu]);
    machine_irq_off();
    machine_timer_stop();
}

/* On every CPU, where the return from an interrupt calls `hook`, and the counter moves by `by`. */
static void expect(uintptr_t (*hook)(uintptr_t pc), unsigned long by, int answer)
{
    step = by;
    bare_return_pc = hook;
    bare_tick = tick;
    on_cpus(run, NULL);
    bare_tick = NULL;
    bare_return_pc = NULL;
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        check_eq(result[cpu], answer);
}

static uintptr_t forgets(uintptr_t pc)
{
    return pc;
}

/* Calls the hook, and forgets what it says. */
static uintptr_t calls_and_forgets(uintptr_t pc)
{
    (void)percpu_restart_pc(pc);
    return pc;
}

TEST(a_kernel_with_the_hook_passes)
{
    expect(percpu_restart_pc, 1, 0);
    expect(percpu_restart_pc, 3, 0);
}

TEST(a_kernel_without_the_hook_fails)
{
    expect(NULL, 1, FORGOTTEN);
    expect(forgets, 1, FORGOTTEN);
    expect(calls_and_forgets, 3, FORGOTTEN);
}

/* Before percpu_init*() the table is as the linker made it, afterwards it is sorted. */
TEST(the_answers_are_the_same_with_areas)
{
    check(percpu_init_in_place() > 0);
    expect(percpu_restart_pc, 1, 0);
    expect(NULL, 1, FORGOTTEN);
    check_eq(percpu_fini(), 0);
}

/* A counter that wraps, and a hook that is called for some ticks only: one is enough to be seen. */
TEST(the_counter_wraps)
{
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        ticks[cpu] = 0ul - 2;
    expect(percpu_restart_pc, 1, 0);
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        ticks[cpu] = 0ul - 2;
    expect(NULL, 1, FORGOTTEN);
}
