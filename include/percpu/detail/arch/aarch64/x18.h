/* SPDX-License-Identifier: MIT */
/*
 * aarch64: x18 as the per-CPU register. Part of cpu.h. Loads and stores add x18, so that no access
 * copies it: a read or a write is one instruction, behind those that make the template's address.
 *
 * Every file of the kernel is compiled with -ffixed-x18 (AAPCS64, IHI 0055, "General-purpose
 * Registers": the platform's register, or a temporary one where the platform has no use for it). If
 * a file that includes this header is compiled without the option, clang reports an error (a
 * function requires the target feature reserve-x18), and GCC a warning that names the variable
 * below; the variable keeps GCC from using x18 in the file.
 */

#ifdef __clang__
__attribute__((always_inline, target("reserve-x18"))) static inline void
percpu__build_with_ffixed_x18(void)
{
}
#define PERCPU__A64_RESERVED() percpu__build_with_ffixed_x18()
#ifndef __OPTIMIZE__ /* accesses are calls of the library's functions */
__attribute__((used)) static void percpu__is_built_with_ffixed_x18(void)
{
    percpu__build_with_ffixed_x18();
}
#endif
#else
__extension__ register uintptr_t percpu__build_with_ffixed_x18 __asm__("x18");
#define PERCPU__A64_RESERVED() ((void)0)
#endif

#define PERCPU__A64_READ(to) "mov " to ", x18"
#define PERCPU__A64_WRITE(from) "mov x18, " from
#define PERCPU__A64_BASE "x18"
#define PERCPU__A64_BASE_READ ""
#define PERCPU__A64_SCRATCH(t)
