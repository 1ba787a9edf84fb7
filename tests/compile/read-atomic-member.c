// SPDX-License-Identifier: MIT
// error: percpu: the operand is _Atomic
#include <percpu/percpu.h>

struct mixed {
    _Atomic int shared;
    int own;
};
static PERCPU_DEFINE(struct mixed, mixed);

int use(void);
int use(void)
{
#ifdef GOOD
    return percpu_read(mixed.own);
#else
    return percpu_read(mixed.shared);
#endif
}
