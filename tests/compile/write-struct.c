// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

struct stats {
    int rx, tx;
};
static PERCPU_DEFINE(struct stats, stats);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_write(stats.rx, 0);
#else
    percpu_write(stats, (struct stats){0});
#endif
}
