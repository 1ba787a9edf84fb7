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
    percpu_add(fixed.value, percpu_read(fixed.id));
#else
    percpu_add(fixed.id, 1);
#endif
}
