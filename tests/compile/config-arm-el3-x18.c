// SPDX-License-Identifier: MIT
// error: PERCPU_ARM_EL2, PERCPU_ARM_EL3 and PERCPU_ARM_X18 each name the register
// with: aarch64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -ffixed-x18
// bad: -DPERCPU_ARM_EL3 -DPERCPU_ARM_X18
// good: -DPERCPU_ARM_EL3
#include <percpu/percpu.h>

typedef int empty;
