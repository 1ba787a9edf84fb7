// SPDX-License-Identifier: MIT
// error: PERCPU_ZERO_VMA on loongarch64 needs clang 18 or GCC 13
// with: clang --target=loongarch64-none-gnusf -msoft-float
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -DPERCPU_ZERO_VMA
// bad: -Wno-builtin-macro-redefined -D__has_attribute(x)=0
// good: -DUNUSED
#include <percpu/percpu.h>

typedef int empty;
