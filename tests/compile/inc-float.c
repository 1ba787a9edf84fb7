// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

static PERCPU_DEFINE(float, real);

void use(void);
void use(void)
{
#ifdef GOOD
    ++*percpu_current_ptr(real);
#else
    percpu_inc(real);
#endif
}
