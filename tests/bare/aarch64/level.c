/* SPDX-License-Identifier: MIT */
/*
 * At which exception level does percpu_init_reg() take the register? For tests/link-aarch64.sh,
 * built for EL1, EL2, EL3 or x18 and run at any. RIGHT says whether they agree.
 */
#include "harness.h"
#include "machine.h"

#include <percpu/percpu.h>

PERCPU_DEFINE(size_t, twice);

static void take(size_t cpu, void *unused)
{
    (void)unused;
#ifdef VHE
    const uint64_t e2h = (uint64_t)1 << 34;
    uint64_t hcr;

    __asm__ volatile("mrs %0, hcr_el2" : "=r"(hcr));
    __asm__ volatile("msr hcr_el2, %0\n\tisb" : : "r"(hcr | e2h) : "memory");
    __asm__ volatile("mrs %0, hcr_el2" : "=r"(hcr));
    check(hcr & e2h);
#endif
#if RIGHT
    check_eq(percpu_init_reg(cpu), 0);
    percpu_write(twice, 2 * cpu);
    check_eq(percpu_read(twice), 2 * cpu);
    check_eq(percpu_remote_read(twice, cpu), 2 * cpu);
#else
    check_eq(percpu_init_reg(cpu), -PERCPU_EEL);
#endif
}

TEST(init_reg_knows_the_exception_level)
{
    check(percpu_init_in_place() >= 4);
    on_cpus(take, NULL);
    check(percpu_strerror(-PERCPU_EEL)[0] == 't');
}
