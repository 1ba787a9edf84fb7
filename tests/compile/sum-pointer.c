// SPDX-License-Identifier: MIT
// error: percpu: no arithmetic on pointers
#include <percpu/percpu.h>

static PERCPU_DEFINE(char *, name);

int use(void);
int use(void)
{
#ifdef GOOD
    return percpu_read(name) != 0;
#else
    return percpu_sum(name) != 0;
#endif
}
