// SPDX-License-Identifier: MIT
// error: incompatible
// flags: -Werror
#include <percpu/percpu.h>

static PERCPU_DEFINE(int, counter);

int use(void);
int use(void)
{
#ifdef GOOD
    int *p = percpu_current_ptr(counter);
    return p != 0;
#else
    long *p = percpu_current_ptr(counter);
    return p != 0;
#endif
}
