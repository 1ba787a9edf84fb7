/* SPDX-License-Identifier: MIT */
/*
 * arm start-up: SVC mode, MMU off, interrupts masked; CPU 0 from the loader, the others from PSCI
 * CPU_ON with their number in r0. The linker script's bare_mmu decides whether MMU and caches are
 * turned on; a program linked at 0xc0000000 and above needs them.
 *
 * .boot is linked at its physical address, whichever half the program lies in.
 *
 * ARM: ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, DDI 0406C.
 */
#include "machine.h"

#define MODE_SVC 0x13
#define SCTLR_M 0x0001 /* MMU */
#define SCTLR_A 0x0002 /* alignment faults */
#define SCTLR_RUN (0x1804 | SCTLR_M) /* instruction cache, branch prediction, data cache, MMU */
#define TTBR_WALK 0x4a /* table walks: shareable, write-back write-allocate (ARM, B4.1.154) */

    .syntax unified
    .arch armv7-a
    .arm

    .section .boot, "ax"
    .type start, %function
start:
    mov r0, #0
    .globl arm_secondary
    .type arm_secondary, %function
arm_secondary:
    mov r4, r0
    mrc p15, 0, r5, c1, c0, 0
    orr r5, r5, #SCTLR_A
    movw r0, #:lower16:bare_mmu
    cmp r0, #0
    beq 1f

    /* Nothing is in the caches: QEMU has none. Hardware would want the data cache invalidated. */

    mov r0, #0
    mcr p15, 0, r0, c8, c7, 0 /* TLBIALL */
    mcr p15, 0, r0, c7, c5, 0 /* ICIALLU */
    mcr p15, 0, r0, c7, c5, 6 /* BPIALL */
    mcr p15, 0, r0, c2, c0, 2 /* TTBCR: TTBR0 alone, short descriptors */
    mov r0, #1
    mcr p15, 0, r0, c3, c0, 0 /* DACR: client of domain 0 */
    ldr r0, =sections + TTBR_WALK
    mcr p15, 0, r0, c2, c0, 0 /* TTBR0 */
    ldr r0, =SCTLR_RUN
    orr r5, r5, r0
    dsb
    isb
1:  mcr p15, 0, r5, c1, c0, 0
    isb
    ldr r0, =arm_vectors
    mcr p15, 0, r0, c12, c0, 0 /* VBAR */
    ldr sp, =MACHINE_STACK_0
    mov r0, #MACHINE_STACK_SIZE
    mul r0, r4, r0
    add sp, sp, r0
    cmp r4, #0
    bne 3f

    ldr r0, =__bss_start
    ldr r1, =__bss_end
    mov r2, #0
2:  cmp r0, r1
    strblo r2, [r0], #1
    blo 2b
    ldr r1, =bare_start
    blx r1

3:  mov r0, r4
    ldr r1, =arm_cpu_start
    blx r1
    .ltorg

/*
 * Sections of 1 MiB (ARM, B3.5.1): the address space as it is, with the null pointer's absent, and
 * the RAM at 0x40000000 again at 0xc0000000. Kernel only.
 */
#define DEVICE 0x00000416 /* shareable device memory, never executed */
#define MEMORY 0x0001140e /* shareable, write-back write-allocate */
    .section .boot.rodata, "a"
    .balign 0x4000
sections:
    .long 0
    .set address, 0x100000
    .rept 0x3ff
    .long address + DEVICE
    .set address, address + 0x100000
    .endr
    .rept 0x400
    .long address + MEMORY
    .set address, address + 0x100000
    .endr
    .rept 0x400
    .long address + DEVICE
    .set address, address + 0x100000
    .endr
    .set address, 0x40000000
    .rept 0x400
    .long address + MEMORY
    .set address, address + 0x100000
    .endr

/*
 * Exceptions come together on the stack of SVC mode, in which everything runs. The registers of
 * struct arm_frame, then SRS's.
 */
    .text
    .balign 32
    .globl arm_vectors
    .type arm_vectors, %function
arm_vectors:
    b .
    b undefined
    b supervisor_call
    b prefetch_abort
    b data_abort
    b .
    b irq
    b fiq

    .macro entry name, vector, return
    .type \name, %function
\name:
    .if \return
    sub lr, lr, #\return
    .endif
    srsdb sp!, #MODE_SVC
    cps #MODE_SVC
    push {r0-r12, lr}
    mov r1, #\vector
    b trap
    .endm

    /* What to subtract for the address of the instruction: ARM, table B1-7. */
    entry undefined, 1, 4
    entry supervisor_call, 2, 4
    entry prefetch_abort, 3, 4
    entry data_abort, 4, 8
    entry irq, 6, 4
    entry fiq, 7, 4

    .type trap, %function
trap:
    mov r0, sp
    bic sp, sp, #7
    bl arm_trap
    mov sp, r0
    clrex /* an LDREX-STREX pair that was interrupted starts again */
    pop {r0-r12, lr}
    rfeia sp!

/*
 * What compilers call instead of <string.h>, and for division, which not every ARMv7-A has
 * (Run-time ABI for the Arm Architecture, IHI 0043, 4.3.1 and 4.3.4).
 */
    .macro function name:vararg
    .irp f, \name
    .globl \f
    .type \f, %function
\f:
    .endr
    .endm

    function __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8
    b memcpy

    function __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8
    b memmove

    function __aeabi_memset, __aeabi_memset4, __aeabi_memset8 /* to, size, byte */
    mov r3, r1
    mov r1, r2
    mov r2, r3
    b memset

    function __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8
    mov r2, r1
    mov r1, #0
    b memset

    function __aeabi_uidiv, __aeabi_uidivmod /* r0 / r1; the remainder in r1 */
    clz r2, r0
    clz r3, r1
    subs r3, r3, r2
    mov r2, #0
    bmi 2f
1:  cmp r0, r1, lsl r3
    subhs r0, r0, r1, lsl r3
    adc r2, r2, r2
    subs r3, r3, #1
    bpl 1b
2:  mov r1, r0
    mov r0, r2
    bx lr

    .section .note.GNU-stack, "", %progbits
