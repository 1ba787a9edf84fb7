// SPDX-License-Identifier: MIT
// error: PERCPU_RISCV_M_MODE is for freestanding riscv programs
// flags: -DPERCPU_PLATFORM_THREAD
// bad: -DPERCPU_RISCV_M_MODE
// good: -DPERCPU_DEBUG
#include <percpu/percpu.h>

typedef int empty;
