/* SPDX-License-Identifier: MIT */
/*
 * PERCPU_RESTART: the text of a kernel's restartable sequence, a plain load, an operation and a
 * store. When the kernel returns from an exception into a sequence, percpu_restart_pc() makes it
 * return to the sequence's start, so it is as if the sequence had not begun.
 *
 * A sequence consists of PERCPU__RESTART_BEGIN, instructions that may be repeated (first the read
 * of the per-CPU register), the store that commits, as the last instruction, and
 * PERCPU__RESTART_END. Its outputs are early-clobber and no input is tied to an output or changed:
 * a restart needs all inputs. A branch out of the sequence leaves it without a commit.
 *
 * An entry of the table is a pair of distances, from each of its words to the begin and to the end
 * of its sequence, so that no relocation is needed at run time. A distance is as wide as a pointer,
 * since linkers do not report every overflow of a 32-bit one (R_RISCV_SUB32; R_AARCH64_PREL32
 * upwards in LLD).
 *
 * Each entry is a section of its own ("unique"), in the group of a C++ inline function ("?"), and
 * its sequence refers to it by a relocation that changes nothing, R_*_NONE. So --gc-sections keeps
 * the entry where it keeps the code, also when ld -r has merged the sections of a file, and GNU ld
 * refuses to discard it. The section's other flags are no help: SHF_LINK_ORDER ("o") ties a section
 * that ld -r merged to the function that comes first, and SHF_GNU_RETAIN ("R") keeps unused code.
 *
 * A linker script may place the entries of a file with its other sections, `*second.o(*)`. LLD
 * refuses such a script, as the section's type is one that the ELF specification leaves to systems.
 * GNU ld mixes types, so tools/percpu-image.py looks for the entries' symbols outside of the table.
 *
 * Without PERCPU_RESTART the same asm statements are accesses that no kernel restarts.
 */

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
#define PERCPU__RESTART_END "\n.Lpercpu_commit%=:\n\t" PERCPU__RESTART_ENTRY(".Lpercpu_commit%=")
/* A kernel's sequences always run, so that no update comes here. */
#define PERCPU__WITHOUT_SEQUENCE(operation, p, size, value, expected) ((uint64_t)0)
#else
#define PERCPU__RESTARTS false
#define PERCPU__RESTART_OUT "=r"
#define PERCPU__RESTART_BEGIN ""
#define PERCPU__RESTART_END ""
#endif
