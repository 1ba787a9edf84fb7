/* SPDX-License-Identifier: MIT */
/*
 * What trap code written in assembly needs: a variable's symbol, and where an area says which CPU's
 * it is. For .S files; C may include it, too. Architectures need nothing more: the register holds
 * the delta, so the address of a variable on this CPU is its symbol plus the register.
 *
 *     x86_64         incq    %gs:PERCPU_SYMBOL(irq_count)(%rip)
 *
 *     aarch64        adrp    x0, PERCPU_SYMBOL(irq_count)
 *                    add     x0, x0, :lo12:PERCPU_SYMBOL(irq_count)
 *                    mrs     x1, tpidr_el1
 *                    ldr     x2, [x0, x1]
 *
 *     arm            movw    r0, #:lower16:PERCPU_SYMBOL(irq_count)
 *                    movt    r0, #:upper16:PERCPU_SYMBOL(irq_count)
 *                    mrc     p15, 0, r1, c13, c0, 3
 *                    ldr     r2, [r0, r1]
 *
 *     riscv64        .option norelax
 *                    lla     t0, PERCPU_SYMBOL(irq_count)
 *                    add     t0, t0, gp
 *                    ld      t1, 0(t0)
 *
 *     loongarch64    la.abs  $t0, PERCPU_SYMBOL(irq_count)
 *                    ldx.d   $t1, $t0, $r21
 *
 * x86_64's and loongarch64's forms also hold with PERCPU_ZERO_VMA; docs/entry.md has the others'
 * forms for it. (On loongarch64 la.pcrel does not reach VMA 0, and linkers do not say so.) The
 * variable must not be static: PERCPU_DEFINE(uint64_t, irq_count) in C. Do not touch a per-CPU
 * variable before the register is known to be the kernel's: docs/entry.md. On thread, x86_64's form
 * is for programs: a shared library that contains it is refused when it is loaded.
 */
#ifndef PERCPU_ASM_H
#define PERCPU_ASM_H

#include <percpu/detail/compiler.h>

/* The storage of a variable, or of a member: PERCPU_SYMBOL(stats) + 8. */
#define PERCPU_SYMBOL(name) __PERCPU_##name

/*
 * The head of each area has two words, a pointer wide, that are not written after initialisation:
 * the area's delta (what the register holds), and the CPU's number (what percpu_cpu_id() returns).
 */
#define PERCPU_HEAD PERCPU_SYMBOL(percpu__head)
#define PERCPU_HEAD_DELTA 0
#define PERCPU_HEAD_CPU __SIZEOF_POINTER__

/*
 * PERCPU_READ_DELTA(reg): one instruction that puts this CPU's delta, what the register holds, into
 * a general register, `reg`, of a pointer's size: PERCPU_READ_DELTA(%rax), (x0), (r1), (a0), ($a0).
 * On bare, where the register is the library's. On x86_64 the instruction reads the area's head,
 * and needs neither rdmsr nor CR4.FSGSBASE; GS_BASE has to be the kernel's.
 */
#if defined(__ASSEMBLER__) && !defined(PERCPU_OWN_REGISTER)
#include <percpu/detail/arch/aarch64/asm.h>
#include <percpu/detail/arch/arm/asm.h>
#include <percpu/detail/arch/loongarch64/asm.h>
#include <percpu/detail/arch/riscv/asm.h>
#include <percpu/detail/arch/x86_64/asm.h>
#endif

/*
 * PERCPU_RESTART: makes the instructions from `begin` up to, not including, `end`, both labels of
 * this file, a sequence as docs/restart.md describes. The macro stands behind `end`, in the same
 * section.
 */
#if defined(__ASSEMBLER__) && defined(PERCPU_RESTART)
/* clang-format off */
.macro PERCPU_RESTART_SEQUENCE begin, end
.pushsection percpu_restart, "aw", %0x60706375
#if __SIZEOF_POINTER__ == 8
.balign 8
percpu__entry\@: .quad \begin - ., \end - .
#else
.balign 4
percpu__entry\@: .long \begin - ., \end - .
#endif
.popsection
.reloc \begin, BFD_RELOC_NONE, percpu__entry\@
.endm
/* clang-format on */
#endif

/* Marks code that works only in a program, as detail/config.h does. */
#if defined(__ASSEMBLER__) && defined(PERCPU_PLATFORM_THREAD)
/* clang-format off */
.ifdef .gasversion.
.if .gasversion. < 23600 /* as in detail/config.h */
.error "percpu: this assembler is too old: binutils 2.36 or newer is needed"
.abort
.endif
.endif
.pushsection percpu_for_programs, "aR", %progbits
.long 0
.popsection
/* clang-format on */
#endif

#endif
