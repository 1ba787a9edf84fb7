/* SPDX-License-Identifier: MIT */
/*
 * aarch64: the updates that are restartable sequences, a kernel's and a Linux thread's. restart.h
 * and rseq.h define PERCPU__A64_SEQUENCE, which loads the old value into o, makes the new one, n,
 * from it by `op`, and commits by storing `result`: n or v.
 */

/*
 * `word` is the type of a register operand, w its prefix, `same` the signed type of the variable's
 * size, by which constants of the upper half become negative: more of them are immediate operands.
 * Constraints (GCC manual, "Machine Constraints", AArch64): I, J: immediate for add; `logical` for
 * the others; Z: zero.
 */
/* clang-format off */
#define PERCPU__A64_VALUE(word, same)                                                              \
    (__builtin_constant_p(value) ? (word)(same)value : (word)value)
#define PERCPU__A64_COMBINE(instruction, w)                                                        \
    instruction " %" w "[n], %" w "[o], %" w "[v]\n\t" PERCPU__RSEQ_DELAY, "[n]"
#define PERCPU__A64_UPDATES(bits, word, same, w, suffix, logical)                                  \
    PERCPU__A64_SEQUENCE(add, bits, word, same, w, suffix, PERCPU__A64_COMBINE("add", w), "rIJ",   \
                         "cc")                                                                     \
    PERCPU__A64_SEQUENCE(bit_and, bits, word, same, w, suffix, PERCPU__A64_COMBINE("and", w),      \
                         logical, "cc")                                                            \
    PERCPU__A64_SEQUENCE(bit_or, bits, word, same, w, suffix, PERCPU__A64_COMBINE("orr", w),       \
                         logical, "cc")                                                            \
    PERCPU__A64_SEQUENCE(bit_xor, bits, word, same, w, suffix, PERCPU__A64_COMBINE("eor", w),      \
                         logical, "cc")                                                            \
    PERCPU__A64_SEQUENCE(xchg, bits, word, same, w, suffix, "", "[v]", "rZ", "cc")                 \
    PERCPU__A64_SEQUENCE(cmpxchg, bits, word, same, w, suffix,                                     \
                         "cmp %" w "[o], %" w "[e]\n\t" PERCPU__RSEQ_DELAY                         \
                         "b.ne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY, "[v]", "rZ", "cc")
PERCPU__A64_UPDATES(8, int32_t, int8_t, "w", "b", "rK")
PERCPU__A64_UPDATES(16, int32_t, int16_t, "w", "h", "rK")
PERCPU__A64_UPDATES(32, int32_t, int32_t, "w", "", "rK")
PERCPU__A64_UPDATES(64, int64_t, int64_t, "x", "", "rL")
/* clang-format on */
#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)
