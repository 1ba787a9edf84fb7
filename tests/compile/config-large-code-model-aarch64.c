// SPDX-License-Identifier: MIT
// error: the large code model is not supported
// with: aarch64-linux-gnu-gcc
// with: clang --target=aarch64-none-elf
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mgeneral-regs-only
// bad: -mcmodel=large
// good: -mcmodel=small
#include <percpu/percpu.h>

typedef int empty;
