// SPDX-License-Identifier: MIT
// error: PERCPU_ZERO_VMA is for PERCPU_PLATFORM_BARE
// flags: -DPERCPU_PLATFORM_SINGLE
// bad: -DPERCPU_ZERO_VMA
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
