/* SPDX-License-Identifier: MIT */
/* For link-riscv64.sh: a program whose linker script defines __global_pointer$, or does not. */
#include "harness.h"

#include <percpu/percpu.h>

static PERCPU_DEFINE(unsigned, var) = 5;
unsigned small = 7; /* within reach of __global_pointer$ */

/* Both kinds of access, for the disassembly. */
unsigned gp_use(void);
__attribute__((noinline)) unsigned gp_use(void)
{
    small++;
    percpu_write(var, percpu_read(var) + small);
    return percpu_read(var);
}

#ifdef REFUSED
TEST(init_reg_refuses)
{
    check(percpu_init_in_place() > 0);
    check_eq(percpu_init_reg(0), -PERCPU_EGP);
    check(percpu_strerror(-PERCPU_EGP)[0] == 'g');
}
#else
TEST(both_are_right)
{
    check(percpu_init_in_place() > 0);
    check_eq(percpu_init_reg(1), 0);
    check_eq(gp_use(), 13);
    check_eq(small, 8);
    check_eq(percpu_remote_read(var, 0), 5);
    check_eq(percpu_remote_read(var, 1), 13);
}
#endif
