// SPDX-License-Identifier: MIT
// error: PERCPU_RESTART needs a port's register
// with: aarch64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -DPERCPU_RESTART
// bad: -DPERCPU_OWN_REGISTER
// good: -DUNUSED
#include <percpu/percpu.h>

typedef int empty;
