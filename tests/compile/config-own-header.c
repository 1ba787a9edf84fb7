// SPDX-License-Identifier: MIT
// error: there is no percpu_own.h on the include path
// with: aarch64-linux-gnu-gcc
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector
// bad: -DPERCPU_OWN_REGISTER
// good: -DUNUSED
#include <percpu/percpu.h>

typedef int empty;
