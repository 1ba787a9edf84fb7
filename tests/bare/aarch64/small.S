/* SPDX-License-Identifier: MIT */
/* The machine of tests/fragments/small.c: one CPU, a console, an end. */
    .section .text.start, "ax"
    .globl _start
_start:
    adrp x0, small_stack + 65536
    add x0, x0, :lo12:small_stack + 65536
    mov sp, x0
    bl small_start
    brk #0

    .text
    .globl small_putc, small_exit
small_putc:
    mov x1, #0x09000000 /* PL011 */
    str w0, [x1]
    ret
small_exit:
    adr x1, why
    mov x0, #0x18 /* semihosting: SYS_EXIT */
    hlt #0xf000
    b .
    .balign 8
why:
    .quad 0x20026, 0

    .section .note.GNU-stack, "", @progbits
