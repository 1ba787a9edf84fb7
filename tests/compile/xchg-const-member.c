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
    (void)percpu_xchg(fixed.value, 1);
#else
    (void)percpu_xchg(fixed.id, 1);
#endif
}
