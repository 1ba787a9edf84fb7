/* SPDX-License-Identifier: MIT */
/* The machine of tests/fragments/small.c, in direct addressing: one CPU, a console, an end. */
    .section .text.start, "ax"
    .globl _start
_start:
    la.pcrel $sp, small_stack
    li.w $t0, 65536
    add.d $sp, $sp, $t0
    bl small_start
    break 0

    .text
    .globl small_putc, small_exit
small_putc:
    li.d $t0, 0x1fe001e0 /* 16550 */
    st.b $a0, $t0, 0
    ret
small_exit:
    li.d $t0, 0x10080010 /* power off */
    li.w $t1, 0xff
    st.b $t1, $t0, 0
1:  idle 0
    b 1b

    .section .note.GNU-stack, "", @progbits
