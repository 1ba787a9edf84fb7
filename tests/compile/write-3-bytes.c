// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

struct three {
    unsigned char bytes[3];
};
static PERCPU_DEFINE(struct three, three);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_write(three.bytes[2], 0);
#else
    percpu_write(three, (struct three){{0}});
#endif
}
