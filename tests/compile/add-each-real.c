// SPDX-License-Identifier: MIT
// error: percpu: the operand of an update is no integer
#include <percpu/percpu.h>

static PERCPU_DEFINE(uint64_t[2], words);

void use(double n);
void use(double n)
{
#ifdef GOOD
    percpu_add_each(words, 1, (int)n);
#else
    percpu_add_each(words, 1, n);
#endif
}
