// SPDX-License-Identifier: MIT
// error: percpu: no arithmetic on bool
#include <percpu/percpu.h>

static PERCPU_DEFINE(bool, flag);
static PERCPU_DEFINE(char, number);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_max(number, percpu_read(flag));
#else
    percpu_max(flag, percpu_read(number) > 1);
#endif
}
