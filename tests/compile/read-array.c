// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

static PERCPU_DEFINE(int[2], row);

int use(void);
int use(void)
{
#ifdef GOOD
    return percpu_read(row[1]);
#else
    (void)percpu_read(row);
    return 0;
#endif
}
