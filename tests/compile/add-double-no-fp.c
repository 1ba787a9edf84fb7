// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
// flags: -mgeneral-regs-only
#include <percpu/percpu.h>

#ifdef GOOD
typedef long number;
#else
typedef double number;
#endif
static PERCPU_DEFINE(number, sum);

void use(void);
void use(void)
{
    percpu_add(sum, 1);
}
