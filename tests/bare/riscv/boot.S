/* SPDX-License-Identifier: MIT */
/*
 * riscv start-up: from OpenSBI (supervisor mode) or from reset (machine mode) to C.
 *
 * Everything in .boot is linked at its physical address, whichever half the program lies in. gp and
 * tp are left alone: per-CPU code may have either.
 *
 * SBI: RISC-V Supervisor Binary Interface Specification.
 */
#include "machine.h"
#include "riscv.h"

    .section .boot, "ax"

/*
 * a0 is the hart, a1 the physical address of the device tree. OpenSBI starts one hart here, any one;
 * in machine mode all come at once, and the first boots.
 */
    .globl riscv_entry
riscv_entry:
    csrw MODE(ie), zero
#ifdef PERCPU_RISCV_M_MODE
    bnez a0, wait
#endif
    mv s0, a0
    mv s1, a1
    mv s2, zero
    jal mmu_on
    LOAD sp, stack_0
    LOAD t0, bss_start
    LOAD t1, bss_end
1:  bgeu t0, t1, 2f
    STORE zero, 0(t0)
    addi t0, t0, WORD_SIZE
    j 1b
2:  mv a0, s0
    mv a1, s1
    LOAD t0, start
    jr t0

#ifdef PERCPU_RISCV_M_MODE
wait:
    /* wfi ends on an interrupt that mie lets through, whether mstatus does or not. */
    csrwi mie, 1 << IRQ_SOFTWARE
    LOAD t0, release
1:  wfi
    lw t1, 0(t0)
    beqz t1, 1b
    fence r, rw
    li t0, CLINT_MSIP
    slli t1, a0, 2
    add t0, t0, t1
    sw zero, 0(t0)
    mv a1, a0
#endif

/* As SBI hart_start() leaves it: a0 is the hart, a1 what machine_start_cpus() gave it: the CPU. */
    .globl riscv_secondary
riscv_secondary:
    mv s2, a1
    jal mmu_on
    LOAD sp, stack_0
    li t0, MACHINE_STACK_SIZE
1:  add sp, sp, t0
    addi a1, a1, -1
    bnez a1, 1b
    mv a0, s2
    LOAD t0, cpu_start
    jr t0

/* Nothing to do in the low half. .boot has one address with paging and without. */
mmu_on:
#if __riscv_xlen == 64 && !defined(PERCPU_RISCV_M_MODE)
    LOAD t0, start
    bgez t0, 1f
    lla t0, page_table
    srli t0, t0, 12
    li t1, 8 << 60 /* Sv39 (Privileged, "satp") */
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
1:
#endif
    ret

/* Out of the program counter's reach in the high half. */
    .balign 8
stack_0:
    WORD MACHINE_STACK_0
bss_start:
    WORD __bss_start
bss_end:
    WORD __bss_end
start:
    WORD riscv_start
cpu_start:
    WORD riscv_cpu_start
#ifdef PERCPU_RISCV_M_MODE
release:
    WORD riscv_release
#endif

/*
 * Pages of 1 GiB: memory where it is, and at 0xffffffff80000000; the devices, which are below 1 GiB, at
 * 1 GiB. Nothing is at 0: null pointers fault, and so do stray accesses to a template at VMA 0.
 */
#if __riscv_xlen == 64
#define PAGE(gib, flags) .quad (gib) << 28 | (flags)
#define RW 0xc7  /* dirty, accessed, write, read, valid */
#define RWX 0xcf /* and execute */
    .section .boot.rodata, "a"
    .balign 4096
page_table:
    .quad 0
    PAGE(0, RW)
    PAGE(2, RWX)
    .fill 507, 8, 0
    PAGE(2, RWX)
    .quad 0
#endif

    .section .rodata
    .balign 8
    .globl riscv_secondary_address
riscv_secondary_address:
    WORD riscv_secondary

/*
 * All traps. The frame: register n in word n, the PC in word 0, the status in word 2; gp and tp are
 * left alone. Interrupts are off in here (Privileged, "Machine Trap Handling").
 */
    .text
    .balign 4
    .globl riscv_trap_entry
riscv_trap_entry:
    addi sp, sp, -32 * WORD_SIZE
    STORE ra, 1 * WORD_SIZE(sp)
    .irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    STORE x\n, \n * WORD_SIZE(sp)
    .endr
    csrr t0, MODE(epc)
    csrr t1, MODE(status)
    STORE t0, 0 * WORD_SIZE(sp)
    STORE t1, 2 * WORD_SIZE(sp)
    mv a0, sp
    call riscv_trap
    mv sp, a0
    LOAD t0, 0 * WORD_SIZE(sp)
    LOAD t1, 2 * WORD_SIZE(sp)
    csrw MODE(epc), t0
    csrw MODE(status), t1
    addi t0, sp, 3 * WORD_SIZE
    sc.w zero, zero, (t0) /* ends the reservation, whosever it is */
    LOAD ra, 1 * WORD_SIZE(sp)
    .irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    LOAD x\n, \n * WORD_SIZE(sp)
    .endr
    addi sp, sp, 32 * WORD_SIZE
    MODE(ret)

    .section .note.GNU-stack, "", @progbits
