/* SPDX-License-Identifier: MIT */
/* riscv: keeps linkers from using gp. Part of cpu.h. */
#ifndef PERCPU_RISCV_TP

/*
 * Linkers make the compiler's accesses relative to gp when __global_pointer$ is defined (psABI,
 * "Global-pointer Relaxation"). The weak definition here prevents the relaxation: LLD then defines
 * no such symbol of its own, and GNU ld relaxes by a strong one only. A linker script's own
 * assignment prevails over the weak definition: the scripts of ld/ refuse the assignment, and with
 * other scripts percpu_init_reg() does.
 */
#ifdef PERCPU__DEFINE_CONFIG /* src/common.c */
__asm__(".weak __global_pointer$\n\t.set __global_pointer$, 0\n\t"
        ".weak percpu_riscv_base_gp\n\t.set percpu_riscv_base_gp, 1");
#endif
extern const char percpu__global_pointer[] __asm__("__global_pointer$") PERCPU__HIDDEN;
extern const char percpu_riscv_base_gp[] PERCPU__HIDDEN;

/* In a PIE GNU ld moves words that hold absolute symbols, all by the same distance: compare two. */
PERCPU__INLINE int percpu__reg_check(void)
{
    static const volatile uintptr_t defined = (uintptr_t)percpu__global_pointer;
    static const volatile uintptr_t one = (uintptr_t)percpu_riscv_base_gp;
    return defined != one - 1 ? -PERCPU_EGP : 0;
}
#define percpu__reg_check percpu__reg_check

#endif
