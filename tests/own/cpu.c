/* SPDX-License-Identifier: MIT */
/* PERCPU_OWN_CPU: the kernel says which CPU runs, and the library looks up its delta. */
#include "harness.h"
#include "machine.h"

#include <percpu/percpu.h>

static PERCPU_DEFINE(uint64_t, var) = 7;
static PERCPU_DEFINE(uint8_t, byte);
static size_t panics;

size_t own_cpu(void);
size_t own_cpu(void)
{
    return test_cpu();
}

void percpu_panic(const char *message)
{
    (void)message;
    __atomic_fetch_add(&panics, 1, __ATOMIC_RELAXED);
}

static void take(size_t cpu, void *unused)
{
    (void)unused;
    check_eq(percpu_init_reg(cpu + 1 < test_cpus() || cpu == 0 ? cpu + 1 : cpu - 1), -PERCPU_EOWN);
    check_eq(percpu_init_reg(cpu), 0);
    check_eq(percpu_cpu_id(), cpu);
    check_eq(percpu_read_reg(), percpu_area_base(cpu));
    check_eq(percpu_read(var), 7);
    percpu_add(var, cpu);
    percpu_write(byte, (uint8_t)(cpu + 1));
    check_eq(percpu_read(byte), cpu + 1);
    check_eq(percpu_fetch_add(var, 1), 7 + cpu);
    check(percpu_current_ptr(var) == percpu_remote_ptr(var, cpu));
}

TEST(the_kernels_number_finds_the_area)
{
    check(percpu_strerror(-PERCPU_EOWN)[0] == 'p');
    check(percpu_init_in_place() >= (int)test_cpus());
    on_cpus(take, NULL);
    for (size_t cpu = 0; cpu < test_cpus(); cpu++) {
        check_eq(*percpu_remote_ptr(var, cpu), 8 + cpu);
        check_eq(percpu_remote_read(byte, cpu), cpu + 1);
    }
}

TEST(the_kernels_number_cannot_be_written)
{
    percpu_init_in_place();
    percpu_write_reg(percpu_read_reg());
    check_eq(panics, 0);
    percpu_write_reg(percpu_area_base(0) + 64);
    check_eq(panics, 1);
    check_eq(percpu_read_reg(), percpu_area_base(0));
}
