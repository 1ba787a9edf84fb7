// SPDX-License-Identifier: MIT
// error: percpu: the operand is no integer, bool, enum or pointer
// with: aarch64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector
#include <percpu/percpu.h>

static PERCPU_DEFINE(double, real);

void use(void);
void use(void)
{
#ifdef GOOD
    ++*percpu_current_ptr(real);
#else
    percpu_add(real, 1);
#endif
}
