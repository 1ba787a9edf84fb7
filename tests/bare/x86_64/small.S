/* SPDX-License-Identifier: MIT */
/*
 * The machine of tests/fragments/small.c: one CPU, a console, an end. The image is loaded at
 * SMALL_LOAD, wherever it is linked: addresses of this section are distances from its beginning.
 * PVH: Xen, docs/misc/pvh.pandoc. Long mode: Intel SDM vol. 3, 10.8.5.
 */
#define AT(label) (label - _start + SMALL_LOAD)

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long SMALL_LOAD

    .section .text.start, "ax"
    .globl _start
    .code32
_start:
    lgdt AT(gdt_pointer)
    mov %cr4, %eax
    or $0x20, %eax /* PAE */
    mov %eax, %cr4
    mov $AT(pml4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx /* EFER: LME */
    rdmsr
    or $0x100, %eax
    wrmsr
    mov $0x80000033, %eax /* CR0: PG NE ET MP PE */
    mov %eax, %cr0
    ljmp $8, $AT(start64)

    .code64
start64:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    cld
    lea small_stack + 65536(%rip), %rsp
    xor %ebp, %ebp
    call small_start
    ud2

    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code */
    .quad 0x00cf93000000ffff /* data */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long AT(gdt)

    /* 1 GiB in pages of 2 MiB. */
    .balign 4096
pml4:
    .quad AT(pdpt) + 3
    .fill 511, 8, 0
pdpt:
    .quad AT(directory) + 3
    .fill 511, 8, 0
directory:
    .set page, 0x83
    .rept 512
    .quad page
    .set page, page + 0x200000
    .endr

    .text
    .globl small_putc, small_exit
small_putc:
    mov %edi, %eax
    mov $0x3f8, %edx
    out %al, %dx
    ret
small_exit:
    mov $0x10, %eax
    out %al, $0xf4
1:  hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
