// SPDX-License-Identifier: MIT
// error: no port to this architecture
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mno-red-zone -mgeneral-regs-only
// bad: -U__x86_64__ -DUNUSED
// good: -DUNUSED
#include <percpu/percpu.h>

typedef int empty;
