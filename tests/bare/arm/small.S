/* SPDX-License-Identifier: MIT */
/* The machine of tests/fragments/small.c: one CPU, a console, an end. */
    .syntax unified
    .arm
    .section .text.start, "ax"
    .globl _start
    .type _start, %function
_start:
    ldr r0, 2f
1:  add sp, pc, r0
    bl small_start
    udf #0
2:  .word small_stack + 65536 - (1b + 8)

    .text
    .globl small_putc, small_exit
    .type small_putc, %function
small_putc:
    mov r1, #0x09000000 /* PL011 */
    str r0, [r1]
    bx lr
    .type small_exit, %function
small_exit:
    movw r1, #0x0026 /* ADP_Stopped_ApplicationExit */
    movt r1, #0x0002
    mov r0, #0x18 /* semihosting: SYS_EXIT */
    svc #0x123456
    b .

    /* What clang calls instead of memcpy. */
    .globl __aeabi_memcpy
    .type __aeabi_memcpy, %function
__aeabi_memcpy:
    b memcpy

    .section .note.GNU-stack, "", %progbits
