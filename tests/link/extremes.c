/* SPDX-License-Identifier: MIT */
/* Templates of unusual sizes: nothing but the library's own variable, or more than 64 KiB. */
#include "harness.h"

#include <percpu/percpu.h>

#if HARNESS_BARE
static _Alignas(4096) unsigned char memory[1 << 20];
#else
#include <stdlib.h>
#endif

#ifdef LARGE

static PERCPU_DEFINE(char, first) = 1;
static PERCPU_DEFINE(char[40000], big1) = {[39999] = 2};
static PERCPU_DEFINE(char[40000], big2) = {[39999] = 3};
static PERCPU_DEFINE(int, last) = 4;

static void check_contents(size_t cpu)
{
    check(percpu_area_size() > 80000);
    check(percpu_symbol_vma(big2[39999]) - percpu_symbol_vma(big1[0]) > 65536 ||
          percpu_symbol_vma(big1[39999]) - percpu_symbol_vma(big2[0]) > 65536);
    check_eq(percpu_read(first), 1);
    check_eq(percpu_read(big1[39999]), 2);
    check_eq(percpu_read(big2[39999]), 3);
    check_eq(percpu_read(last), 4);
    percpu_write(big1[39998], 5);
    percpu_write(big2[39998], 6);
    percpu_write(last, 7);
    check_eq((*percpu_remote_ptr(big1, cpu))[39998], 5);
    check_eq((*percpu_remote_ptr(big2, cpu))[39998], 6);
    check_eq(*percpu_remote_ptr(last, cpu), 7);
    check_eq(percpu_offset(big2[39998]) - percpu_offset(big2), 39998);
}

#define NAME peer_template_over_64_kib

#else

static void check_contents(size_t cpu)
{
    (void)cpu;
    check(percpu_area_size() > 0 && percpu_area_size() <= 256);
}

#define NAME peer_no_variables_at_all

#endif

static void use(size_t cpu, void *bound)
{
    if (cpu >= *(size_t *)bound)
        return;
    check_eq(percpu_init_reg(cpu), 0);
    check_eq(percpu_cpu_id(), cpu);
    check_contents(cpu);
    percpu_write_reg(0);
}

static void run(size_t count)
{
    if (count > test_cpus())
        count = test_cpus();
    on_cpus(use, &count);
    check_eq(percpu_fini(), 0);
}

#define TEST_(name) TEST(name)

TEST_(NAME)
{
    struct percpu_layout layout = percpu_area_layout_expected(4);
    int in_place;
    void *base;

    check(layout.size >= 4 * percpu_area_size() && layout.align >= 64);
    in_place = percpu_init_in_place();
    if (check(in_place > 0))
        run((size_t)in_place);
#if HARNESS_BARE
    if (!check(layout.size <= sizeof memory))
        return;
    base = memory;
#else
    base = aligned_alloc(layout.align, layout.size);
#endif
    check_eq(percpu_init(base, 4), 4);
    run(4);
#if !HARNESS_BARE
    free(base);
#endif
}
