// SPDX-License-Identifier: MIT
// error: not declared
// error: undeclared
#include <percpu/percpu.h>

static PERCPU_DEFINE(int, counter);
int use();
int use()
{
#ifdef GOOD
    return percpu_read(counter);
#else
    return counter;
#endif
}
