// SPDX-License-Identifier: MIT
// error: PERCPU_PLATFORM_SINGLE has one CPU
// flags: -DPERCPU_PLATFORM_SINGLE
// bad: -DPERCPU_MAX_CPUS=4
// good: -DPERCPU_MAX_CPUS=1
#include <percpu/percpu.h>

typedef int empty;
