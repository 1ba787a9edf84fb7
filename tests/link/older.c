/* SPDX-License-Identifier: MIT */
/* What a kernel with a script of older.lds.S can do. With NOLOAD: what it is told. */
#include "harness.h"

#include "machine.h"

#include <percpu/percpu.h>

PERCPU_DEFINE(unsigned long, hits) = 5;
PERCPU_DEFINE(unsigned long[3], row) = {1, 2, 3};
static _Alignas(64) unsigned char memory[4 * 4096];

#if defined(EXPECT_NOTEMPLATE)

TEST(peer_noload_template_is_detected)
{
    check_eq(percpu_init_in_place(), -PERCPU_ENOTEMPLATE);
    check_eq(percpu_init(memory, 4), -PERCPU_ENOTEMPLATE);
    check_eq(percpu_init_cpu(0, memory), -PERCPU_ENOTEMPLATE);
    check_eq(percpu_init_reg(0), -PERCPU_ENOTINIT);
}

#elif defined(EXPECT_EVMA)

TEST(wrong_vma_is_detected)
{
    check_eq(percpu_init_in_place(), -PERCPU_EVMA);
    check_eq(percpu_init(memory, 4), -PERCPU_EVMA);
    check_eq(percpu_init_cpu(0, memory), -PERCPU_EVMA);
    check_eq(percpu_init_reg(0), -PERCPU_ENOTINIT);
}

#elif defined(AT_NATURAL_VMA)

/*
 * ALIGN(64) times the number of CPUs: the number of CPUs, or with a linker for which ALIGN(64) is
 * an
 * absolute address, more slots than the library has CPUs. In no case fewer areas than it says.
 */
TEST(peer_nonzero_vma_in_an_older_script)
{
    extern const char _percpu_start[], _percpu_end[];
    int count = percpu_init_in_place();

    note("%d areas in place", count);
    check(count == AT_NATURAL_VMA || count == -PERCPU_ECOUNT);
    if (count > 0) {
        check_eq(percpu_init_reg(3), 0);
        check_eq(percpu_read(hits), 5);
        check(percpu_area_base(3) + percpu_area_size() <= (uintptr_t)_percpu_end);
        check(percpu_area_base(0) == (uintptr_t)_percpu_start);
        check_eq(percpu_fini(), 0);
    } else {
        check_eq(percpu_init(memory, 4), 4);
        check_eq(percpu_fini(), 0);
    }
}

#else

static void use(size_t cpu, void *in_place)
{
    (void)in_place;
    check_eq(percpu_init_reg(cpu), 0);
    check_eq(percpu_cpu_id(), cpu);
    check_eq(percpu_read(hits), 5);
    percpu_write(hits, 5 + cpu);
    percpu_with_current(row, p) {
        (*p)[1] += cpu;
    }
    check_eq(percpu_read(row[1]), 2 + cpu);
    check_eq(percpu_read_reg(), percpu_area_base(cpu));
}

static void check_all(void)
{
    on_cpus(use, NULL);
    for (size_t cpu = 0; cpu < 4; cpu++) {
        check_eq(percpu_remote_read(hits, cpu), 5 + cpu);
        check_eq(*percpu_remote_ptr(row[1], cpu), 2 + cpu);
    }
    check_eq(percpu_sum(hits), 5 * percpu_area_num() + 6);
    check_eq(percpu_area_base(percpu_area_num()), 0);
}

/* The caller's memory first: in place the template becomes CPU 0's area. */
TEST(older_script_callers_memory)
{
    check_eq(percpu_init(memory, 4), 4);
    check_all();
    check_eq(percpu_fini(), 0);
}

TEST(older_script_in_place)
{
    check_eq(percpu_area_num(), OLDER_CPUS);
    check_eq(percpu_init_in_place(), OLDER_CPUS);
    check_all();
    check_eq(percpu_init_in_place(), 0);
    check_eq(percpu_remote_read(hits, 3), 8);
    check_eq(percpu_fini(), 0);
}

/* Nothing keeps the initial values: a third start must not take CPU 0's for them. */
TEST(older_script_template_was_used)
{
    check_eq(percpu_init_in_place(), -PERCPU_ENOTEMPLATE);
    check_eq(percpu_init(memory, 4), -PERCPU_ENOTEMPLATE);
}

#endif
