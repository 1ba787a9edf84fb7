// SPDX-License-Identifier: MIT
// error: the stack protector reads %gs:40
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -mcmodel=kernel
// bad: -fstack-protector-all
// good: -fstack-protector-all -DPERCPU_STACK_GUARD
#include <percpu/percpu.h>

typedef int empty;
