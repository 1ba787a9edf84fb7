// SPDX-License-Identifier: MIT
// error: undeclared
#include <percpu/percpu.h>

static PERCPU_DEFINE(int, counter);

int use(void);
int use(void)
{
#ifdef GOOD
    return *percpu_current_ptr(counter);
#else
    return *&counter;
#endif
}
