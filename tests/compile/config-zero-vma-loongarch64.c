// SPDX-License-Identifier: MIT
// error: percpu: PERCPU_ZERO_VMA on loongarch64 needs
// with: clang-14
// flags: -DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mno-red-zone -mgeneral-regs-only -DPERCPU_ZERO_VMA
#ifndef GOOD
#undef __x86_64__
#define __loongarch64 1
#define __loongarch_frlen 0
#endif
#include <percpu/percpu.h>

typedef int empty;
