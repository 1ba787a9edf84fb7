/* SPDX-License-Identifier: MIT */
/*
 * Updates: what an architecture provides for each size (8, 16, 32, 64 bits), and ready ways to
 * provide it. `p` is a template address, `near` as in access.h; the function updates this CPU's
 * copy, and loses no update that an interrupt handler on this CPU makes meanwhile.
 *
 * An architecture's header defines the functions of a size, by hand or with the macros below, and
 * names it in PERCPU__UPDATES, e.g. (32 | 64). access.h derives the sizes not named. Where a
 * function can be split by preemption and migration, so that the guard must hold around it,
 * the architecture (or platform) defines PERCPU__UPDATES_GUARDED.
 */
#ifndef PERCPU_DETAIL_UPDATE_H
#define PERCPU_DETAIL_UPDATE_H

#define PERCPU__UPDATE_PROTOTYPES(bits)                                                            \
    PERCPU__CALLED void percpu__add_##bits(volatile void *p, uint##bits##_t value, bool near);     \
    PERCPU__CALLED void percpu__bit_and_##bits(volatile void *p, uint##bits##_t value, bool near); \
    PERCPU__CALLED void percpu__bit_or_##bits(volatile void *p, uint##bits##_t value, bool near);  \
    PERCPU__CALLED void percpu__bit_xor_##bits(volatile void *p, uint##bits##_t value, bool near); \
    /* The new value, the old value. */                                                            \
    PERCPU__CALLED uint##bits##_t percpu__add_return_##bits(volatile void *p,                      \
                                                            uint##bits##_t value, bool near);      \
    PERCPU__CALLED uint##bits##_t percpu__fetch_add_##bits(volatile void *p, uint##bits##_t value, \
                                                           bool near);                             \
    PERCPU__CALLED uint##bits##_t percpu__xchg_##bits(volatile void *p, uint##bits##_t value,      \
                                                      bool near);                                  \
    /* Writes `value` if the copy equals `expected`. Returns the old value. */                     \
    PERCPU__CALLED uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near);
PERCPU__UPDATE_PROTOTYPES(8)
PERCPU__UPDATE_PROTOTYPES(16)
PERCPU__UPDATE_PROTOTYPES(32)
PERCPU__UPDATE_PROTOTYPES(64)
#undef PERCPU__UPDATE_PROTOTYPES

/*
 * -- With PERCPU_RESTART: plain load, operation, store. The kernel's return from an exception moves
 * an interrupted sequence back to its start (percpu_restart_pc), so it is as if it had not begun.
 *
 * The text of a sequence: PERCPU__RESTART_BEGIN, instructions that may be repeated (they begin with
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
#define PERCPU__RESTART_END "\n.Lpercpu_end%=:\n\t" PERCPU__RESTART_ENTRY(".Lpercpu_end%=")
#else
#define PERCPU__RESTARTS false
#define PERCPU__RESTART_OUT "=r"
#define PERCPU__RESTART_BEGIN ""
#define PERCPU__RESTART_END ""
#endif

/* -- With interrupts off: right everywhere but against NMI; nothing can preempt either ------- */

/* `how` is `return`, or `(void)` where there is no result. */
#define PERCPU__BY_MASKING(bits, type, how, name, new_value, result)                               \
    PERCPU__INLINE type percpu__##name##_##bits(volatile void *p, uint##bits##_t value, bool near) \
    {                                                                                              \
        uintptr_t state = percpu__irq_save();                                                      \
        uintptr_t copy = percpu__current(p, near);                                                 \
        uint##bits##_t old = (uint##bits##_t)percpu__load_from(copy, sizeof(old));                 \
        percpu__store_to(copy, (uint##bits##_t)(new_value), sizeof(old));                          \
        percpu__irq_restore(state);                                                                \
        how(type)(result);                                                                         \
    }

#define PERCPU__CMPXCHG_BY_MASKING(bits)                                                           \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near)                \
    {                                                                                              \
        uintptr_t state = percpu__irq_save();                                                      \
        uintptr_t copy = percpu__current(p, near);                                                 \
        uint##bits##_t old = (uint##bits##_t)percpu__load_from(copy, sizeof(old));                 \
        if (old == expected)                                                                       \
            percpu__store_to(copy, value, sizeof(value));                                          \
        percpu__irq_restore(state);                                                                \
        return old;                                                                                \
    }

#define PERCPU__UPDATES_BY_MASKING(bits)                                                           \
    PERCPU__BY_MASKING(bits, void, (void), add, old + value, 0)                                    \
    PERCPU__BY_MASKING(bits, void, (void), bit_and, old &value, 0)                                 \
    PERCPU__BY_MASKING(bits, void, (void), bit_or, old | value, 0)                                 \
    PERCPU__BY_MASKING(bits, void, (void), bit_xor, old ^ value, 0)                                \
    PERCPU__BY_MASKING(bits, uint##bits##_t, return, add_return, old + value, old + value)         \
    PERCPU__BY_MASKING(bits, uint##bits##_t, return, fetch_add, old + value, old)                  \
    PERCPU__BY_MASKING(bits, uint##bits##_t, return, xchg, value, old)                             \
    PERCPU__CMPXCHG_BY_MASKING(bits)

/* Reads and writes of 8 bytes where no instruction does one. */
#define PERCPU__ACCESS_64_BY_MASKING()                                                             \
    PERCPU__INLINE uint64_t percpu__read_64(const volatile void *p, bool near)                     \
    {                                                                                              \
        uintptr_t state = percpu__irq_save();                                                      \
        uint64_t value = percpu__load_64(percpu__current(p, near));                                \
        percpu__irq_restore(state);                                                                \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_64(volatile void *p, uint64_t value, bool near)              \
    {                                                                                              \
        uintptr_t state = percpu__irq_save();                                                      \
        percpu__store_64(percpu__current(p, near), value);                                         \
        percpu__irq_restore(state);                                                                \
    }

/* -- With the compiler's atomics: the caller stays on its CPU --------------------------------- */

#define PERCPU__BY_ATOMIC(bits, type, how, name, builtin)                                          \
    PERCPU__INLINE type percpu__##name##_##bits(volatile void *p, uint##bits##_t value, bool near) \
    {                                                                                              \
        volatile percpu__u##bits *copy = (volatile percpu__u##bits *)percpu__current(p, near);     \
        how builtin(copy, value, __ATOMIC_RELAXED);                                                \
    }

/* What __atomic_compare_exchange_n is to expect, in a register as the compiler wants it. */
PERCPU__INLINE uint64_t percpu__expected(uint64_t value, size_t size __attribute__((unused)))
{
#ifdef PERCPU__ARCH_CAS_EXTENDS_SIGN
    if (size == 4)
        value = (uint64_t)(int32_t)value;
    __asm__("" : "+r"(value));
#endif
    return value;
}

#define PERCPU__CMPXCHG_BY_ATOMIC(bits)                                                            \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near)                \
    {                                                                                              \
        expected = (uint##bits##_t)percpu__expected(expected, sizeof(expected));                   \
        __atomic_compare_exchange_n((volatile percpu__u##bits *)percpu__current(p, near),          \
                                    &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);  \
        return expected; /* the old value when it differed */                                      \
    }

#define PERCPU__UPDATES_BY_ATOMIC(bits)                                                            \
    PERCPU__BY_ATOMIC(bits, void, (void), add, __atomic_fetch_add)                                 \
    PERCPU__BY_ATOMIC(bits, void, (void), bit_and, __atomic_fetch_and)                             \
    PERCPU__BY_ATOMIC(bits, void, (void), bit_or, __atomic_fetch_or)                               \
    PERCPU__BY_ATOMIC(bits, void, (void), bit_xor, __atomic_fetch_xor)                             \
    PERCPU__BY_ATOMIC(bits, uint##bits##_t, return, add_return, __atomic_add_fetch)                \
    PERCPU__BY_ATOMIC(bits, uint##bits##_t, return, fetch_add, __atomic_fetch_add)                 \
    PERCPU__BY_ATOMIC(bits, uint##bits##_t, return, xchg, __atomic_exchange_n)                     \
    PERCPU__CMPXCHG_BY_ATOMIC(bits)

#endif
