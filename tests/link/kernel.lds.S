/* SPDX-License-Identifier: MIT */
/* The smallest script that includes a fragment, for programs that are linked and not run. */
ENTRY(main)
SECTIONS
{
    . = 0x100000;
    .text : { *(.text .text.*) }
    .rodata : { *(.rodata .rodata.*) }
    .data : { *(.data .data.*) }
    PERCPU_CPU_NUM = 4;
    PERCPU_LMA_OFFSET = 0;
#ifdef PERCPU_ZERO_VMA
    INCLUDE percpu-vma0.ld
#else
    INCLUDE percpu.ld
#endif
    .bss : AT(ADDR(.bss)) { *(.bss .bss.* COMMON) }
    /DISCARD/ : { *(.eh_frame .note.* .comment) }
}
