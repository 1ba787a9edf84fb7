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
    percpu_remote_write(fixed.value, 0, percpu_remote_read(fixed.id, 0));
#else
    percpu_remote_write(fixed.id, 0, 1);
#endif
}
