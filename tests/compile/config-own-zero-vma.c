// SPDX-License-Identifier: MIT
// error: PERCPU_ZERO_VMA needs a port's instructions
// with: aarch64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -DPERCPU_ZERO_VMA
// bad: -DPERCPU_OWN_REGISTER
// good: -DUNUSED
#include <percpu/percpu.h>

typedef int empty;
