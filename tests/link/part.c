/* SPDX-License-Identifier: MIT */
/* A second file of the program user.c, with a variable of the same name. */
#include <percpu/percpu.h>

PERCPU_DECLARE(uint64_t, total);
static PERCPU_DEFINE(int, value) = 77;

int part(void);
int part(void)
{
    percpu_inc(total);
    return percpu_read(value);
}
