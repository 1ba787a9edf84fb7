// SPDX-License-Identifier: MIT
// error: explicit braces to avoid
#include <percpu/percpu.h>

static PERCPU_DEFINE(int, count);

int use(int a);
int use(int a)
{
    int ways = 0;

#ifdef GOOD
    if (a) {
        percpu_try_with_current(count, p)
            ++*p;
        else
            ways = 1;
    } else {
        ways = 2;
    }
    if (a)
        percpu_try_with_current(count, p)
            ++*p;
        else
            ways = 3;
    else
        ways = 4;
#else
    if (a)
        percpu_try_with_current(count, p)
            ++*p;
        else
            ways = 1;
#endif
    return ways;
}
