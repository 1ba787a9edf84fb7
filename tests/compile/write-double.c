// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

static PERCPU_DEFINE(double, real);

void use(void);
void use(void)
{
#ifdef GOOD
    *percpu_current_ptr(real) = 1;
#else
    percpu_write(real, 1);
#endif
}
