// SPDX-License-Identifier: MIT
// error: the shadow call stack is in x18
// with: clang --target=aarch64-none-elf
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -ffixed-x18 -fsanitize=shadow-call-stack
// bad: -DPERCPU_ARM_X18
// good: -DPERCPU_ARM_EL2
#include <percpu/percpu.h>

typedef int empty;
