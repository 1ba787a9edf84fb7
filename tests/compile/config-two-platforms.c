// SPDX-License-Identifier: MIT
// error: define one of PERCPU_PLATFORM_BARE, _THREAD, _RSEQ and _SINGLE
// bad: -DPERCPU_PLATFORM_THREAD -DPERCPU_PLATFORM_SINGLE
// good: -DPERCPU_PLATFORM_THREAD
#include <percpu/percpu.h>

typedef int empty;
