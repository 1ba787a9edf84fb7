/* SPDX-License-Identifier: MIT */
/*
 * A kernel's script as it was written for the percpu crate of Rust kernels, before this library:
 * the template at VMA 0, OLDER_CPUS areas in the same section, area 0 being the template itself,
 * no pristine copy, no _percpu_align. OLDER_TYPE is empty or (NOLOAD), as that crate's own example
 * has it. BARE_LOAD and BARE_OFFSET as in tests/bare/kernel.lds.S. With OLDER_NATURAL the section is
 * at a natural VMA, where ALIGN(64) is an absolute address: far too much memory.
 */
ENTRY(bare_entry)

#define LMA(section) AT(ADDR(section) - BARE_OFFSET)

SECTIONS
{
    . = BARE_LOAD;
    .boot : { KEEP(*(.boot .boot.*)) }
    .note.Xen : { KEEP(*(.note.Xen)) }
    bare_entry = ADDR(.boot);

    . = ALIGN(4096) + BARE_OFFSET;
    .text : LMA(.text) { *(.text .text.*) }
    . = ALIGN(4096);
    .rodata : LMA(.rodata) { *(.rodata .rodata.*) }
    . = ALIGN(4096);
    .data : LMA(.data) {
        *(.data .data.* .got .got.*)
        . = ALIGN(8);
        __start_percpu_tests = .;
        KEEP(*(percpu_tests))
        __stop_percpu_tests = .;
    }

    . = ALIGN(4096);
#ifdef OLDER_NATURAL
    .percpu OLDER_TYPE : LMA(.percpu) {
        _percpu_start = .;
        _percpu_load_start = .;
        *(.percpu .percpu.*)
        _percpu_load_end = .;
        . = _percpu_load_start + ALIGN(64) * OLDER_CPUS;
        _percpu_end = .;
    }
#else
    _percpu_start = .;
    _percpu_end = _percpu_start + SIZEOF(.percpu);
    .percpu 0x0 OLDER_TYPE : AT(_percpu_start - BARE_OFFSET) {
        _percpu_load_start = .;
        *(.percpu .percpu.*)
        _percpu_load_end = .;
        . = _percpu_load_start + ALIGN(64) * OLDER_CPUS;
    }
    . = _percpu_end;
#endif

    . = ALIGN(64);
    .bss . : LMA(.bss) {
        __bss_start = .;
        *(.bss .bss.* COMMON)
        __bss_end = .;
    }

    /DISCARD/ : { *(.note.gnu.* .eh_frame .eh_frame_hdr .interp) }
}
