// SPDX-License-Identifier: MIT
// error: no port to this architecture
// with: gcc
// with: clang
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mno-red-zone -mgeneral-regs-only
// bad: -mx32
// good: -m64
#include <percpu/percpu.h>

typedef int empty;
