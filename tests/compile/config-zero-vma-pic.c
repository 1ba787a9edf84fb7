// SPDX-License-Identifier: MIT
// error: PERCPU_ZERO_VMA cannot self-relocate
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -DPERCPU_ZERO_VMA
// bad: -fpic
// good: -fno-pic -fno-pie
#include <percpu/percpu.h>

typedef int empty;
