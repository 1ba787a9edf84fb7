/* SPDX-License-Identifier: MIT */
/*
 * arm: the updates that are restartable sequences, a kernel's and a Linux thread's. restart.h and
 * rseq.h define PERCPU__ARM_SEQUENCE, which loads the old value into o, makes the new one, n, from
 * it by `op`, and commits by storing `result`: n or v. `value_in` is the constraint of v (GCC
 * manual, "Machine Constraints", ARM): I an immediate operand, L and K one after negation and
 * inversion, which assemblers do.
 *
 * For 8 bytes they define PERCPU__ARM_DOUBLEWORD, which takes few registers, since compilers that
 * do not optimise run out of register pairs: o becomes the new value, of which `restored` makes the
 * old one. STREXD commits, and ends the sequence whether or not it has stored; if it has not, the
 * sequence begins again. STREXD's status goes to `status`; where `status` is a half of o, `mend`
 * restores that half. The other arguments are operands: outputs, the colon, inputs.
 */
/* clang-format off */
#define PERCPU__ARM_COMBINE(instruction)                                                           \
    instruction " %[n], %[o], %[v]\n\t" PERCPU__RSEQ_DELAY, "%[n]"
#define PERCPU__ARM_UPDATES(bits, suffix)                                                          \
    PERCPU__ARM_SEQUENCE(add, bits, suffix, PERCPU__ARM_COMBINE("add"), "rIL", "cc")               \
    PERCPU__ARM_SEQUENCE(bit_and, bits, suffix, PERCPU__ARM_COMBINE("and"), "rIK", "cc")           \
    PERCPU__ARM_SEQUENCE(bit_or, bits, suffix, PERCPU__ARM_COMBINE("orr"), "rI", "cc")             \
    PERCPU__ARM_SEQUENCE(bit_xor, bits, suffix, PERCPU__ARM_COMBINE("eor"), "rI", "cc")            \
    PERCPU__ARM_SEQUENCE(xchg, bits, suffix, "", "%[v]", "r", "cc")                                \
    PERCPU__ARM_SEQUENCE(cmpxchg, bits, suffix, "cmp %[o], %[e]\n\t" PERCPU__RSEQ_DELAY            \
                         "bne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY, "%[v]", "r", "cc")
PERCPU__ARM_UPDATES(8, "b")
PERCPU__ARM_UPDATES(16, "h")
PERCPU__ARM_UPDATES(32, "")

#define PERCPU__ARM_SCRATCH "%[s]", "", , [s] "=&r"(scratch) :
#define PERCPU__ARM_BOTH(low, high)                                                                \
    low " %Q[o], %Q[o], %Q[v]\n\t" PERCPU__RSEQ_DELAY                                              \
    high " %R[o], %R[o], %R[v]\n\t" PERCPU__RSEQ_DELAY, "%Q[o], %R[o]", PERCPU__ARM_SCRATCH
PERCPU__ARM_DOUBLEWORD(add, o - value, PERCPU__ARM_BOTH("adds", "adc"))
PERCPU__ARM_DOUBLEWORD(bit_and, 0, PERCPU__ARM_BOTH("and", "and"))
PERCPU__ARM_DOUBLEWORD(bit_or, 0, PERCPU__ARM_BOTH("orr", "orr"))
PERCPU__ARM_DOUBLEWORD(bit_xor, 0, PERCPU__ARM_BOTH("eor", "eor"))
PERCPU__ARM_DOUBLEWORD(xchg, o, "", "%Q[v], %R[v]", PERCPU__ARM_SCRATCH)
PERCPU__ARM_DOUBLEWORD(cmpxchg, o, "teq %Q[o], %[el]\n\t" PERCPU__RSEQ_DELAY
                       "bne .Lpercpu_different%=\n\t" PERCPU__RSEQ_DELAY
                       "teq %R[o], %[eh]\n\t" PERCPU__RSEQ_DELAY
                       "bne .Lpercpu_different%=\n\t" PERCPU__RSEQ_DELAY, "%Q[v], %R[v]", "%Q[o]",
                       "mov %Q[o], %[el]", : [el] "r"((uint32_t)expected),
                       [eh] "r"((uint32_t)(expected >> 32)), )
/* clang-format on */
#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)
