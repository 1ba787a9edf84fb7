// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

struct stats {
    int rx, tx;
};
static PERCPU_DEFINE(struct stats, stats);

int use(void);
int use(void)
{
#ifdef GOOD
    return percpu_sum(stats.rx);
#else
    return percpu_sum(stats) != 0;
#endif
}
