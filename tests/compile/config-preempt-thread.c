// SPDX-License-Identifier: MIT
// error: _PREEMPT_IRQ are for PERCPU_PLATFORM_BARE
// flags: -DPERCPU_PLATFORM_THREAD
// bad: -DPERCPU_PREEMPT
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
