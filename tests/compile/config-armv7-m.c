// SPDX-License-Identifier: MIT
// error: no port to this architecture
// with: arm-none-eabi-gcc -mfloat-abi=soft
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mthumb
// bad: -march=armv7-m
// good: -march=armv7-a
#include <percpu/percpu.h>

typedef int empty;
