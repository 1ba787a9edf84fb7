/* SPDX-License-Identifier: MIT */
/*
 * riscv: the updates that are restartable sequences, a kernel's and a Linux thread's. restart.h and
 * rseq.h define PERCPU__RISCV_SEQUENCE, which loads the old value into o, makes the new one, n,
 * from it by `op`, and commits by storing `result`: n or v.
 */

/*
 * `loaded` is the type whose extension to a register is the load's, so that cmpxchg can compare the
 * expected value. A constant operand is sign-extended, to be an immediate; other operands stay as
 * they are, in registers.
 */
/* clang-format off */
#define PERCPU__RISCV_VALUE(bits, loaded)                                                          \
    (__builtin_constant_p(value) ? (intptr_t)(int##bits##_t)value : (intptr_t)(loaded)value)
#define PERCPU__RISCV_UPDATES(bits, loaded, load, store)                                           \
    PERCPU__RISCV_SEQUENCE(add, bits, loaded, load, store, "add %[n], %[o], %[v]\n\t", "%[n]",     \
                           "rI", )                                                                 \
    PERCPU__RISCV_SEQUENCE(bit_and, bits, loaded, load, store, "and %[n], %[o], %[v]\n\t", "%[n]", \
                           "rI", )                                                                 \
    PERCPU__RISCV_SEQUENCE(bit_or, bits, loaded, load, store, "or %[n], %[o], %[v]\n\t", "%[n]",   \
                           "rI", )                                                                 \
    PERCPU__RISCV_SEQUENCE(bit_xor, bits, loaded, load, store, "xor %[n], %[o], %[v]\n\t", "%[n]", \
                           "rI", )                                                                 \
    PERCPU__RISCV_SEQUENCE(xchg, bits, loaded, load, store, "", "%z[v]", "rJ", )                   \
    PERCPU__RISCV_SEQUENCE(cmpxchg, bits, loaded, load, store,                                     \
                           "bne %[o], %z[e], .Lpercpu_commit%=\n\t", "%z[v]", "rJ", )
PERCPU__RISCV_UPDATES(8, uint8_t, "lbu", "sb")
PERCPU__RISCV_UPDATES(16, uint16_t, "lhu", "sh")
PERCPU__RISCV_UPDATES(32, int32_t, "lw", "sw")
#if __riscv_xlen == 64
PERCPU__RISCV_UPDATES(64, int64_t, "ld", "sd")
#endif
/* clang-format on */
#define PERCPU__SEQUENCES (8 | 16 | 32 | (__riscv_xlen & 64))
