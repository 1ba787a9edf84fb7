// SPDX-License-Identifier: MIT
// error: percpu: percpu_with_current_irq() is for PERCPU_PLATFORM_BARE and _SINGLE
// flags: -O1 -DPERCPU_PLATFORM_THREAD
#include <percpu/percpu.h>

static PERCPU_DEFINE(int, counter);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_with_current(counter, p) ++*p;
#else
    percpu_with_current_irq(counter, p) ++*p;
#endif
}
