/* SPDX-License-Identifier: MIT */
/*
 * aarch64 start-up, at EL1, EL2 and EL3, found out at run time: a program may be built for any. CPU 0
 * starts at the beginning, the others, through PSCI, at a64_secondary; MMU and caches off. At EL3
 * nobody is above: all CPUs start at the beginning, and others than CPU 0 wait for a64_released.
 *
 * The linker script's bare_mmu decides whether they are turned on. A program linked at
 * 0xffffffff80000000 plus an offset into memory runs there, which EL2 and EL3 cannot do.
 *
 * Arm ARM: Arm Architecture Reference Manual for A-profile, DDI 0487.
 */
#include "machine.h"

#define EL2 (2 << 2) /* CurrentEL */
#define EL3 (3 << 2)

#define MAIR 0xff04             /* attribute 0: Device-nGnRE; 1: Normal, write-back */
#define TCR_EL1 0xb5193519      /* 39 bits, 4 KiB pages, tables cacheable; both halves */
#define TCR_HIGHER 0x80803519   /* the same of EL2 and EL3; there is no upper half */
#define SCTLR_EL1_ON 0x30d01805 /* I, C, M; RES1 */
#define SCTLR_HIGHER_ON 0x30c51835

    .macro mmu_on el, tcr, tables, sctlr, all
    /* Nothing is in the caches: QEMU has none. Hardware would want them invalidated. */
    ldr x0, =MAIR
    msr mair_el\el, x0
    ldr x0, =\tcr
    msr tcr_el\el, x0
    adr x0, \tables
    msr ttbr0_el\el, x0
    .if \el == 1
    msr ttbr1_el1, x0
    .endif
    isb
    tlbi \all
    dsb nsh
    isb
    ldr x0, =\sctlr
    msr sctlr_el\el, x0
    isb
    .endm

    .section .boot, "ax"
    mov x19, #0
    mrs x20, currentel
    cmp x20, #EL3
    b.ne 1f
    mrs x19, mpidr_el1
    and x19, x19, #0xff
    cbz x19, 1f
    ldr x1, =a64_released
0:  wfe
    ldar x0, [x1]
    cbz x0, 0b
    b 1f

/* x0 is the CPU number. */
    .globl a64_secondary
a64_secondary:
    mov x19, x0

1:  mrs x20, currentel
    movz x0, #:abs_g0:bare_mmu
    cbz x0, 3f
    cmp x20, #EL2
    b.eq 2f
    b.hi 9f
    mmu_on 1, TCR_EL1, tables_el1, SCTLR_EL1_ON, vmalle1
    b 3f
2:  mmu_on 2, TCR_HIGHER, tables_higher, SCTLR_HIGHER_ON, alle2
    b 3f
9:  mmu_on 3, TCR_HIGHER, tables_higher, SCTLR_HIGHER_ON, alle3

3:  ldr x0, =a64_vectors_el1
    ldr x1, =a64_vectors_el2
    ldr x2, =a64_vectors_el3
    cmp x20, #EL2
    b.eq 4f
    b.hi 9f
    msr vbar_el1, x0
    b 5f
4:  msr vbar_el2, x1
    b 5f
9:  msr vbar_el3, x2
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
#define MEMORY_HIGHER (MEMORY | 0x40) /* AP[1] is RES1 there */
#define DEVICE 0x60000000000401    /* block, attribute 0, accessed, never executed */
    .balign 4096
tables_el1:
    .quad directory + TABLE
    .quad 0x40000000 + MEMORY
    .fill 508, 8, 0
    .quad 0x40000000 + MEMORY
    .quad 0
tables_higher:
    .quad directory + TABLE
    .quad 0x40000000 + MEMORY_HIGHER
    .fill 510, 8, 0
directory:
    .quad 0
    .set address, 0x200000
    .rept 511
    .quad address + DEVICE
    .set address, address + 0x200000
    .endr

    .section .data.a64, "aw"
    .balign 8
    .globl a64_released
a64_released:
    .quad 0

/*
 * Exceptions. Interrupts save a struct a64_frame; everything else is an error. The per-CPU
 * register is any code's: nothing here reads or writes it. So x18, saved, is not restored where it is
 * that register: a task goes on with that of the CPU that it goes on.
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
    .ifc \op, ldp
    ldr x19, [sp, #152]
#ifndef PERCPU_ARM_X18
    ldr x18, [sp, #144]
#endif
    .else
    stp x18, x19, [sp, #144]
    .endif
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
    vectors 3

    .section .note.GNU-stack, "", @progbits
