// SPDX-License-Identifier: MIT
// error: PERCPU_ARM_TPIDRPRW is for PERCPU_PLATFORM_BARE on 32-bit arm
// flags: -DPERCPU_PLATFORM_THREAD
// bad: -DPERCPU_ARM_TPIDRPRW
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
