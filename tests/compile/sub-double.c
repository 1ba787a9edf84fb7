// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

static PERCPU_DEFINE(double, real);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_add(real, -1.5);
#else
    percpu_sub(real, 1.5);
#endif
}
