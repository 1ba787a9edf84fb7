/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: restartable sequences of a Linux thread. Part of platform/rseq.h.
 *
 * The text of a sequence: tell the kernel which sequence runs, read the CPU's number, make the
 * address of the copy, do the update; the last instruction commits. Outputs are early-clobber and
 * inputs unchanged, since the sequence may begin again at any point before the commit.
 */

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

#define PERCPU__LOONG_RSEQ_TIMES                                                                   \
    "li.w %[n], " PERCPU__STR(PERCPU__SLOT_SIZE) "\n\tmul.d %[c], %[c], %[n]\n\t"

/* clang-format off */
#define PERCPU__LOONG_RSEQ(body)                                                                   \
    PERCPU__RSEQ_JUMPED_OVER("b", ".4byte")                                                        \
    "la.pcrel %[c], .Lpercpu_cs%=\n\t"                                                             \
    "st.d %[c], %[rseq], 8\n"                                                                      \
    ".Lpercpu_start%=:\n\t"                                                                        \
    PERCPU__LOONG_RSEQ_INDEX                                                                       \
    "bgeu %[c], %[cpus], %l[slow]\n\t"                                                             \
    PERCPU__LOONG_RSEQ_TIMES                                                                       \
    "add.d %[c], %[c], %[p]\n\t"                                                                   \
    body "\n"                                                                                      \
    ".Lpercpu_commit%=:\n\t"                                                                       \
    PERCPU__RSEQ_TABLES("%l[slow]")

#define PERCPU__LOONG_RSEQ_SEQUENCE(name, bits, loaded, body, value_in, ...)                       \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t c, o, n;                                                                         \
        PERCPU__GOTO(PERCPU__LOONG_RSEQ(body)                                                      \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n),                                   \
                       "+m"(*(volatile percpu__u##bits *)p)                                        \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()),                                \
                       [cpus] "r"((uintptr_t)percpu__rseq_cpus),                                   \
                       [v] value_in((intptr_t)(int##bits##_t)value),                               \
                       [e] "rJ"((intptr_t)(loaded)expected)                                        \
                     : __VA_ARGS__ : slow);                                                        \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n, *copy = c;                             \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__LOONG_SEQUENCE(name, bits, loaded, load, store, op, result, value_in, ...)         \
    PERCPU__LOONG_RSEQ_SEQUENCE(name, bits, loaded, "ld." load " %[o], %[c], 0\n\t" op             \
                                "st." store " " result ", %[c], 0", value_in, __VA_ARGS__)
#include <percpu/detail/arch/loongarch64/updates.h>

PERCPU__LOONG_RSEQ_SEQUENCE(write, 8, uint8_t, "st.b %z[v], %[c], 0", "rJ", )
PERCPU__LOONG_RSEQ_SEQUENCE(write, 16, uint16_t, "st.h %z[v], %[c], 0", "rJ", )
PERCPU__LOONG_RSEQ_SEQUENCE(write, 32, int32_t, "st.w %z[v], %[c], 0", "rJ", )
PERCPU__LOONG_RSEQ_SEQUENCE(write, 64, int64_t, "st.d %z[v], %[c], 0", "rJ", )

/* cmpxchg on the copy whose address is *copy; leaves where the number is that of another one. */
#define PERCPU__LOONG_RSEQ_ON(bits, loaded, load, store)                                           \
    PERCPU__SEQUENCE(cmpxchg_on, bits)                                                             \
    {                                                                                              \
        uintptr_t c, o, n;                                                                         \
        (void)n;                                                                                   \
        PERCPU__GOTO(PERCPU__LOONG_RSEQ("bne %[c], %[a], .Lpercpu_commit%=\n\t"                    \
                                        "ld." load " %[o], %[c], 0\n\t"                            \
                                        "bne %[o], %z[e], .Lpercpu_commit%=\n\t"                   \
                                        "st." store " %z[v], %[c], 0")                             \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n),                                   \
                       "+m"(*(volatile percpu__u##bits *)p)                                        \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()),                                \
                       [cpus] "r"((uintptr_t)percpu__rseq_cpus),                                   \
                       [v] "rJ"((intptr_t)(int##bits##_t)value),                                   \
                       [e] "rJ"((intptr_t)(loaded)expected), [a] "r"(*copy)                        \
                     : : slow);                                                                    \
        *now = *old = (uint##bits##_t)o, *copy = c;                                                \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
PERCPU__LOONG_RSEQ_ON(8, uint8_t, "bu", "b")
PERCPU__LOONG_RSEQ_ON(16, uint16_t, "hu", "h")
PERCPU__LOONG_RSEQ_ON(32, int32_t, "w", "w")
PERCPU__LOONG_RSEQ_ON(64, int64_t, "d", "d")

PERCPU__LOONG_RSEQ_SEQUENCE(cas, 32, int32_t,
                            "ll.w %[o], %[c], 0\n\t"
                            "bne %[o], %z[e], .Lpercpu_commit%=\n\t"
                            "move %[n], %z[v]\n\t"
                            "sc.w %[n], %[c], 0", "rJ", )
/* clang-format on */
