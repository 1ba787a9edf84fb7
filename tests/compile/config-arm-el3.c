// SPDX-License-Identifier: MIT
// error: PERCPU_ARM_EL3 is for PERCPU_PLATFORM_BARE on aarch64
// flags: -DPERCPU_PLATFORM_THREAD
// bad: -DPERCPU_ARM_EL3
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
