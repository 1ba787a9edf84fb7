// SPDX-License-Identifier: MIT
// error: PERCPU_MAX_CPUS must be from 1 to 65536
// bad: -DPERCPU_MAX_CPUS=0
// good: -DPERCPU_MAX_CPUS=1
#include <percpu/percpu.h>

typedef int empty;
