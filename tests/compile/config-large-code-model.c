// SPDX-License-Identifier: MIT
// error: the large code model is not supported
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mno-red-zone -mgeneral-regs-only
// bad: -mcmodel=large
// good: -mcmodel=kernel
#include <percpu/percpu.h>

typedef int empty;
