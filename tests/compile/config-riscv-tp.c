// SPDX-License-Identifier: MIT
// error: PERCPU_RISCV_TP is for PERCPU_PLATFORM_BARE on riscv
// flags: -DPERCPU_PLATFORM_THREAD
// bad: -DPERCPU_RISCV_TP
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
