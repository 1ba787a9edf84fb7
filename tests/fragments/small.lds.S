/* SPDX-License-Identifier: MIT */
/*
 * Linker scripts for small.c, through the C preprocessor. Given:
 *
 *     SMALL_LINK      the address of the image's first byte
 *     SMALL_LOAD      where it is loaded
 *     SMALL_AREAS, SMALL_RESERVE
 *
 * and one of
 *
 *     FRAGMENT        a fragment of ld/ in one piece
 *     OLDER           a script of a user's own, that has never heard of a template of its own
 *     IN_BSS          the two pieces, the areas in .bss
 *     SEGMENTS        the two pieces in memory regions and segments that the script names
 *     SEGMENTS_ZERO   the same with the template at VMA 0
 *     SEGMENTS_PLAIN  FRAGMENT in a script with PHDRS, behind a section of another segment
 *
 * with
 *     BACK            a section that names the segment to go on in, in SEGMENTS_PLAIN
 *     IN_PLACE        in SEGMENTS, the template is read where it is loaded; ODD: which is not aligned
 *     STRAY           a section takes the variables of small.c before the template does
 *     END_FIRST       the kernel ends before the fragment, END_LAST: behind it
 */
ENTRY(small_entry) /* QEMU does not translate it on every machine */

#define OFFSET (SMALL_LINK - SMALL_LOAD)
#define LMA(section) AT(ADDR(section) - OFFSET)

#if defined(SEGMENTS) || defined(SEGMENTS_ZERO) || defined(SEGMENTS_PLAIN)
PHDRS
{
    note PT_NOTE;
    image PT_LOAD;
    dynamic PT_DYNAMIC;
    percpu PT_LOAD;
    areas PT_LOAD;
}
#define IN(segments) segments
#else
#define IN(segments)
#endif

#ifdef SEGMENTS
MEMORY
{
    IMAGE (rwx) : ORIGIN = SMALL_LINK, LENGTH = 0x40000
#ifdef IN_PLACE
    TEMPLATE (rw) : ORIGIN = SMALL_LINK + 0x400000, LENGTH = 0x20000
#else
    TEMPLATE (rw) : ORIGIN = SMALL_LINK + 0x40000, LENGTH = 0x20000
#endif
    AREAS (rw) : ORIGIN = SMALL_LINK + 0x60000, LENGTH = 0x80000
    LOADED_TEMPLATE (rw) : ORIGIN = SMALL_LOAD + 0x40000, LENGTH = 0x20000
    LOADED_AREAS (rw) : ORIGIN = SMALL_LOAD + 0x60000, LENGTH = 0x80000
}
#endif

#ifdef END_FIRST
#define ENDS_FIRST end = .; INCLUDE percpu-end.ld
#else
#define ENDS_FIRST
#endif

SECTIONS
{
    small_entry = SMALL_LOAD;
    . = SMALL_LINK;
    .text : LMA(.text) { *(.text.start) *(.text .text.*) } IN(:image)
    .note.Xen : LMA(.note.Xen) { KEEP(*(.note.Xen)) } IN(:image :note)
    .rodata : LMA(.rodata) { *(.rodata .rodata.* .srodata .srodata.*) } IN(:image)
    .dynsym : LMA(.dynsym) { *(.dynsym) }
    .dynstr : LMA(.dynstr) { *(.dynstr) }
    .hash : LMA(.hash) { *(.hash) }
    .gnu.hash : LMA(.gnu.hash) { *(.gnu.hash) }
    .rela.dyn : LMA(.rela.dyn) {
        PROVIDE_HIDDEN(small_relocs = .);
        *(.rela .rela.*)
        PROVIDE_HIDDEN(small_relocs_end = .);
    }
    .rel.dyn : LMA(.rel.dyn) {
        PROVIDE_HIDDEN(small_rel = .);
        *(.rel .rel.*)
        PROVIDE_HIDDEN(small_rel_end = .);
    }
    .relr.dyn : LMA(.relr.dyn) {
        PROVIDE_HIDDEN(small_relr = .);
        *(.relr.dyn)
        PROVIDE_HIDDEN(small_relr_end = .);
    }
    . = ALIGN(4096);
    .data : LMA(.data) { *(.data .data.* .sdata .sdata.* .got .got.*) }
#ifdef STRAY
    .stray : LMA(.stray) { *small.c.o(.percpu.var.*) }
#endif
    .dynamic : LMA(.dynamic) { *(.dynamic) } IN(:image :dynamic)

    PERCPU_CPU_NUM = SMALL_AREAS;
    PERCPU_LMA_OFFSET = OFFSET;
    PERCPU_RESERVE = SMALL_RESERVE;

#define BSS *(.bss .bss.* .sbss .sbss.* COMMON)

#if defined(OLDER)
    .percpu : LMA(.percpu) {
        _percpu_start = .;
        _percpu_load_start = .;
        *(.percpu..near)
        *(.percpu .percpu.*)
        _percpu_load_end = .;
        . = ALIGN(256);
        . = . + (SMALL_AREAS - 1) * (. - _percpu_start);
        _percpu_end = .;
    }
    _percpu_align = MAX(64, ALIGNOF(.percpu));
    _percpu_reserve = 0;
    _percpu_number_0 = 0;
    .bss : LMA(.bss) { BSS }
#elif defined(IN_BSS)
    .percpu : LMA(.percpu) { INCLUDE percpu-template.ld }
    ENDS_FIRST
    .bss : LMA(.bss) {
        BSS
        INCLUDE percpu-areas.ld
    }
#elif defined(SEGMENTS)
    .bss : LMA(.bss) { BSS } :image
#ifdef IN_PLACE
#ifdef ODD
    PERCPU_TEMPLATE = LOADADDR(.percpu) + 4;
#else
    PERCPU_TEMPLATE = LOADADDR(.percpu);
#endif
#endif
    .percpu : { INCLUDE percpu-template.ld } > TEMPLATE AT> LOADED_TEMPLATE :percpu
    .percpu_areas (NOLOAD) : { INCLUDE percpu-areas.ld } > AREAS AT> LOADED_AREAS :areas
#elif defined(SEGMENTS_ZERO)
    . = ALIGN(4096);
    PERCPU_TEMPLATE = .;
    .percpu 0 : AT(PERCPU_TEMPLATE - OFFSET) { INCLUDE percpu-template.ld } :percpu
    . = PERCPU_TEMPLATE + SIZEOF(.percpu);
    .percpu_behind . : LMA(.percpu_behind) { KEEP(*(.percpu..behind)) } :areas
    .bss : LMA(.bss) {
        BSS
        INCLUDE percpu-areas.ld
    } :areas
    ASSERT(ADDR(.bss) % 16 == 0, "small: .bss begins where nothing is aligned")
#else
#ifdef BACK
    .back : { } :image
#endif
    ENDS_FIRST
    INCLUDE FRAGMENT
    .bss : LMA(.bss) { BSS }
#endif

#ifdef END_LAST
    end = .;
    INCLUDE percpu-end.ld
#endif

    /DISCARD/ : { *(.eh_frame .note.GNU-stack .note.gnu.* .comment .interp .riscv.* .ARM.*) }
}
