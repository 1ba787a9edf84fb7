// SPDX-License-Identifier: MIT
// error: no port to this architecture
// with: aarch64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mgeneral-regs-only
// bad: -mabi=ilp32
// good: -mabi=lp64
#include <percpu/percpu.h>

typedef int empty;
