/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: the updates that are restartable sequences, a kernel's and a Linux thread's.
 * restart.h and rseq.h define PERCPU__LOONG_SEQUENCE, which loads the old value into o, makes the
 * new one, n, from it by `op`, and commits by storing `result`: n or v. `loaded` is the type whose
 * extension to a register is the load's, so that cmpxchg can compare the expected value.
 */
#ifdef __OPTIMIZE__
#define PERCPU__LOONG_IS_SHORT(v)                                                                  \
    (__builtin_constant_p(v) && (intptr_t)(v) >= -2048 && (intptr_t)(v) <= 2047)
#else
#define PERCPU__LOONG_IS_SHORT(v) 0
#endif

/* clang-format off */
#define PERCPU__LOONG_UPDATES(bits, loaded, load, store)                                           \
    PERCPU__LOONG_SEQUENCE(addi, bits, loaded, load, store, "addi.d %[n], %[o], %[v]\n\t", "%[n]", \
                           "I", )                                                                  \
    PERCPU__LOONG_SEQUENCE(addr, bits, loaded, load, store, "add.d %[n], %[o], %z[v]\n\t", "%[n]", \
                           "rJ", )                                                                 \
    PERCPU__LOONG_SEQUENCE(bit_and, bits, loaded, load, store, "and %[n], %[o], %z[v]\n\t",        \
                           "%[n]", "rJ", )                                                         \
    PERCPU__LOONG_SEQUENCE(bit_or, bits, loaded, load, store, "or %[n], %[o], %z[v]\n\t",          \
                           "%[n]", "rJ", )                                                         \
    PERCPU__LOONG_SEQUENCE(bit_xor, bits, loaded, load, store, "xor %[n], %[o], %z[v]\n\t",        \
                           "%[n]", "rJ", )                                                         \
    PERCPU__LOONG_SEQUENCE(xchg, bits, loaded, load, store, "", "%z[v]", "rJ", )                   \
    PERCPU__LOONG_SEQUENCE(cmpxchg, bits, loaded, load, store,                                     \
                           "bne %[o], %z[e], .Lpercpu_commit%=\n\t", "%z[v]", "rJ", )              \
    PERCPU__SEQUENCE(add, bits)                                                                    \
    {                                                                                              \
        if (PERCPU__LOONG_IS_SHORT((int##bits##_t)value))                                          \
            return percpu__sequence_addi_##bits(p, expected, value, where, old, now, copy);        \
        return percpu__sequence_addr_##bits(p, expected, value, where, old, now, copy);            \
    }
PERCPU__LOONG_UPDATES(8, uint8_t, "bu", "b")
PERCPU__LOONG_UPDATES(16, uint16_t, "hu", "h")
PERCPU__LOONG_UPDATES(32, int32_t, "w", "w")
PERCPU__LOONG_UPDATES(64, int64_t, "d", "d")
/* clang-format on */
#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)
