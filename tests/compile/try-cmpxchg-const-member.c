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
    int expected = 0;

#ifdef GOOD
    (void)percpu_try_cmpxchg(fixed.value, &expected, 1);
#else
    (void)percpu_try_cmpxchg(fixed.id, &expected, 1);
#endif
}
