/* SPDX-License-Identifier: MIT */
/* The machine of tests/fragments/small.c, in machine mode: one CPU, a console, an end. */
    .section .text.start, "ax"
    .globl _start
_start:
    lla sp, small_stack + 65536
    call small_start
    ebreak

    .text
    .globl small_putc, small_exit
small_putc:
    li t0, 0x10000000 /* 16550 */
    sb a0, 0(t0)
    ret
small_exit:
    li t0, 0x100000 /* the test device */
    li t1, 0x5555
    sw t1, 0(t0)
1:  wfi
    j 1b

    .section .note.GNU-stack, "", @progbits
