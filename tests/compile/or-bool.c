// SPDX-License-Identifier: MIT
// error: percpu: no arithmetic on bool
#include <percpu/percpu.h>

static PERCPU_DEFINE(bool, flag);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_write(flag, 1);
#else
    percpu_or(flag, 1);
#endif
}
