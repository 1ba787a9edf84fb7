// SPDX-License-Identifier: MIT
// error: percpu: no arithmetic on pointers
#include <percpu/percpu.h>

static PERCPU_DEFINE(char *, name);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_write(name, percpu_read(name) + 1);
#else
    percpu_add(name, 1);
#endif
}
