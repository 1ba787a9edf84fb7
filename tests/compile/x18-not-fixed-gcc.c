// SPDX-License-Identifier: MIT
// error: call-clobbered register used for global register variable
// with: aarch64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -DPERCPU_ARM_X18 -O2
// bad: -ffunction-sections
// good: -ffixed-x18
#include <percpu/percpu.h>

static PERCPU_DEFINE(long, var);
long use(void);
long use(void)
{
    return percpu_read(var);
}
