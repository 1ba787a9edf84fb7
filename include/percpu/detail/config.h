/* SPDX-License-Identifier: MIT */
/*
 * Configuration: which platform, which architecture, and what contradicts what.
 *
 * The settings are macros given to the compiler, to the library and to its users alike
 * (percpu.h lists them). This header chooses defaults, refuses contradictions and makes
 * every object file name its configuration, so that parts built differently do not link.
 */

/* -- Platform ------------------------------------------------------------------------ */

#if !defined(PERCPU_PLATFORM_BARE) && !defined(PERCPU_PLATFORM_THREAD) &&                          \
    !defined(PERCPU_PLATFORM_RSEQ) && !defined(PERCPU_PLATFORM_SINGLE)
#if !__STDC_HOSTED__
#define PERCPU_PLATFORM_BARE 1
#elif defined(__linux__)
#define PERCPU_PLATFORM_RSEQ 1
#else
#define PERCPU_PLATFORM_THREAD 1
#endif
#endif

#if defined(PERCPU_PLATFORM_BARE) + defined(PERCPU_PLATFORM_THREAD) +                              \
        defined(PERCPU_PLATFORM_RSEQ) + defined(PERCPU_PLATFORM_SINGLE) !=                         \
    1
#error "percpu: define one of PERCPU_PLATFORM_BARE, _THREAD, _RSEQ and _SINGLE, not several"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_PLATFORM_RSEQ) && !(__STDC_HOSTED__ && defined(__linux__))
#error                                                                                             \
    "percpu: PERCPU_PLATFORM_RSEQ is for programs on Linux: restartable sequences are its system call"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_PLATFORM_THREAD) && !__STDC_HOSTED__
#error "percpu: PERCPU_PLATFORM_THREAD needs a hosted build; kernels use PERCPU_PLATFORM_BARE"
#include <percpu/detail/refused.h>
#endif

#if defined(PERCPU_PLATFORM_BARE)
#define PERCPU__CFG_PLATFORM "bare"
#elif defined(PERCPU_PLATFORM_THREAD)
#define PERCPU__CFG_PLATFORM "thread"
#elif defined(PERCPU_PLATFORM_RSEQ)
#define PERCPU__CFG_PLATFORM "rseq"
#else
#define PERCPU__CFG_PLATFORM "single"
#endif

/* -- Architecture: the selector ------------------------------------------------------ */

#if defined(__x86_64__) && !defined(__ILP32__)
#define PERCPU__ARCH_IRQ "percpu/detail/arch/x86_64/irq.h"
#define PERCPU__ARCH_CPU "percpu/detail/arch/x86_64/cpu.h"
#define PERCPU__ARCH_ACCESS "percpu/detail/arch/x86_64/access.h"
#define PERCPU__ARCH_RSEQ "percpu/detail/arch/x86_64/rseq.h"
#define PERCPU__ARCH_LIST "percpu/detail/arch/x86_64/list.h"
#define PERCPU__ARCH_USER_REGISTER 1 /* a program may set the per-CPU register */
/*
 * PERCPU__X86_ATT begins each asm statement that has operands. No macro tells of -masm=intel: under
 * it compilers assemble the text after the `|`, an error in place of swapped operands. The text has
 * no line of its own, since compilers count an asm statement's lines to decide what to inline.
 */
#define PERCPU__X86_ATT "{|.error \"percpu: not with -masm=intel: build with -masm=att\" #}"
#ifndef __SSE__
#define PERCPU__BUILT_GENERAL_REGS_ONLY 1
#define PERCPU__ARCH_NO_REALS 1 /* compilers refuse double */
#endif
#if defined(__CET__) && (__CET__ & 1)
#define PERCPU__BUILT_BRANCH_TARGETS 1 /* -fcf-protection=branch: endbr64 */
#endif
#elif defined(__loongarch64)
#define PERCPU__ARCH_IRQ "percpu/detail/arch/loongarch64/irq.h"
#define PERCPU__ARCH_CPU "percpu/detail/arch/loongarch64/cpu.h"
#define PERCPU__ARCH_ACCESS "percpu/detail/arch/loongarch64/access.h"
#define PERCPU__ARCH_RSEQ "percpu/detail/arch/loongarch64/rseq.h"
#define PERCPU__ARCH_LIST "percpu/detail/arch/loongarch64/list.h"
#define PERCPU__ARCH_NAMES_SYMBOLS 1
#define PERCPU__ARCH_NEAR_PAYS 1
#define PERCPU__ARCH_ZERO_VMA_LIMIT "0x80000000"                      /* lu12i.w and ori */
#define PERCPU__ARCH_ZERO_VMA_MODEL __attribute__((model("extreme"))) /* reaches VMA 0: access.h */
#if __loongarch_frlen == 0
#define PERCPU__BUILT_GENERAL_REGS_ONLY 1
#endif
#if defined(PERCPU_ZERO_VMA) && !__has_attribute(model)
#error                                                                                             \
    "percpu: PERCPU_ZERO_VMA on loongarch64 needs clang 18 or GCC 13, which have attribute model: without it code in the high half gets wrong addresses"
#include <percpu/detail/refused.h>
#endif
#elif defined(__arm__) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'A'
#define PERCPU__ARCH_IRQ "percpu/detail/arch/arm/irq.h"
#define PERCPU__ARCH_CPU "percpu/detail/arch/arm/cpu.h"
#define PERCPU__ARCH_ACCESS "percpu/detail/arch/arm/access.h"
#define PERCPU__ARCH_RSEQ "percpu/detail/arch/arm/rseq.h"
#define PERCPU__ARCH_LIST "percpu/detail/arch/arm/list.h"
#define PERCPU__ARCH_NAMES_SYMBOLS 1
#define PERCPU__ARCH_ZERO_VMA_LIMIT "0x10000" /* bytes of template at VMA 0 that one movw reaches */
#ifdef __SOFTFP__ /* -mfloat-abi=soft; GCC's -mgeneral-regs-only with softfp defines nothing */
#define PERCPU__BUILT_GENERAL_REGS_ONLY 1
#endif
#ifndef __ARM_FEATURE_UNALIGNED
#define PERCPU__BUILT_STRICT_ALIGN 1
#endif
#ifdef PERCPU_ARM_TPIDRPRW
#define PERCPU__ARM_TPID "c13, c0, 4"
#define PERCPU__CFG_ARCH "__tpidrprw"
#else
#define PERCPU__ARM_TPID "c13, c0, 3"
#endif
#elif defined(__aarch64__) && !defined(__ILP32__)
#define PERCPU__ARCH_IRQ "percpu/detail/arch/aarch64/irq.h"
#define PERCPU__ARCH_CPU "percpu/detail/arch/aarch64/cpu.h"
#define PERCPU__ARCH_ACCESS "percpu/detail/arch/aarch64/access.h"
#define PERCPU__ARCH_RSEQ "percpu/detail/arch/aarch64/rseq.h"
#define PERCPU__ARCH_LIST "percpu/detail/arch/aarch64/list.h"
#define PERCPU__ARCH_NAMES_SYMBOLS 1
#define PERCPU__ARCH_NEAR_PAYS 1
#define PERCPU__ARCH_ZERO_VMA_LIMIT "0x10000" /* one movz */
#ifndef __ARM_FP
#define PERCPU__BUILT_GENERAL_REGS_ONLY 1
#define PERCPU__ARCH_NO_REALS 1 /* as on x86_64 */
#endif
#ifndef __ARM_FEATURE_UNALIGNED /* GCC defines it with -mstrict-align, too */
#define PERCPU__BUILT_STRICT_ALIGN 1
#endif
#ifdef __ARM_FEATURE_BTI_DEFAULT
#define PERCPU__BUILT_BRANCH_TARGETS 1 /* -mbranch-protection=bti */
#endif
#if defined(PERCPU_ARM_EL2) + defined(PERCPU_ARM_EL3) + defined(PERCPU_ARM_X18) > 1
#error                                                                                             \
    "percpu: PERCPU_ARM_EL2, PERCPU_ARM_EL3 and PERCPU_ARM_X18 each name the register: define one (x18 serves at any exception level)"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_ARM_EL2)
#define PERCPU__A64_EL 2
#define PERCPU__CFG_ARCH "__el2"
#elif defined(PERCPU_ARM_EL3)
#define PERCPU__A64_EL 3
#define PERCPU__CFG_ARCH "__el3"
#elif defined(PERCPU_ARM_X18)
#define PERCPU__CFG_ARCH "__x18"
#else
#define PERCPU__A64_EL 1
#endif
#elif defined(__riscv)
#define PERCPU__ARCH_IRQ "percpu/detail/arch/riscv/irq.h"
#define PERCPU__ARCH_CPU "percpu/detail/arch/riscv/cpu.h"
#define PERCPU__ARCH_ACCESS "percpu/detail/arch/riscv/access.h"
#define PERCPU__ARCH_LIST "percpu/detail/arch/riscv/list.h"
#define PERCPU__ARCH_NAMES_SYMBOLS 1
#if __riscv_xlen == 64
#define PERCPU__ARCH_RSEQ "percpu/detail/arch/riscv/rseq.h"
#elif defined(PERCPU_PLATFORM_RSEQ)
#error                                                                                             \
    "percpu: PERCPU_PLATFORM_RSEQ needs riscv64, since riscv32 cannot store 8 bytes at once: define PERCPU_PLATFORM_THREAD"
#include <percpu/detail/refused.h>
#endif
#define PERCPU__ARCH_NEAR_PAYS 1
#define PERCPU__ARCH_ZERO_VMA_LIMIT "0x7ffff000" /* lui */
#if !defined(__riscv_flen) && !defined(__riscv_vector)
#define PERCPU__BUILT_GENERAL_REGS_ONLY 1
#endif
#if __riscv_xlen == 64 && !defined(__clang__) && __GNUC__ < 14
/* GCC's PR target/114130: lr.w's sign-extended result is compared with an operand that is not. */
#define PERCPU__ARCH_CAS_EXTENDS_SIGN 1
#endif
#ifdef PERCPU_RISCV_TP
#define PERCPU__RISCV_BASE "tp"
#else
#define PERCPU__RISCV_BASE "gp"
#endif
#ifdef PERCPU_RISCV_M_MODE
#define PERCPU__RISCV_STATUS "mstatus"
#define PERCPU__RISCV_IE 8 /* MIE */
#define PERCPU__CFG_ARCH "__m_mode_" PERCPU__RISCV_BASE
#else
#define PERCPU__RISCV_STATUS "sstatus"
#define PERCPU__RISCV_IE 2 /* SIE */
#define PERCPU__CFG_ARCH "__" PERCPU__RISCV_BASE
#endif
#elif defined(PERCPU_PLATFORM_BARE) && !defined(PERCPU_OWN_REGISTER)
#error                                                                                             \
    "percpu: no port to this architecture: define PERCPU_OWN_REGISTER (detail/own/config.h), or write one: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif

/* The kernel's functions replace the port's register and mask; compilers make all addresses. */
#ifdef PERCPU_OWN_REGISTER
#include <percpu/detail/own/config.h>
#endif

/* Headers that a configuration cannot do without. */
#if defined(PERCPU_PLATFORM_BARE) && !defined(PERCPU__ARCH_CPU)
#error "percpu: the selector names no PERCPU__ARCH_CPU for this architecture: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif
#if !__STDC_HOSTED__ && !defined(PERCPU__ARCH_IRQ)
#error "percpu: the selector names no PERCPU__ARCH_IRQ for this architecture: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU__ARCH_USER_REGISTER) &&                                                         \
    !(defined(PERCPU__ARCH_CPU) && defined(PERCPU__ARCH_ACCESS))
#error                                                                                             \
    "percpu: the selector names no PERCPU__ARCH_CPU and PERCPU__ARCH_ACCESS, as PERCPU__ARCH_USER_REGISTER wants: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_PLATFORM_RSEQ) && !defined(PERCPU__ARCH_RSEQ)
#error                                                                                             \
    "percpu: no restartable sequences for this architecture: define PERCPU_PLATFORM_THREAD, which needs none, or see docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif
#if (defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_RESTART)) && !defined(PERCPU__ARCH_LIST)
#error "percpu: the selector names no PERCPU__ARCH_LIST for this architecture: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif

/* -- Options ------------------------------------------------------------------------- */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "percpu: big-endian targets are not supported: no port was tested on one"
#include <percpu/detail/refused.h>
#endif
#if defined(__code_model_large__) || defined(__AARCH64_CMODEL_LARGE__)
#error "percpu: the large code model is not supported: accesses need a symbol within 2 GiB"
#include <percpu/detail/refused.h>
#endif

#if defined(PERCPU_ARM_EL2) && !(defined(__aarch64__) && defined(PERCPU_PLATFORM_BARE))
#error "percpu: PERCPU_ARM_EL2 is for PERCPU_PLATFORM_BARE on aarch64: only there is a TPIDR_EL2"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_ARM_EL3) && !(defined(__aarch64__) && defined(PERCPU_PLATFORM_BARE))
#error "percpu: PERCPU_ARM_EL3 is for PERCPU_PLATFORM_BARE on aarch64: only there is a TPIDR_EL3"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_ARM_X18) && !(defined(__aarch64__) && defined(PERCPU_PLATFORM_BARE))
#error "percpu: PERCPU_ARM_X18 is for PERCPU_PLATFORM_BARE on aarch64"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_ARM_X18) && defined(__clang__)
#if __has_feature(shadow_call_stack)
#error "percpu: the shadow call stack is in x18: build without PERCPU_ARM_X18"
#include <percpu/detail/refused.h>
#endif
#endif
#if defined(PERCPU_ARM_TPIDRPRW) && !(defined(__arm__) && defined(PERCPU_PLATFORM_BARE))
#error                                                                                             \
    "percpu: PERCPU_ARM_TPIDRPRW is for PERCPU_PLATFORM_BARE on 32-bit arm; aarch64 has TPIDR_EL1"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_RISCV_TP) && !(defined(__riscv) && defined(PERCPU_PLATFORM_BARE))
#error "percpu: PERCPU_RISCV_TP is for PERCPU_PLATFORM_BARE on riscv"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_RISCV_M_MODE) && !(defined(__riscv) && !__STDC_HOSTED__)
#error "percpu: PERCPU_RISCV_M_MODE is for freestanding riscv programs: only they mask interrupts"
#include <percpu/detail/refused.h>
#endif
#if defined(__riscv) && defined(PERCPU_PLATFORM_BARE) && !defined(PERCPU_RISCV_TP) &&              \
    defined(__clang__)
#if __has_feature(shadow_call_stack)
#error "percpu: the shadow call stack is in gp: build with PERCPU_RISCV_TP"
#include <percpu/detail/refused.h>
#endif
#endif
#ifndef PERCPU__CFG_ARCH
#define PERCPU__CFG_ARCH ""
#endif

/*
 * In the kernel code model, and with -mstack-protector-guard-reg=gs, which no macro tells of, GCC
 * and clang read the stack protector's guard from %gs:40. With this library %gs:40 is any memory,
 * at delta + 40. PERCPU_STACK_GUARD says that the guard comes from elsewhere.
 */
#if defined(__x86_64__) && defined(PERCPU_PLATFORM_BARE) &&                                        \
    (defined(__SSP__) || defined(__SSP_STRONG__) || defined(__SSP_ALL__)) &&                       \
    !defined(PERCPU_STACK_GUARD)
#error                                                                                             \
    "percpu: with -mcmodel=kernel or -mstack-protector-guard-reg=gs the stack protector reads %gs:40, which belongs to no variable here; build with -fno-stack-protector, or with -mstack-protector-guard=tls -mstack-protector-guard-reg=gs -mstack-protector-guard-symbol=__PERCPU_stack_guard -DPERCPU_STACK_GUARD and PERCPU_DEFINE(uintptr_t, stack_guard). Where it reads %fs:40 or __stack_chk_guard: build with -DPERCPU_STACK_GUARD"
#include <percpu/detail/refused.h>
#endif

/* thread: code for a shared library reaches its variables' copies by a word set at load time. */
#if defined(PERCPU_PLATFORM_THREAD) && defined(__PIC__) && !defined(__PIE__)
#define PERCPU__SHIFTED 1
#endif

#ifdef PERCPU_ZERO_VMA
#if !defined(PERCPU_PLATFORM_BARE)
#error "percpu: PERCPU_ZERO_VMA is for PERCPU_PLATFORM_BARE; other platforms link at a natural VMA"
#include <percpu/detail/refused.h>
#endif
#if defined(__PIC__) || defined(__PIE__)
#error                                                                                             \
    "percpu: PERCPU_ZERO_VMA cannot self-relocate: a template at VMA 0 must not move; build with -fno-pic"
#include <percpu/detail/refused.h>
#endif
#define PERCPU__CFG_VMA "__zero_vma"
#define PERCPU__BY_VMA(zero, natural) zero
#else
#define PERCPU__CFG_VMA ""
#define PERCPU__BY_VMA(zero, natural) natural
#endif

/* The three ways to keep a caller on its CPU. */
#if defined(PERCPU_PREEMPT) || defined(PERCPU_PREEMPT_STATE) || defined(PERCPU_PREEMPT_IRQ)
#if !defined(PERCPU_PLATFORM_BARE)
#error                                                                                             \
    "percpu: PERCPU_PREEMPT, _PREEMPT_STATE and _PREEMPT_IRQ are for PERCPU_PLATFORM_BARE: only a kernel can turn preemption off"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_PREEMPT) + defined(PERCPU_PREEMPT_STATE) + defined(PERCPU_PREEMPT_IRQ) != 1
#error                                                                                             \
    "percpu: define one of PERCPU_PREEMPT, PERCPU_PREEMPT_STATE and PERCPU_PREEMPT_IRQ, not several"
#include <percpu/detail/refused.h>
#endif
#endif
#if defined(PERCPU_PREEMPT)
#define PERCPU__CFG_PREEMPT "__preempt"
#elif defined(PERCPU_PREEMPT_STATE)
#define PERCPU__CFG_PREEMPT "__preempt_state"
#elif defined(PERCPU_PREEMPT_IRQ)
#define PERCPU__CFG_PREEMPT "__preempt_irq"
#else
#define PERCPU__CFG_PREEMPT ""
#endif

#if defined(PERCPU_CALL) && !defined(PERCPU_PLATFORM_BARE)
#error                                                                                             \
    "percpu: PERCPU_CALL is for PERCPU_PLATFORM_BARE: only a kernel calls functions on other CPUs"
#include <percpu/detail/refused.h>
#endif

#ifdef PERCPU_RSEQ_MM_CID
#if !defined(PERCPU_PLATFORM_RSEQ)
#error                                                                                             \
    "percpu: PERCPU_RSEQ_MM_CID is for PERCPU_PLATFORM_RSEQ: the kernel numbers the running threads of Linux processes only"
#include <percpu/detail/refused.h>
#endif
#define PERCPU__CFG_INDEX "__mm_cid"
#else
#define PERCPU__CFG_INDEX ""
#endif

#ifdef PERCPU_RESTART
#if !defined(PERCPU_PLATFORM_BARE)
#error "percpu: PERCPU_RESTART is for PERCPU_PLATFORM_BARE: only a kernel can restart its sequences"
#include <percpu/detail/refused.h>
#endif
#define PERCPU__CFG_RESTART "__restart"
#else
#define PERCPU__CFG_RESTART ""
#endif

#ifdef PERCPU_DEBUG
#define PERCPU__CFG_DEBUG "__debug"
#else
#define PERCPU__CFG_DEBUG ""
#endif

#ifndef PERCPU_MAX_CPUS
#if defined(PERCPU_PLATFORM_BARE)
#define PERCPU_MAX_CPUS 64
#elif defined(PERCPU_PLATFORM_SINGLE)
#define PERCPU_MAX_CPUS 1
#else
#define PERCPU_MAX_CPUS 8192 /* the largest NR_CPUS of Linux: untouched entries cost no memory */
#endif
#endif
#if PERCPU_MAX_CPUS < 1 || PERCPU_MAX_CPUS > 65536
#error "percpu: PERCPU_MAX_CPUS must be from 1 to 65536"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_PLATFORM_SINGLE) && PERCPU_MAX_CPUS != 1
#error "percpu: PERCPU_PLATFORM_SINGLE has one CPU; do not set PERCPU_MAX_CPUS"
#include <percpu/detail/refused.h>
#endif

/* -- The assembler ------------------------------------------------------------------- */

/*
 * Section flag "R", which makes linkers keep a section, came with binutils 2.36. An older assembler
 * would report each use; .abort stops it at once. Only GNU's assembler has .gasversion.
 */
__asm__(".ifdef .gasversion.\n\t"
        ".if .gasversion. < 23600\n\t"
        ".error \"percpu: this assembler is too old: binutils 2.36 or newer is needed\"\n\t"
        ".abort\n\t"
        ".endif\n\t"
        ".endif");

/* -- The link-time check ------------------------------------------------------------- */

/*
 * Every object file that includes the header refers to a symbol whose name spells the
 * configuration; the library defines the symbol of its own configuration. Where the two differ, the
 * linker says: undefined reference to `percpu_built_as__bare__cpus_64__debug'. The reference is a
 * 4-byte difference, which needs no dynamic relocation and works in every code model, in a section
 * that --gc-sections keeps ("R").
 *
 * Kernels compile some files with flags that restrict the compiler (PERCPU__BUILT_*, which the
 * selector above derives from what compilers predefine). Library functions that such a file calls
 * must be as restricted: the file refers to percpu_built_with__<restriction> for each restriction,
 * and the library defines the symbols of the restrictions that it was compiled with.
 */
#define PERCPU__STR_(x) #x
#define PERCPU__STR(x) PERCPU__STR_(x)
#define PERCPU__CFG_SYMBOL                                                                         \
    "percpu_built_as__" PERCPU__CFG_PLATFORM "__cpus_" PERCPU__STR(PERCPU_MAX_CPUS)                \
        PERCPU__CFG_ARCH PERCPU__CFG_VMA PERCPU__CFG_PREEMPT PERCPU__CFG_RESTART PERCPU__CFG_INDEX \
            PERCPU__CFG_DEBUG

#ifdef PERCPU__DEFINE_CONFIG /* src/common.c */
#define PERCPU__CFG_ENTRY(section, symbol)                                                         \
    __asm__(".pushsection " section ",\"aR\",%progbits\n\t"                                        \
            ".globl " symbol "\n\t"                                                                \
            ".hidden " symbol "\n" symbol ":\n\t"                                                  \
            ".long 0\n\t"                                                                          \
            ".popsection")
#if defined(PERCPU_ZERO_VMA) && defined(PERCPU__ARCH_ZERO_VMA_LIMIT)
/* For the ASSERT of percpu-template.ld, where linkers do not check the relocations. */
__asm__(
    ".weak __percpu_zero_vma_limit\n\t.set __percpu_zero_vma_limit, " PERCPU__ARCH_ZERO_VMA_LIMIT);
#endif
#else
#define PERCPU__CFG_ENTRY(section, symbol)                                                         \
    __asm__(".pushsection " section ",\"aR\",%progbits\n\t"                                        \
            ".hidden " symbol "\n\t"                                                               \
            ".long " symbol " - .\n\t"                                                             \
            ".popsection")
#endif

/* thread: code compiled for programs has this section. A shared library that has it is refused. */
#if defined(PERCPU_PLATFORM_THREAD) && !defined(PERCPU__SHIFTED) && !defined(PERCPU__DEFINE_CONFIG)
#define PERCPU__CFG_SECTION "percpu_for_programs"
#else
#define PERCPU__CFG_SECTION ".rodata.percpu_config"
#endif
PERCPU__CFG_ENTRY(PERCPU__CFG_SECTION, PERCPU__CFG_SYMBOL);

#if defined(PERCPU_PLATFORM_BARE) || !__STDC_HOSTED__
#ifdef PERCPU__BUILT_GENERAL_REGS_ONLY
PERCPU__CFG_ENTRY(PERCPU__CFG_SECTION, "percpu_built_with__general_regs_only");
#endif
#ifdef PERCPU__BUILT_STRICT_ALIGN
PERCPU__CFG_ENTRY(PERCPU__CFG_SECTION, "percpu_built_with__strict_align");
#endif
#ifdef PERCPU__BUILT_BRANCH_TARGETS
PERCPU__CFG_ENTRY(PERCPU__CFG_SECTION, "percpu_built_with__branch_targets");
#endif
#endif
