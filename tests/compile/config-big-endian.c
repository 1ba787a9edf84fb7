// SPDX-License-Identifier: MIT
// error: big-endian targets are not supported
// with: aarch64-linux-gnu-gcc
// with: clang --target=aarch64-none-elf
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mgeneral-regs-only
// bad: -mbig-endian
// good: -mlittle-endian
#include <percpu/percpu.h>

typedef int empty;
