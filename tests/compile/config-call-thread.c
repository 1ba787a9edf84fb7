// SPDX-License-Identifier: MIT
// error: PERCPU_CALL is for PERCPU_PLATFORM_BARE
// flags: -DPERCPU_PLATFORM_THREAD
// bad: -DPERCPU_CALL
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
