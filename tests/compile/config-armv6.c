// SPDX-License-Identifier: MIT
// error: no port to this architecture
// with: arm-none-eabi-gcc -mfloat-abi=soft
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector
// bad: -marm -march=armv6
// good: -marm -march=armv7-a
#include <percpu/percpu.h>

typedef int empty;
