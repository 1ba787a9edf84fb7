/* SPDX-License-Identifier: MIT */
/* rseq: what the calls that set areas up answer where areas need no setting up; threads; signals. */
#include "areas.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static PERCPU_DEFINE(word, before_main) = 40;
static word seen_before_main;

__attribute__((constructor)) static void use_early(void)
{
    percpu_add(before_main, 2);
    seen_before_main = percpu_sum(before_main);
}

TEST(rseq_areas_exist_before_main)
{
    check_eq(seen_before_main, 40 * percpu_area_num() + 2);
    check_eq(percpu_sum(before_main), seen_before_main);
}

/* Every possible CPU and one for threads without sequences. */
TEST(rseq_start)
{
    char memory[64];
    uintptr_t base = percpu_read_reg();
    size_t n = percpu_area_num();

    check(n > (size_t)sysconf(_SC_NPROCESSORS_CONF));
    check_eq(base, percpu_area_base(test_cpu()));
    check_eq(percpu_cpu_id(), test_cpu());
    check_eq(percpu_init_in_place(), 0);
    check_eq(percpu_init(NULL, 0), 0);
    check_eq(percpu_init(memory, 4), 0);
    check_eq(percpu_area_layout_expected(4).size, 0);
    check_eq(percpu_area_layout_expected(4).align, 0);
    for (size_t cpu = 0; cpu < n; cpu++) {
        check_eq(percpu_init_cpu(cpu, memory), 0);
        check_eq(percpu_init_reg(cpu), 0);
        check(percpu_area_base(cpu) != 0);
    }
    check_eq(percpu_init_cpu(n, memory), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(n), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(SIZE_MAX), -PERCPU_ERANGE);
    check_eq(percpu_area_base(n), 0);
    percpu_write_reg(0);
    percpu_write_reg(12345);
    check_eq(percpu_fini(), -PERCPU_EBUSY);
    check_eq(percpu_read_reg(), base);
    check_eq(percpu_cpu_id(), test_cpu());
    check_eq(percpu_area_num(), n);
    check(percpu_info() != NULL);
}

#endif
