// SPDX-License-Identifier: MIT
// error: PERCPU_PLATFORM_THREAD needs a hosted build
// flags: -DPERCPU_PLATFORM_THREAD
// bad: -ffreestanding
// good: -fhosted
#include <percpu/percpu.h>

typedef int empty;
