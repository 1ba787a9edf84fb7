// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
#include <percpu/percpu.h>

struct three {
    unsigned char bytes[3];
};
static PERCPU_DEFINE(struct three, three);

int use(void);
int use(void)
{
#ifdef GOOD
    return percpu_read(three.bytes[2]);
#else
    (void)percpu_read(three);
    return 0;
#endif
}
