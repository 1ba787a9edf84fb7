/* SPDX-License-Identifier: MIT */
/* For link-riscv64.sh: in front of boot.S, what start-up code does that believes in gp relaxation. */
    .section .boot, "ax"
    .option norelax
    la gp, __global_pointer$

    .section .note.GNU-stack, "", @progbits
