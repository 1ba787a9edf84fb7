// SPDX-License-Identifier: MIT
// error: percpu: no arithmetic on bool
#include <percpu/percpu.h>

static PERCPU_DEFINE(bool, flag);

int use(void);
int use(void)
{
#ifdef GOOD
    return percpu_read(flag);
#else
    return percpu_sum(flag);
#endif
}
