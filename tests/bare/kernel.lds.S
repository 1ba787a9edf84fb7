/* SPDX-License-Identifier: MIT */
/*
 * The linker script of the test programs, for GNU ld and LLD, through the C preprocessor. Given:
 *
 *     BARE_LOAD        where the machine's loader puts the program
 *     BARE_OFFSET      VMA minus LMA: 0, or what makes it a high-half program
 *     BARE_MMU         1: a machine that can do without MMU and caches turns them on all the same
 *     BARE_CPUS        areas to reserve in .percpu_areas
 *     PERCPU_ZERO_VMA  the template is linked at VMA 0
 *
 * .boot is where execution starts. It has VMA = LMA in a high-half program too, and must not be
 * written. Both linkers give each change of VMA minus LMA a segment.
 */
ENTRY(bare_entry)

#define LMA(section) AT(ADDR(section) - BARE_OFFSET)

SECTIONS
{
    .vectors 0 : { KEEP(*(.vectors)) } /* where a machine reads them at reset */
    . = BARE_LOAD;
    .boot : { KEEP(*(.boot .boot.*)) }
    .note.Xen : { KEEP(*(.note.Xen)) }
    bare_entry = ADDR(.boot);
    bare_mmu = BARE_MMU;

    . = ALIGN(4096) + BARE_OFFSET;
    .text : LMA(.text) { *(.text .text.*) }

    . = ALIGN(4096);
    .rodata : LMA(.rodata) { *(.rodata .rodata.* .srodata .srodata.*) }

    . = ALIGN(4096);
    .data : LMA(.data) {
        *(.data .data.* .sdata .sdata.* .got .got.*)
        . = ALIGN(8);
        __start_percpu_tests = .;
        KEEP(*(percpu_tests))
        __stop_percpu_tests = .;
    }

    PERCPU_CPU_NUM = BARE_CPUS;
    PERCPU_LMA_OFFSET = BARE_OFFSET;
    /* Not a multiple of anything. Who reads all areas again and again wants less. */
    PERCPU_RESERVE = DEFINED(BARE_RESERVE) ? BARE_RESERVE : 40000;
#ifdef PERCPU_ZERO_VMA
    INCLUDE percpu-vma0.ld
#else
    INCLUDE percpu.ld
#endif

    .bss : LMA(.bss) {
        __bss_start = .;
        *(.bss .bss.* .sbss .sbss.* COMMON)
        __bss_end = .;
    }

    /DISCARD/ : { *(.note.gnu.* .eh_frame .eh_frame_hdr .interp) }
}
