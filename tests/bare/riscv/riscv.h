/* SPDX-License-Identifier: MIT */
/* The two modes and the two widths, for boot.S and machine.c. */
#ifndef RISCV_H
#define RISCV_H

/* Privileged: The RISC-V Instruction Set Manual, volume II. MODE(status) is mstatus or sstatus. */
#ifdef PERCPU_RISCV_M_MODE
#define MODE(name) m##name
#define IRQ_SOFTWARE 3
#define IRQ_TIMER 7
#define STATUS_IE 0x8
#define STATUS_PREVIOUS 0x1800
#define STATUS_RETURN 0x1880 /* to machine mode, interrupts on: MPP, MPIE */
#else
#define MODE(name) s##name
#define IRQ_SOFTWARE 1
#define IRQ_TIMER 5
#define STATUS_IE 0x2
#define STATUS_PREVIOUS 0x100
#define STATUS_RETURN 0x120 /* to supervisor mode, interrupts on: SPP, SPIE */
#endif

#if __riscv_xlen == 64
#define LOAD ld
#define STORE sd
#define WORD .quad
#define WORD_SIZE 8
#else
#define LOAD lw
#define STORE sw
#define WORD .long
#define WORD_SIZE 4
#endif

/* CLINT (QEMU, hw/riscv/virt.c, hw/intc/riscv_aclint.c). 4 bytes per hart from here. */
#define CLINT_MSIP 0x02000000

#endif
