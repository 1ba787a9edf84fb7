// SPDX-License-Identifier: MIT
// error: int
#include <percpu/percpu.h>

static PERCPU_DEFINE(int, counter);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_write(counter, 1);
#else
    percpu_write(counter, "text");
#endif
}
