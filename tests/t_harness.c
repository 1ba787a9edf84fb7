/* SPDX-License-Identifier: MIT */
/* The harness and the machines themselves: when these fail, no other result means anything. */
#include "harness.h"

#include <stdatomic.h>

#if HARNESS_BARE
#include "machine.h"
#endif

#define MAX_CPUS 64

static void count_me(size_t cpu, void *data)
{
    atomic_uint *runs = data;

    check_eq(cpu, test_cpu());
    runs[cpu]++;
}

TEST(on_cpus_runs_once_on_each)
{
    static atomic_uint runs[MAX_CPUS];

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' /* one CPU */
    check_eq(test_cpus(), 1);
#else
    check(test_cpus() > 1 && test_cpus() <= MAX_CPUS);
#endif
    for (unsigned round = 1; round <= 3; round++) {
        on_cpus(count_me, runs);
        for (size_t cpu = 0; cpu < MAX_CPUS; cpu++)
            check_eq(runs[cpu], cpu < test_cpus() ? round : 0);
    }
}

TEST(on_cpu_runs_on_one)
{
    static atomic_uint runs[MAX_CPUS];

    for (size_t cpu = 0; cpu < test_cpus(); cpu++) {
        on_cpu(cpu, count_me, runs);
        for (size_t other = 0; other < MAX_CPUS; other++)
            check_eq(runs[other], other <= cpu);
    }
}

static void meet(size_t cpu, void *data)
{
    atomic_size_t *met = data;

    (void)cpu;
    (*met)++;
    while (*met < test_cpus())
#if HARNESS_BARE
        machine_relax()
#endif
            ;
}

/* Hangs when the CPUs do not run at the same time. */
TEST(on_cpus_runs_all_at_once)
{
    atomic_size_t met = 0;

    on_cpus(meet, &met);
    check_eq(met, test_cpus());
}

static void stay(size_t cpu, void *data)
{
    uintptr_t *frame = data;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    check(frame[cpu] == 0 || frame[cpu] == here);
    frame[cpu] = here;
}

/* CPU n has one stack, always the same. */
TEST(cpu_keeps_its_number)
{
    static uintptr_t frame[MAX_CPUS];

    for (int round = 0; round < 3; round++)
        on_cpus(stay, frame);
    for (size_t a = 0; a < test_cpus(); a++)
        for (size_t b = 0; b < a; b++)
            check(frame[a] != frame[b]);
}

TEST(check_eq_compares_values)
{
    static int object;
    uint64_t wide = 0x1234567800000001;

    check_eq(&object, (uintptr_t)&object);
    check_eq((signed char)-1, -1L);
    check_eq(wide >> 32, 0x12345678);
    check_eq(true, 1);
}

#if HARNESS_BARE

static atomic_uint ticks[MAX_CPUS];

static void tick(void)
{
    ticks[test_cpu()]++;
}

static void take_ticks(size_t cpu, void *data)
{
    unsigned irq_off_ticks, *want = data;

    check(!machine_irq_off());
    machine_timer_start(1000);
    machine_irq_on();
    while (ticks[cpu] < *want)
        machine_relax();
    check(machine_irq_off());
    irq_off_ticks = ticks[cpu];
    machine_timer_stop();
    check_eq(ticks[cpu], irq_off_ticks);
}

/* Hangs when a CPU gets none. */
TEST(timer_ticks_on_every_cpu)
{
    unsigned want = 3;

    bare_tick = tick;
    on_cpus(take_ticks, &want);
    want *= 2;
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        on_cpu(cpu, take_ticks, &want);
    bare_tick = NULL;
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        check(ticks[cpu] >= want);
}

static uintptr_t same_pc(uintptr_t pc)
{
    check(pc != 0);
    return pc;
}

/* The program survives having its PC passed through the hook. */
TEST(tick_returns_to_the_chosen_pc)
{
    unsigned want = ticks[0] + 3;

    bare_tick = tick;
    bare_return_pc = same_pc;
    on_cpu(0, take_ticks, &want);
    bare_tick = NULL;
    bare_return_pc = NULL;
}

static int compared(const char *a, const char *b, size_t n)
{
    int c = memcmp(a, b, n);

    return (c > 0) - (c < 0);
}

TEST(memory_functions)
{
    char s[] = "abcdef";

    memmove(s + 2, s, 3);
    check_eq(compared(s, "ababcf", 7), 0);
    memmove(s, s + 2, 3);
    check_eq(compared(s, "abcbcf", 7), 0);
    memset(s + 1, 'x', 2);
    check_eq(compared(s, "axxbcf", 7), 0);
    check_eq(compared("\x80", "\x7f", 1), 1);
    check_eq(strlen(s), 6);
}

#endif
