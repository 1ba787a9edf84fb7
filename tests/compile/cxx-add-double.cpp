// SPDX-License-Identifier: MIT
// error: percpu: the operand of an update is no integer
#include <percpu/percpu.h>

static PERCPU_DEFINE(long, counter);

void use(double amount);
void use(double amount)
{
#ifdef GOOD
    percpu_add(counter, (long)amount);
#else
    percpu_add(counter, amount);
#endif
}
