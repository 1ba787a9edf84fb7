// SPDX-License-Identifier: MIT
// error: bit-field
#include <percpu/percpu.h>

struct bits {
    unsigned a : 3;
};
static PERCPU_DEFINE(struct bits, bits);

int use(void);
int use(void)
{
#ifdef GOOD
    return (int)percpu_current_ptr(bits)->a;
#else
    return (int)percpu_read(bits.a);
#endif
}
