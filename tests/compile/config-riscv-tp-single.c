// SPDX-License-Identifier: MIT
// error: PERCPU_RISCV_TP is for PERCPU_PLATFORM_BARE on riscv
// with: riscv64-linux-gnu-gcc -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany
// flags: -ffreestanding -DPERCPU_RISCV_TP
// bad: -DPERCPU_PLATFORM_SINGLE
// good: -DPERCPU_PLATFORM_BARE
#include <percpu/percpu.h>

typedef int empty;
