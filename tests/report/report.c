/* SPDX-License-Identifier: MIT */
/*
 * A percpu_panic() that uses per-CPU data, which are what it was called for: the second report of a
 * CPU stops it, a third waits, and other CPUs are heard. The library is built with
 * PERCPU__STOPPED=stopped: what would stop goes on.
 */
#include "harness.h"

#include <percpu/percpu.h>

#include <stdatomic.h>

#if HARNESS_BARE
#include "machine.h"
#else
#include <setjmp.h>

static jmp_buf after;
static bool leaves;
#endif

#define MAX_CPUS 64

static atomic_uint panics[MAX_CPUS], stops[MAX_CPUS], waits[MAX_CPUS];
static atomic_uint inside; /* CPUs in percpu_panic() */
static unsigned together;  /* how many have to be there before one returns */
static unsigned depth;     /* reports that percpu_panic() makes */
static bool from_afar;     /* more than 4 KiB deeper in the stack */
static bool says_wrong;

static void report(void)
{
    static unsigned long no_variable;

    percpu_reset_to_init_at((unsigned long PERCPU *)&no_variable); /* reported in every build */
}

static __attribute__((noinline)) void report_from_afar(void)
{
    volatile char room[5000];

    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = 1;
    report();
    room[0] = 2;
}

void percpu_panic(const char *message)
{
    size_t cpu = test_cpu();

    panics[cpu]++;
#if !HARNESS_BARE
    if (leaves)
        longjmp(after, 1);
#endif
    inside++;
    while (inside < together)
        ;
    says_wrong |= together == 0 && percpu_panic_message != message;
    for (unsigned i = 0; i < depth; i++) {
        if (from_afar)
            report_from_afar();
        else
            report();
        says_wrong |= together == 0 && percpu_panic_message != message;
    }
}

void stopped(bool again);
void stopped(bool again)
{
    size_t cpu = test_cpu();

    inside++;                      /* one that should not have been stopped: nobody waits for it */
    if (again || stops[cpu] > 8) { /* more than any test expects: there is no end */
        waits[cpu]++;
        return;
    }
    stops[cpu]++;
    report(); /* the trap's handler */
}

static void run(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    report();
    if (together == 0)
        says_wrong |= percpu_panic_message != NULL;
}

static void run_from_afar(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    report_from_afar();
}

static void forget(void)
{
    for (size_t cpu = 0; cpu < MAX_CPUS; cpu++)
        panics[cpu] = stops[cpu] = waits[cpu] = 0;
    inside = together = depth = 0;
    from_afar = says_wrong = false;
}

/* Each CPU has reported `n` times, and was stopped and has waited as often as this. */
static void expect(size_t cpu, unsigned n, unsigned stopped_times, unsigned waited)
{
    check_eq(panics[cpu], n);
    check_eq(stops[cpu], stopped_times);
    check_eq(waits[cpu], waited);
}

static void one_by_one(void)
{
    for (size_t cpu = 0; cpu < test_cpus(); cpu++) {
        forget();
        depth = 1;
        on_cpu(cpu, run, NULL);
        expect(cpu, 1, 1, 1);
        depth = 3; /* no second trap */
        on_cpu(cpu, run, NULL);
        expect(cpu, 2, 2, 4);
        depth = 0;
        on_cpu(cpu, run, NULL);
        on_cpu(cpu, run, NULL);
        on_cpu(cpu, run_from_afar, NULL); /* deeper than one that has returned */
        expect(cpu, 5, 2, 4);
        check(!says_wrong);
    }
}

/* None of them returns before all have been called. */
static void at_once(void)
{
    forget();
    depth = 1;
    together = (unsigned)test_cpus();
    on_cpus(run, NULL);
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        expect(cpu, 1, 1, 1);
}

TEST(a_report_from_percpu_panic_stops)
{
    one_by_one();
}

#if !HARNESS_BARE
static void leave(void (*how)(void))
{
    leaves = true;
    if (setjmp(after) == 0)
        how();
    leaves = false;
}

/* Later reports come from the same place, from above, and from below. */
TEST(a_panic_that_is_left_is_over)
{
    forget();
    leave(report);
    leave(report);
    leave(report_from_afar);
    leave(report);
    leave(report_from_afar);
    expect(0, 5, 0, 0);
    report();
    expect(0, 6, 0, 0);
}
#endif

/* The library has room for four such CPUs. Before caches are on two may be taken for one. */
TEST(cpus_without_an_area_do_not_stop_each_other)
{
#if HARNESS_BARE
    if (!machine_atomics_work())
        return;
#endif
    if (test_cpus() <= 4)
        at_once();
}

#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)
static void bind(size_t cpu, void *unused)
{
    (void)unused;
    check_eq(percpu_init_reg(cpu), 0);
}

static void unbind(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
#if HARNESS_BARE
    percpu__reg_write(0); /* the template, which is there */
#else
    percpu_write_reg(0);
#endif
}

/* What is exact needs no guess by the stack. */
static void afar(void)
{
    forget();
    depth = 1;
    from_afar = true;
    on_cpus(run, NULL);
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        expect(cpu, 1, 1, 1);
}

#if HARNESS_BARE
static int init_areas(void)
{
    return percpu_init_in_place();
}
#else
/*
 * In place are as many areas as there are CPUs, which may be fewer. Behind the template: a
 * processor without FSGSBASE takes no negative delta.
 */
static _Alignas(4096) unsigned char memory[1 << 20];

static int init_areas(void)
{
    check(percpu_area_layout_expected(test_cpus()).size <= sizeof(memory));
    return percpu_init(memory, test_cpus());
}
#endif

static bool init(void)
{
    return check(init_areas() > 0) && check(percpu_area_num() >= test_cpus());
}

TEST(with_areas)
{
    if (!init())
        return;
    on_cpus(bind, NULL);
    one_by_one();
    at_once();
    afar();
    on_cpus(unbind, NULL);
    one_by_one();
    check_eq(percpu_fini(), 0);
}

#ifdef PERCPU_DEBUG
static PERCPU_DEFINE(unsigned long, lines);

static void count(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    percpu_inc(lines);
}

/* What was reported is what percpu_panic() does again. */
TEST(a_register_that_was_never_set)
{
    forget();
    depth = 1;
    if (!init())
        return;
    for (size_t cpu = 0; cpu < test_cpus(); cpu++) {
        on_cpu(cpu, unbind, NULL);
        on_cpu(cpu, count, NULL);
        expect(cpu, 1, 1, 1);
    }
    check_eq(percpu_fini(), 0);
}
#endif
#endif
