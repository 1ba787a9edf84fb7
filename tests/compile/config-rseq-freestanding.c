// SPDX-License-Identifier: MIT
// error: PERCPU_PLATFORM_RSEQ is for programs on Linux
// flags: -DPERCPU_PLATFORM_RSEQ
// bad: -ffreestanding
// good: -fhosted
#include <percpu/percpu.h>

typedef int empty;
