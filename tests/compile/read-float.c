// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

static PERCPU_DEFINE(float, real);

int use(void);
int use(void)
{
#ifdef GOOD
    return (int)*percpu_current_ptr(real);
#else
    return (int)percpu_read(real);
#endif
}
