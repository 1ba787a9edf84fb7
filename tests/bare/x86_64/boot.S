/* SPDX-License-Identifier: MIT */
/*
 * x86_64 start-up: from PVH (32-bit, CPU 0) and from real mode (the others) to 64-bit C.
 *
 * Everything in .boot is linked at its physical address, whichever half the program lies in.
 *
 * PVH: Xen, docs/misc/pvh.pandoc. Secondaries: Intel SDM vol. 3, 9.4 "Multiple-processor
 * initialization". Long mode: SDM vol. 3, 10.8.5 "Initializing IA-32e mode".
 */
#include "machine.h"

#define CR0_PE 0x00000001
#define CR0_RUN 0x80000033 /* PG NE ET MP PE; caches on */
#define CR4_PAE 0x00000020
#define MSR_EFER 0xc0000080
#define EFER_LME 0x00000100

#define SEL_CODE32 0x08
#define SEL_CODE64 0x10
#define SEL_DATA 0x18

/* XEN_ELFNOTE_PHYS32_ENTRY: the physical address of the 32-bit entry (Xen, public/elfnote.h). */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad pvh_start

    .section .boot, "ax"

/* %ebx is the physical address of struct hvm_start_info; flat segments, paging off. */
    .code32
    .globl pvh_start
pvh_start:
    lgdt gdt_pointer

/* %ebx is 0 on a secondary. */
enter_long_mode:
    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    mov $pml4, %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
    mov $CR0_RUN, %eax
    mov %eax, %cr0
    ljmp $SEL_CODE64, $start64

    .code64
start64:
    /* All selectors now: a load of %gs clears the GS base that per-CPU code will set. */
    mov $SEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    xor %ebp, %ebp
    cld
    movabs $MACHINE_STACK_0, %rsp
    test %ebx, %ebx
    jz 1f

    movabs $__bss_start, %rdi
    movabs $__bss_end, %rcx
    sub %rdi, %rcx
    xor %eax, %eax
    rep stosb
    movabs $x86_start_info, %rdx
    mov %rbx, (%rdx)
    movabs $bare_start, %rax
    call *%rax
    ud2

1:  /* CPU numbers go by order of arrival. */
    movabs $x86_arrivals, %rdx
    mov $1, %edi
    lock xadd %rdi, (%rdx)
    cmp $MACHINE_MAX_CPUS, %rdi
    jae 2f
    imul $MACHINE_STACK_SIZE, %rdi, %rax
    add %rax, %rsp
    movabs $x86_cpu_start, %rax
    call *%rax
2:  cli
    hlt
    jmp 2b

/* Copied to page 8: a start-up IPI makes a CPU start in real mode at cs = 0x800, ip = 0. */
    .code16
    .globl x86_trampoline, x86_trampoline_end
x86_trampoline:
    cli
    xor %eax, %eax
    mov %eax, %ds
    lgdtl gdt_pointer_copy - x86_trampoline + 0x8000
    mov %cr0, %eax
    or $CR0_PE, %eax
    mov %eax, %cr0
    ljmpl $SEL_CODE32, $secondary32
    .balign 4
gdt_pointer_copy:
    .word gdt_end - gdt - 1
    .long gdt
x86_trampoline_end:

    .code32
secondary32:
    mov $SEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %ebx, %ebx
    jmp enter_long_mode

    .section .boot.rodata, "a"
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 32-bit code */
    .quad 0x00af9b000000ffff /* 64-bit code */
    .quad 0x00cf93000000ffff /* data */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt

/*
 * The low 4 GiB at 0, which holds the APIC's registers too, and the low 1 GiB also at
 * 0xffffffff80000000, in pages of 2 MiB. In the first 2 MiB, pages of 4 KiB, and the first is not
 * there: null pointers fault, and so do stray accesses to a template at VMA 0.
 */
#define TABLE 0x3  /* present, writable */
#define PAGE2M 0x83 /* and a page, not a table */
    .balign 4096
pml4:
    .quad low + TABLE
    .fill 510, 8, 0
    .quad high + TABLE
low:
    .quad directories + TABLE
    .quad directories + 0x1000 + TABLE
    .quad directories + 0x2000 + TABLE
    .quad directories + 0x3000 + TABLE
    .fill 508, 8, 0
high:
    .fill 510, 8, 0
    .quad directories + TABLE
    .quad 0
directories:
    .quad first + TABLE
    .set address, 0x200000
    .rept 2047
    .quad address + PAGE2M
    .set address, address + 0x200000
    .endr
first:
    .quad 0
    .set address, 0x1000
    .rept 511
    .quad address + TABLE
    .set address, address + 0x1000
    .endr

/*
 * Interrupts. Every vector gets 16 bytes that make all frames look alike, then come together. No
 * swapgs and no %gs: there is no user mode, and per-CPU code may have any GS base.
 */
    .text
    .code64
    .balign 16
    .globl x86_vectors
x86_vectors:
    .set vector, 0
    .rept 256
    .balign 16
    /* The CPU pushes an error code on these (SDM vol. 3, table 6-1). */
    .if vector > 31 || !((0x60227d00 >> (vector & 31)) & 1)
    push $0
    .endif
    push $vector
    jmp trap
    .set vector, vector + 1
    .endr

trap:
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, %rdi /* 16-byte aligned: the CPU aligns, and 22 words are on the stack */
    cld
    call x86_trap
    mov %rax, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq

    .section .note.GNU-stack, "", @progbits
