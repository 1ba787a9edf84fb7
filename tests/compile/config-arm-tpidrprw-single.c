// SPDX-License-Identifier: MIT
// error: PERCPU_ARM_TPIDRPRW is for PERCPU_PLATFORM_BARE on 32-bit arm
// with: arm-none-eabi-gcc -march=armv7-a -mfloat-abi=soft
// flags: -ffreestanding -DPERCPU_ARM_TPIDRPRW
// bad: -DPERCPU_PLATFORM_SINGLE
// good: -DPERCPU_PLATFORM_BARE
#include <percpu/percpu.h>

typedef int empty;
