/* SPDX-License-Identifier: MIT */
/*
 * aarch64 start-up, at EL1 and EL2, found out at run time: a program may be built for either. CPU 0
 * starts at the beginning, the others, through PSCI, at a64_secondary; MMU and caches off.
 *
 * The linker script's bare_mmu decides whether they are turned on. A program linked at
 * 0xffffffff80000000 plus an offset into memory runs there, which EL2 cannot do.
 *
 * Arm ARM: Arm Architecture Reference Manual for A-profile, DDI 0487.
 */
#include "machine.h"

#define EL2 (2 << 2) /* CurrentEL */

#define MAIR 0xff04           /* attribute 0: Device-nGnRE; 1: Normal, write-back */
#define TCR_EL1 0xb5193519    /* 39 bits, 4 KiB pages, tables cacheable; both halves */
#define TCR_EL2 0x80803519    /* the same; there is no upper half */
#define SCTLR_EL1_ON 0x30d01805 /* I, C, M; RES1 */
#define SCTLR_EL2_ON 0x30c51835

    .section .boot, "ax"
    mov x19, #0
    b 1f

/* x0 is the CPU number. */
    .globl a64_secondary
a64_secondary:
    mov x19, x0

1:  mrs x20, currentel
    movz x0, #:abs_g0:bare_mmu
    cbz x0, 3f

    /* Nothing is in the caches: QEMU has none. Hardware would want them invalidated. */
    ldr x0, =MAIR
    cmp x20, #EL2
    b.eq 2f
    msr mair_el1, x0
    ldr x0, =TCR_EL1
    msr tcr_el1, x0
    adr x0, tables_el1
    msr ttbr0_el1, x0
    msr ttbr1_el1, x0
    isb
    tlbi vmalle1
    dsb nsh
    isb
    ldr x0, =SCTLR_EL1_ON
    msr sctlr_el1, x0
    isb
    b 3f

2:  msr mair_el2, x0
    ldr x0, =TCR_EL2
    msr tcr_el2, x0
    adr x0, tables_el2
    msr ttbr0_el2, x0
    isb
    tlbi alle2
    dsb nsh
    isb
    ldr x0, =SCTLR_EL2_ON
    msr sctlr_el2, x0
    isb

3:  ldr x0, =a64_vectors_el1
    ldr x1, =a64_vectors_el2
    cmp x20, #EL2
    b.eq 4f
    msr vbar_el1, x0
    b 5f
4:  msr vbar_el2, x1
5:  isb
    mov x29, #0
    ldr x0, =MACHINE_STACK_0
    mov x1, #MACHINE_STACK_SIZE
    madd x0, x19, x1, x0
    mov sp, x0
    cbnz x19, 8f

    ldr x0, =__bss_start
    ldr x1, =__bss_end
6:  cmp x0, x1 /* the start is aligned as the stacks are, and nothing follows the end */
    b.hs 7f
    stp xzr, xzr, [x0], #16
    b 6b
7:  ldr x0, =bare_start
    blr x0
    brk #0

8:  mov x0, x19
    ldr x1, =a64_cpu_start
    blr x1
    brk #0
    .ltorg

/*
 * Translation tables of level 1, an entry for each GiB: devices at 0, memory at 1 GiB, and at
 * 0xffffffff80000000 again. The first 2 MiB are not there: null pointers fault, and so do stray
 * accesses to a template at VMA 0. Arm ARM, "VMSAv8-64 translation table format descriptors".
 */
#define TABLE 3
#define MEMORY 0x705               /* block, attribute 1, inner shareable, accessed */
#define MEMORY_EL2 (MEMORY | 0x40) /* AP[1] is RES1 there */
#define DEVICE 0x60000000000401    /* block, attribute 0, accessed, never executed */
    .balign 4096
tables_el1:
    .quad directory + TABLE
    .quad 0x40000000 + MEMORY
    .fill 508, 8, 0
    .quad 0x40000000 + MEMORY
    .quad 0
tables_el2:
    .quad directory + TABLE
    .quad 0x40000000 + MEMORY_EL2
    .fill 510, 8, 0
directory:
    .quad 0
    .set address, 0x200000
    .rept 511
    .quad address + DEVICE
    .set address, address + 0x200000
    .endr

/*
 * Exceptions. Interrupts save a struct a64_frame; everything else is an error. The per-CPU
 * register is any code's: nothing here reads or writes it.
 */
    .macro saved op
    \op x0, x1, [sp, #0]
    \op x2, x3, [sp, #16]
    \op x4, x5, [sp, #32]
    \op x6, x7, [sp, #48]
    \op x8, x9, [sp, #64]
    \op x10, x11, [sp, #80]
    \op x12, x13, [sp, #96]
    \op x14, x15, [sp, #112]
    \op x16, x17, [sp, #128]
    \op x18, x19, [sp, #144]
    \op x20, x21, [sp, #160]
    \op x22, x23, [sp, #176]
    \op x24, x25, [sp, #192]
    \op x26, x27, [sp, #208]
    \op x28, x29, [sp, #224]
    .endm

    .macro vectors el
    .balign 2048
    .globl a64_vectors_el\el
a64_vectors_el\el:
    .set vector, 0
    .rept 16
    .balign 128
    /* IRQ, from this level with its stack pointer, and from EL0 (Arm ARM, "Exception vectors"). */
    .if vector == 5 || vector == 9
    b irq_el\el
    .else
    mov x0, #vector
    mrs x1, elr_el\el
    mrs x2, esr_el\el
    mrs x3, far_el\el
    b a64_fault
    .endif
    .set vector, vector + 1
    .endr

irq_el\el:
    sub sp, sp, #272
    saved stp
    mrs x0, elr_el\el
    mrs x1, spsr_el\el
    stp x30, x0, [sp, #240]
    str x1, [sp, #256]
    mov x0, sp
    bl a64_irq
    mov sp, x0
    ldp x30, x0, [sp, #240]
    ldr x1, [sp, #256]
    msr elr_el\el, x0
    msr spsr_el\el, x1
    saved ldp
    add sp, sp, #272
    eret
    .endm

    .text
    vectors 1
    vectors 2

    .section .note.GNU-stack, "", @progbits
