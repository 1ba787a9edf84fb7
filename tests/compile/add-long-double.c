// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

#ifdef GOOD
typedef double real;
#else
typedef long double real;
#endif
static PERCPU_DEFINE(real, sum);

void use(void);
void use(void)
{
    percpu_add(sum, 1.5L);
}
