// SPDX-License-Identifier: MIT
// error: PERCPU_OWN_REGISTER replaces the port's registers and modes
// with: aarch64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -ffixed-x18 -DPERCPU_ARM_X18
// bad: -DPERCPU_OWN_REGISTER
// good: -DUNUSED
#include <percpu/percpu.h>

typedef int empty;
