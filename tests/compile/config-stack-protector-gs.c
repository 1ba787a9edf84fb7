// SPDX-License-Identifier: MIT
// error: the stack protector reads %gs:40
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fstack-protector-strong
// bad: -mstack-protector-guard=tls -mstack-protector-guard-reg=gs
// good: -mstack-protector-guard=global -DPERCPU_STACK_GUARD
#include <percpu/percpu.h>

typedef int empty;
