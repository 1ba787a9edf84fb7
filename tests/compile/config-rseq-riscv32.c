// SPDX-License-Identifier: MIT
// error: PERCPU_PLATFORM_RSEQ needs riscv64
// with: riscv64-linux-gnu-gcc -march=rv32imac_zicsr_zifencei -mabi=ilp32
// flags: -fno-pic
// bad: -DPERCPU_PLATFORM_RSEQ
// good: -DPERCPU_PLATFORM_BARE -ffreestanding
#include <percpu/detail/config.h> /* alone: there is no libc for it */

typedef int empty;
