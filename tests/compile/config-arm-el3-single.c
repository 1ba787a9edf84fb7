// SPDX-License-Identifier: MIT
// error: PERCPU_ARM_EL3 is for PERCPU_PLATFORM_BARE on aarch64
// with: aarch64-linux-gnu-gcc
// flags: -ffreestanding -ffixed-x18 -mgeneral-regs-only -DPERCPU_ARM_EL3
// bad: -DPERCPU_PLATFORM_SINGLE
// good: -DPERCPU_PLATFORM_BARE
#include <percpu/percpu.h>

typedef int empty;
