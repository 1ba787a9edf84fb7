/* SPDX-License-Identifier: MIT */
/*
 * loongarch64 start-up. All CPUs start here at once, in direct address translation mode: physical
 * addresses, the upper bits of a virtual one ignored.
 *
 * A low program stays in that mode. A program linked at 0x9000000000000000 runs there through a
 * direct mapping window, cached.
 *
 * CSRs: LoongArch Reference Manual, volume 1, chapter 7; address translation: 5.2.
 */
#include "machine.h"

#define CSR_CRMD 0x0
#define CSR_PRMD 0x1
#define CSR_ERA 0x6
#define CSR_CPUID 0x20
#define CSR_DMW0 0x180
#define CSR_DMW1 0x181

#define CRMD_MAPPED 0xb0            /* DATM, DATF coherent cached; PG; PLV 0; interrupts off */
#define WINDOW_8 0x8000000000000001 /* DMW: PLV0, MAT 0, strongly-ordered uncached: devices */
#define WINDOW_9 0x9000000000000011 /* DMW: PLV0, MAT 1, coherent cached: memory */

    .section .boot, "ax"
    li.d $t0, WINDOW_8
    csrwr $t0, CSR_DMW0
    li.d $t0, WINDOW_9
    csrwr $t0, CSR_DMW1
    la.abs $t0, loongarch_go
    bgez $t0, 1f

    /* First to the window's address of this code, then out of direct mode. */
    la.abs $t1, 2f
    lu52i.d $t1, $t1, 0x900 - 0x1000
    jirl $zero, $t1, 0
2:  li.w $t1, CRMD_MAPPED
    csrwr $t1, CSR_CRMD

1:  csrrd $a0, CSR_CPUID
    la.abs $sp, MACHINE_STACK_0
    bnez $a0, 3f

    la.abs $t1, __bss_start
    la.abs $t2, __bss_end
2:  beq $t1, $t2, 2f
    st.b $zero, $t1, 0
    addi.d $t1, $t1, 1
    b 2b
2:  la.abs $t0, bare_start
    jirl $ra, $t0, 0
    break 0

    /* Until machine_start_cpus(). */
3:  ld.w $t1, $t0, 0
    beqz $t1, 3b
    dbar 0
    li.w $t1, MACHINE_MAX_CPUS
    bgeu $a0, $t1, 4f
    li.w $t1, MACHINE_STACK_SIZE
    mul.d $t1, $t1, $a0
    add.d $sp, $sp, $t1
    la.abs $t0, loongarch_cpu_start
    jirl $ra, $t0, 0
4:  idle 0
    b 4b

    .data
    .balign 4
    .globl loongarch_go
loongarch_go:
    .word 0

/*
 * All exceptions and interrupts but TLB refills save a struct loongarch_frame. $r21 may be any
 * code's per-CPU register: nothing here reads or writes it. ertn ends an LL-SC pair (volume 1).
 */
    .macro saved op
    \op $ra, $sp, 0
    \op $a0, $sp, 8
    \op $a1, $sp, 16
    \op $a2, $sp, 24
    \op $a3, $sp, 32
    \op $a4, $sp, 40
    \op $a5, $sp, 48
    \op $a6, $sp, 56
    \op $a7, $sp, 64
    \op $t0, $sp, 72
    \op $t1, $sp, 80
    \op $t2, $sp, 88
    \op $t3, $sp, 96
    \op $t4, $sp, 104
    \op $t5, $sp, 112
    \op $t6, $sp, 120
    \op $t7, $sp, 128
    \op $t8, $sp, 136
    \op $fp, $sp, 144
    \op $s0, $sp, 152
    \op $s1, $sp, 160
    \op $s2, $sp, 168
    \op $s3, $sp, 176
    \op $s4, $sp, 184
    \op $s5, $sp, 192
    \op $s6, $sp, 200
    \op $s7, $sp, 208
    \op $s8, $sp, 216
    .endm

    .text
    .balign 4096
    .globl loongarch_trap_entry
loongarch_trap_entry:
    addi.d $sp, $sp, -240
    saved st.d
    csrrd $t0, CSR_ERA
    csrrd $t1, CSR_PRMD
    st.d $t0, $sp, 224
    st.d $t1, $sp, 232
    move $a0, $sp
    la.pcrel $t0, loongarch_trap
    jirl $ra, $t0, 0
    move $sp, $a0
    ld.d $t0, $sp, 224
    ld.d $t1, $sp, 232
    csrwr $t0, CSR_ERA
    csrwr $t1, CSR_PRMD
    saved ld.d
    addi.d $sp, $sp, 240
    ertn

/* A TLB refill is always an error here. The CPU is in direct address translation mode. */
    .balign 4096
    .globl loongarch_refill_entry
loongarch_refill_entry:
    la.pcrel $t0, loongarch_refill
    jirl $ra, $t0, 0

    .section .note.GNU-stack, "", @progbits
