/* SPDX-License-Identifier: MIT */
/*
 * aarch64: restartable sequences of a Linux thread. Part of platform/rseq.h.
 *
 * The text of a sequence: tell the kernel which one runs, read the CPU's number, make the address
 * of its copy, do the update; its last instruction commits. Outputs are early-clobber and inputs
 * unchanged, since the sequence may begin again at any point before that.
 */
#ifndef PERCPU_DETAIL_ARCH_AARCH64_RSEQ_H
#define PERCPU_DETAIL_ARCH_AARCH64_RSEQ_H

/* BRK #0x45e0 before the abort address (glibc, sysdeps/.../aarch64/bits/rseq.h). */
#define PERCPU__RSEQ_SIGNATURE 0xd428bc00

PERCPU__INLINE uintptr_t percpu__thread_pointer(void)
{
    uintptr_t pointer;
    PERCPU__THREAD_ASM("mrs %0, tpidr_el0" : "=r"(pointer));
    return pointer;
}

/* The number of the current area, as percpu__rseq_index(). */
#ifdef PERCPU_RSEQ_MM_CID
#define PERCPU__A64_RSEQ_INDEX                                                                     \
    "ldr %w[o], [%[rseq], #4]\n\t" PERCPU__RSEQ_DELAY                                              \
    "ldr %w[c], [%[rseq], #24]\n\t" PERCPU__RSEQ_DELAY "orr %w[c], %w[c], %w[o], asr #31\n\t"
#else
#define PERCPU__A64_RSEQ_INDEX "ldr %w[c], [%[rseq], #4]\n\t"
#endif

#define PERCPU__A64_RSEQ(body)                                                                     \
    ".pushsection .text.unlikely.percpu,\"ax?\",%%progbits\n\t"                                    \
    ".inst " PERCPU__STR(                                                                          \
        PERCPU__RSEQ_SIGNATURE) "\n"                                                               \
                                ".Lpercpu_abort%=:\n\t"                                            \
                                "b .Lpercpu_begin%=\n\t"                                           \
                                ".popsection\n"                                                    \
                                ".Lpercpu_begin%=:\n\t"                                            \
                                "adrp %[c], .Lpercpu_cs%=\n\t"                                     \
                                "add %[c], %[c], :lo12:.Lpercpu_cs%=\n\t"                          \
                                "str %[c], [%[rseq], #8]\n"                                        \
                                ".Lpercpu_start%=:\n\t" PERCPU__A64_RSEQ_INDEX PERCPU__RSEQ_DELAY  \
                                "cmp %w[c], %w[cpus]\n\t" PERCPU__RSEQ_DELAY                       \
                                "b.hs %l[slow]\n\t" PERCPU__RSEQ_DELAY                             \
                                "add %[c], %[p], %[c], lsl #" PERCPU__STR(                         \
                                    PERCPU__SLOT_SHIFT) "\n\t" PERCPU__RSEQ_DELAY body "\n"        \
                                                        ".Lpercpu_commit%=:"                       \
                                                        "\n\t" PERCPU__RSEQ_TABLES("%l[slow]")

/* clang-format off */
/*
 * `word` is a register's part, w its prefix, `same` the signed type of the variable's size:
 * constants of its upper half become negative, and more of them are immediate operands.
 */
#define PERCPU__A64_RSEQ_OP(name, bits, word, same, body, value_in)                                \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t c;                                                                               \
        word o, n, v = __builtin_constant_p(value) ? (word)(same)value : (word)value;              \
        __asm__ goto(PERCPU__A64_RSEQ(body)                                                        \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n),                                   \
                       "+m"(*(volatile percpu__u##bits *)p)                                        \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()), [cpus] "r"(percpu__rseq_cpus), \
                       [v] value_in(v), [e] "rI"((word)expected)                                   \
                     : "cc" : slow);                                                               \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n, *copy = c;                             \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }

/*
 * Inputs (GCC manual, "Machine Constraints", AArch64): I, J: immediate for add; `logical` for the
 * others; Z: zero.
 */
#define PERCPU__A64_RSEQ_LOAD(w, suffix) "ldr" suffix " %" w "[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY
#define PERCPU__A64_RSEQ_UPDATES(bits, word, same, w, suffix, logical)                             \
    PERCPU__A64_RSEQ_OP(write, bits, word, same, "str" suffix " %" w "[v], [%[c]]", "rZ")          \
    PERCPU__A64_RSEQ_OP(add, bits, word, same, PERCPU__A64_RSEQ_LOAD(w, suffix)                    \
                        "add %" w "[n], %" w "[o], %" w "[v]\n\t" PERCPU__RSEQ_DELAY               \
                        "str" suffix " %" w "[n], [%[c]]", "rIJ")                                  \
    PERCPU__A64_RSEQ_OP(bit_and, bits, word, same, PERCPU__A64_RSEQ_LOAD(w, suffix)                \
                        "and %" w "[n], %" w "[o], %" w "[v]\n\t" PERCPU__RSEQ_DELAY               \
                        "str" suffix " %" w "[n], [%[c]]", logical)                                \
    PERCPU__A64_RSEQ_OP(bit_or, bits, word, same, PERCPU__A64_RSEQ_LOAD(w, suffix)                 \
                        "orr %" w "[n], %" w "[o], %" w "[v]\n\t" PERCPU__RSEQ_DELAY               \
                        "str" suffix " %" w "[n], [%[c]]", logical)                                \
    PERCPU__A64_RSEQ_OP(bit_xor, bits, word, same, PERCPU__A64_RSEQ_LOAD(w, suffix)                \
                        "eor %" w "[n], %" w "[o], %" w "[v]\n\t" PERCPU__RSEQ_DELAY               \
                        "str" suffix " %" w "[n], [%[c]]", logical)                                \
    PERCPU__A64_RSEQ_OP(xchg, bits, word, same, PERCPU__A64_RSEQ_LOAD(w, suffix)                   \
                        "str" suffix " %" w "[v], [%[c]]", "rZ")                                   \
    PERCPU__A64_RSEQ_OP(cmpxchg, bits, word, same, PERCPU__A64_RSEQ_LOAD(w, suffix)                \
                        "cmp %" w "[o], %" w "[e]\n\t" PERCPU__RSEQ_DELAY                          \
                        "b.ne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY                            \
                        "str" suffix " %" w "[v], [%[c]]", "rZ")
PERCPU__A64_RSEQ_UPDATES(8, int32_t, int8_t, "w", "b", "rK")
PERCPU__A64_RSEQ_UPDATES(16, int32_t, int16_t, "w", "h", "rK")
PERCPU__A64_RSEQ_UPDATES(32, int32_t, int32_t, "w", "", "rK")
PERCPU__A64_RSEQ_UPDATES(64, int64_t, int64_t, "x", "", "rL")
/* clang-format on */

#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)

#endif
