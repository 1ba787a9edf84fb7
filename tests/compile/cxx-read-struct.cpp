// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

struct stats {
    int rx, tx;
};
static PERCPU_DEFINE(stats, both) = {};
int use();
int use()
{
#ifdef GOOD
    return percpu_read(both.rx);
#else
    return percpu_read(both).rx;
#endif
}
