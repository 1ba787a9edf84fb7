/* SPDX-License-Identifier: MIT */
/*
 * Cortex-M3 start-up, in thread mode on the main stack.
 *
 * ARMv7-M: Armv7-M Architecture Reference Manual, DDI 0403.
 */
#include "machine.h"

    .syntax unified
    .thumb
    .section .boot, "ax"
    .globl m_boot
    .type m_boot, %function
m_boot:
    cpsid i
    ldr r0, =__bss_start
    ldr r1, =__bss_end
    movs r2, #0
1:  cmp r0, r1
    bhs 2f
    str r2, [r0], #4
    b 1b
2:  ldr r0, =bare_start
    blx r0
    udf #0
    .ltorg

/*
 * Of QEMU's memory at 0: the stack, the first instruction, exceptions (B1.5.2). Those that are not
 * enabled become a HardFault.
 */
    .section .vectors, "a"
    .word MACHINE_STACK_0, m_boot
    .word m_fault, m_fault, m_fault, m_fault, m_fault
    .word 0, 0, 0, 0
    .word m_fault, m_fault, 0, m_fault
    .word m_tick_entry /* SysTick */

    .text
    .type m_fault, %function
    .thumb_func
m_fault:
    mrs r0, ipsr
    mov r1, sp
    b m_panic

/*
 * The hardware has pushed r0 to r3, r12, lr, the PC and xPSR (B1.5.6); behind them, lower, the others
 * and the return code: a struct m_frame.
 */
    .type m_tick_entry, %function
    .thumb_func
m_tick_entry:
    cpsid i
    push {r4-r11, lr}
    sub sp, sp, #4
    mov r0, sp
    bl m_tick
    mov sp, r0
    add sp, sp, #4
    pop {r4-r11, lr}
    cpsie i
    bx lr

/* What compilers call; also of memory that is aligned. */
    .macro calls to, names:vararg
    .irp name, \names
    .globl \name
    .type \name, %function
    .thumb_func
\name:
    .endr
    \to
    .endm

    calls "b memcpy", __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8
    calls "b memmove", __aeabi_memmove, __aeabi_memmove4, __aeabi_memmove8
    calls "mov r3, r1", __aeabi_memset, __aeabi_memset4, __aeabi_memset8 /* to, size, byte */
    mov r1, r2
    mov r2, r3
    b memset
    calls "mov r2, r1", __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8
    movs r1, #0
    b memset

    .section .note.GNU-stack, "", %progbits
