// SPDX-License-Identifier: MIT
// error: PERCPU_OWN_REGISTER is for freestanding programs
// flags: -DPERCPU_PLATFORM_THREAD
// bad: -DPERCPU_OWN_REGISTER
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
