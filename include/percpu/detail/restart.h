/* SPDX-License-Identifier: MIT */
/*
 * PERCPU_RESTART: the text of a kernel's restartable sequence, a plain load, an operation and a
 * store. The kernel's return from an exception moves an interrupted sequence back to its start
 * (percpu_restart_pc), so it is as if it had not begun.
 *
 * It consists of PERCPU__RESTART_BEGIN, instructions that may be repeated (they begin with
 * the read of the register), the store that commits as the last instruction, PERCPU__RESTART_END.
 * Outputs are early-clobber and no input is tied to an output or changed: a restart needs them
 * all. Leaving the sequence by a branch is a way not to commit.
 *
 * An entry of the table is a pair of distances, from each of its words to the sequence's begin and
 * to its end, so that it needs no relocation at run time. They have a pointer's size, since linkers
 * do not report all 32-bit ones that overflow (R_RISCV_SUB32; R_AARCH64_PREL32 upwards in LLD).
 *
 * Each entry is a section of its own ("unique"), in the group of a C++ inline function ("?"), and
 * its sequence holds it by a relocation that changes nothing, R_*_NONE. So the entry stays where
 * --gc-sections keeps the code, also when ld -r has merged the sections of a file, and GNU ld
 * refuses to discard it. The section's other flags are no help: SHF_LINK_ORDER ("o") ties a section
 * that ld -r merged to the function that comes first, and SHF_GNU_RETAIN ("R") keeps unused code.
 *
 * A script may place the entries of a file with the rest of it, `*second.o(*)`. LLD refuses that,
 * since the section has a type of its own, of those that the ELF specification leaves to systems.
 * GNU ld mixes types; tools/percpu-image.py looks for the entries' symbols outside of the table.
 *
 * Without PERCPU_RESTART the same statements are accesses that no kernel restarts.
 */
#ifndef PERCPU_DETAIL_RESTART_H
#define PERCPU_DETAIL_RESTART_H

#ifdef PERCPU_RESTART
#define PERCPU__RESTARTS true
#define PERCPU__RESTART_OUT "=&r"
#if UINTPTR_MAX > 0xffffffff
#define PERCPU__RESTART_WORDS ".balign 8\npercpu__entry%=:\t.quad "
#else
#define PERCPU__RESTART_WORDS ".balign 4\npercpu__entry%=:\t.long "
#endif
#define PERCPU__RESTART_ENTRY(end)                                                                 \
    ".pushsection percpu_restart,\"aw?\",%%0x60706375,unique,%=\n\t" PERCPU__RESTART_WORDS         \
    ".Lpercpu_begin%= - ., " end " - .\n\t"                                                        \
    ".popsection\n\t"                                                                              \
    ".reloc .Lpercpu_begin%=, BFD_RELOC_NONE, percpu__entry%="
#define PERCPU__RESTART_BEGIN ".Lpercpu_begin%=:\n\t"
#define PERCPU__RESTART_END "\n.Lpercpu_end%=:\n\t" PERCPU__RESTART_ENTRY(".Lpercpu_end%=")
/* Each sequence of a kernel runs. */
#define PERCPU__WITHOUT_SEQUENCE(operation, p, size, value, expected) ((uint64_t)0)
#else
#define PERCPU__RESTARTS false
#define PERCPU__RESTART_OUT "=r"
#define PERCPU__RESTART_BEGIN ""
#define PERCPU__RESTART_END ""
#endif

#endif
