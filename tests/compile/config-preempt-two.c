// SPDX-License-Identifier: MIT
// error: define one of PERCPU_PREEMPT, PERCPU_PREEMPT_STATE
// flags: -ffreestanding -fno-pic -fno-pie -fno-stack-protector -DPERCPU_PREEMPT_STATE
// bad: -DPERCPU_PREEMPT_IRQ
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
