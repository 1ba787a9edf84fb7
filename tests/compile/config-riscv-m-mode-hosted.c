// SPDX-License-Identifier: MIT
// error: PERCPU_RISCV_M_MODE is for freestanding riscv programs
// with: riscv64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_SINGLE -DPERCPU_RISCV_M_MODE
// bad: -fhosted
// good: -ffreestanding
#include <percpu/percpu.h>

typedef int empty;
