/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: the per-CPU register is $r21, which compilers neither use nor save and so have no
 * option for: "reserved (non-allocatable)" (Procedure Call Standard for the LoongArch Architecture,
 * 20231219, "General-purpose register convention"; LLVM, LoongArchRegisterInfo::getReservedRegs).
 */
#ifndef PERCPU_DETAIL_ARCH_LOONGARCH64_CPU_H
#define PERCPU_DETAIL_ARCH_LOONGARCH64_CPU_H

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    __asm__ volatile("move %0, $r21" : "=r"(delta));
    return delta;
}
#define percpu__reg_read percpu__reg_read

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    __asm__ volatile("move $r21, %0" : : "r"(delta) : "memory");
}
#define percpu__reg_write percpu__reg_write

#endif
