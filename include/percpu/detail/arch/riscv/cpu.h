/* SPDX-License-Identifier: MIT */
/*
 * riscv, 64 and 32 bits, supervisor mode or with PERCPU_RISCV_M_MODE machine mode. The per-CPU
 * register is gp, or with PERCPU_RISCV_TP tp: "unallocatable" to compilers (psABI).
 *
 * Unprivileged: The RISC-V Instruction Set Manual, volume I. Privileged: volume II. psABI: RISC-V
 * ABIs Specification, "Integer Register Convention", "Code models" and "Linker Relaxation".
 */

/* PAUSE: on a CPU without it a fence that orders nothing (Unprivileged, "Zihintpause"). */
PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile(".4byte 0x0100000f" : : : "memory");
}
#define percpu__relax percpu__relax

/* -- The register ------------------------------------------------------------------------------ */

PERCPU__INLINE uintptr_t percpu__reg_read(void)
{
    uintptr_t delta;
    __asm__ volatile("mv %0, " PERCPU__RISCV_BASE : "=r"(delta));
    return delta;
}
#define percpu__reg_read percpu__reg_read

PERCPU__INLINE void percpu__reg_write(uintptr_t delta)
{
    __asm__ volatile("mv " PERCPU__RISCV_BASE ", %0" : : "r"(delta) : "memory");
}
#define percpu__reg_write percpu__reg_write

#include <percpu/detail/arch/riscv/gp.h>
