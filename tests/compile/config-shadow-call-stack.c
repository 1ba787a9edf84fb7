// SPDX-License-Identifier: MIT
// error: the shadow call stack is in gp
// with: clang --target=riscv64-none-elf
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mcmodel=medany -fsanitize=shadow-call-stack
// bad: -DUNUSED
// good: -DPERCPU_RISCV_TP
#include <percpu/percpu.h>

typedef int empty;
