// SPDX-License-Identifier: MIT
// error: percpu: the operand is const
#include <percpu/percpu.h>

struct fixed {
    const int id;
    int value;
};
static PERCPU_DEFINE(struct fixed, fixed);

void use(void);
void use(void)
{
#ifdef GOOD
    (void)percpu_cmpxchg(fixed.value, 0, 1);
#else
    (void)percpu_cmpxchg(fixed.id, 0, 1);
#endif
}
