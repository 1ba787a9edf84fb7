/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: restartable sequences of a Linux thread. Part of platform/rseq.h.
 *
 * The text of a sequence: tell the kernel which one runs, read the CPU's number, make the address
 * of its copy, do the update; its last instruction commits. Outputs are early-clobber and inputs
 * unchanged, since the sequence may begin again at any point before that.
 */
#ifndef PERCPU_DETAIL_ARCH_LOONGARCH64_RSEQ_H
#define PERCPU_DETAIL_ARCH_LOONGARCH64_RSEQ_H

/* BREAK 0x10 before the abort address (glibc, sysdeps/.../loongarch/bits/rseq.h). */
#define PERCPU__RSEQ_SIGNATURE 0x002a0010

PERCPU__INLINE uintptr_t percpu__thread_pointer(void)
{
    uintptr_t pointer;
    PERCPU__THREAD_ASM("move %0, $tp" : "=r"(pointer));
    return pointer;
}

/* The number of the current area, as percpu__rseq_index(). */
#ifdef PERCPU_RSEQ_MM_CID
#define PERCPU__LOONG_RSEQ_INDEX                                                                   \
    "ld.w %[o], %[rseq], 4\n\t"                                                                    \
    "ld.wu %[c], %[rseq], 24\n\t"                                                                  \
    "srai.d %[o], %[o], 31\n\t"                                                                    \
    "or %[c], %[c], %[o]\n\t"
#else
#define PERCPU__LOONG_RSEQ_INDEX "ld.wu %[c], %[rseq], 4\n\t"
#endif

#define PERCPU__LOONG_RSEQ(body)                                                                   \
    ".pushsection .text.unlikely.percpu,\"ax?\",%%progbits\n\t"                                    \
    ".4byte " PERCPU__STR(                                                                         \
        PERCPU__RSEQ_SIGNATURE) "\n"                                                               \
                                ".Lpercpu_abort%=:\n\t"                                            \
                                "b .Lpercpu_begin%=\n\t"                                           \
                                ".popsection\n"                                                    \
                                ".Lpercpu_begin%=:\n\t"                                            \
                                "la.pcrel %[c], .Lpercpu_cs%=\n\t"                                 \
                                "st.d %[c], %[rseq], 8\n"                                          \
                                ".Lpercpu_start%=:\n\t" PERCPU__LOONG_RSEQ_INDEX                   \
                                "bgeu %[c], %[cpus], %l[slow]\n\t"                                 \
                                "slli.d %[c], %[c], " PERCPU__STR(                                 \
                                    PERCPU__SLOT_SHIFT) "\n\t"                                     \
                                                        "add.d %[c], %[c], %[p]\n\t" body "\n"     \
                                                        ".Lpercpu_commit%=:"                       \
                                                        "\n\t" PERCPU__RSEQ_TABLES("%l[slow]")

/* clang-format off */
/* `loaded` is what `load` makes of the type: what cmpxchg compares with. */
#define PERCPU__LOONG_RSEQ_OP(name, function, bits, loaded, body, value_in)                        \
    PERCPU__SEQUENCE(function, bits)                                                               \
    {                                                                                              \
        uintptr_t c, o, n;                                                                         \
        __asm__ goto(PERCPU__LOONG_RSEQ(body)                                                      \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n),                                   \
                       "+m"(*(volatile percpu__u##bits *)p)                                        \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()),                            \
                       [cpus] "r"((uintptr_t)percpu__rseq_cpus),                               \
                       [v] value_in((intptr_t)(int##bits##_t)value),                               \
                       [e] "rJ"((intptr_t)(loaded)expected)                                        \
                     : : slow);                                                                    \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n, *copy = c;                             \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }

#define PERCPU__LOONG_RSEQ_BY(name, function, bits, loaded, load, store, value, value_in)          \
    PERCPU__LOONG_RSEQ_OP(name, function, bits, loaded, "ld." load " %[o], %[c], 0\n\t"            \
                          name " %[n], %[o], " value "\n\tst." store " %[n], %[c], 0", value_in)
#define PERCPU__LOONG_RSEQ_UPDATES(bits, loaded, load, store)                                      \
    PERCPU__LOONG_RSEQ_OP(, write, bits, loaded, "st." store " %z[v], %[c], 0", "rJ")              \
    PERCPU__LOONG_RSEQ_BY("addi.d", addi, bits, loaded, load, store, "%[v]", "I")                  \
    PERCPU__LOONG_RSEQ_BY("add.d", addr, bits, loaded, load, store, "%z[v]", "rJ")                 \
    PERCPU__LOONG_RSEQ_BY("and", bit_and, bits, loaded, load, store, "%z[v]", "rJ")                \
    PERCPU__LOONG_RSEQ_BY("or", bit_or, bits, loaded, load, store, "%z[v]", "rJ")                  \
    PERCPU__LOONG_RSEQ_BY("xor", bit_xor, bits, loaded, load, store, "%z[v]", "rJ")                \
    PERCPU__LOONG_RSEQ_OP(, xchg, bits, loaded, "ld." load " %[o], %[c], 0\n\t"                    \
                          "st." store " %z[v], %[c], 0", "rJ")                                     \
    PERCPU__LOONG_RSEQ_OP(, cmpxchg, bits, loaded, "ld." load " %[o], %[c], 0\n\t"                 \
                          "bne %[o], %z[e], .Lpercpu_commit%=\n\t"                                 \
                          "st." store " %z[v], %[c], 0", "rJ")                                     \
    PERCPU__SEQUENCE(add, bits)                                                                    \
    {                                                                                              \
        if (PERCPU__LOONG_RSEQ_IS_SHORT((int##bits##_t)value))                                     \
            return percpu__sequence_addi_##bits(p, expected, value, where, old, now, copy);        \
        return percpu__sequence_addr_##bits(p, expected, value, where, old, now, copy);            \
    }

#ifdef __OPTIMIZE__
#define PERCPU__LOONG_RSEQ_IS_SHORT(v)                                                             \
    (__builtin_constant_p(v) && (intptr_t)(v) >= -2048 && (intptr_t)(v) <= 2047)
#else
#define PERCPU__LOONG_RSEQ_IS_SHORT(v) 0
#endif
PERCPU__LOONG_RSEQ_UPDATES(8, uint8_t, "bu", "b")
PERCPU__LOONG_RSEQ_UPDATES(16, uint16_t, "hu", "h")
PERCPU__LOONG_RSEQ_UPDATES(32, int32_t, "w", "w")
PERCPU__LOONG_RSEQ_UPDATES(64, int64_t, "d", "d")
/* clang-format on */

#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)

#endif
