/* SPDX-License-Identifier: MIT */
/*
 * riscv64: restartable sequences of a Linux thread. Part of platform/rseq.h.
 *
 * The text of a sequence: tell the kernel which sequence runs, read the CPU's number, make the
 * address of the copy, do the update; the last instruction commits. Outputs are early-clobber and
 * inputs unchanged, since the sequence may begin again at any point before the commit.
 */

/* CSRW mhartid, x0 before the abort address (glibc, sysdeps/.../riscv/bits/rseq.h). */
#define PERCPU__RSEQ_SIGNATURE 0xf1401073

PERCPU__INLINE uintptr_t percpu__thread_pointer(void)
{
    uintptr_t pointer;
    PERCPU__THREAD_ASM("mv %0, tp" : "=r"(pointer));
    return pointer;
}

/* GCC would make four instructions of the multiplication. */
PERCPU__INLINE uintptr_t percpu__slot(size_t cpu)
{
    uintptr_t size = PERCPU__SLOT_SIZE;
    if (!__builtin_constant_p(cpu))
        __asm__("" : "+r"(size));
    return cpu * size;
}
#define percpu__slot percpu__slot

/* The number of the current area, as percpu__rseq_index(). */
#ifdef PERCPU_RSEQ_MM_CID
#define PERCPU__RISCV_RSEQ_INDEX                                                                   \
    "lw %[o], 4(%[rseq])\n\t"                                                                      \
    "lwu %[c], 24(%[rseq])\n\t"                                                                    \
    "srai %[o], %[o], 31\n\t"                                                                      \
    "or %[c], %[c], %[o]\n\t"
#else
#define PERCPU__RISCV_RSEQ_INDEX "lwu %[c], 4(%[rseq])\n\t"
#endif

#define PERCPU__RISCV_RSEQ_TIMES                                                                   \
    "li %[n], " PERCPU__STR(PERCPU__SLOT_SIZE) "\n\tmul %[c], %[c], %[n]\n\t"

/* No linker relaxation: it would change the length of the sequence, which the descriptor holds. */
/* clang-format off */
#define PERCPU__RISCV_RSEQ(body)                                                                   \
    ".option push\n\t"                                                                             \
    ".option norelax\n\t"                                                                          \
    PERCPU__RSEQ_JUMPED_OVER("j", ".4byte")                                                        \
    "lla %[c], .Lpercpu_cs%=\n\t"                                                                  \
    "sd %[c], 8(%[rseq])\n"                                                                        \
    ".Lpercpu_start%=:\n\t"                                                                        \
    PERCPU__RISCV_RSEQ_INDEX                                                                       \
    "bgeu %[c], %[cpus], %l[slow]\n\t"                                                             \
    PERCPU__RISCV_RSEQ_TIMES                                                                       \
    "add %[c], %[c], %[p]\n\t"                                                                     \
    body "\n"                                                                                      \
    ".Lpercpu_commit%=:\n\t"                                                                       \
    PERCPU__RSEQ_TABLES("%l[slow]") ".option pop\n"

#define PERCPU__RISCV_RSEQ_SEQUENCE(name, bits, loaded, body, value_in, ...)                       \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t c, o, n;                                                                         \
        intptr_t v = PERCPU__RISCV_VALUE(bits, loaded);                                            \
        PERCPU__GOTO(PERCPU__RISCV_RSEQ(body)                                                      \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n),                                   \
                       "+m"(*(volatile percpu__u##bits *)p)                                        \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()),                                \
                       [cpus] "r"((uintptr_t)percpu__rseq_cpus), [v] value_in(v),                  \
                       [e] "rJ"((intptr_t)(loaded)expected)                                        \
                     : __VA_ARGS__ : slow);                                                        \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n, *copy = c;                             \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__RISCV_SEQUENCE(name, bits, loaded, load, store, op, result, value_in, ...)         \
    PERCPU__RISCV_RSEQ_SEQUENCE(name, bits, loaded, load " %[o], 0(%[c])\n\t" op                   \
                                store " " result ", 0(%[c])", value_in, __VA_ARGS__)
#include <percpu/detail/arch/riscv/updates.h>

PERCPU__RISCV_RSEQ_SEQUENCE(write, 8, uint8_t, "sb %z[v], 0(%[c])", "rJ", )
PERCPU__RISCV_RSEQ_SEQUENCE(write, 16, uint16_t, "sh %z[v], 0(%[c])", "rJ", )
PERCPU__RISCV_RSEQ_SEQUENCE(write, 32, int32_t, "sw %z[v], 0(%[c])", "rJ", )
PERCPU__RISCV_RSEQ_SEQUENCE(write, 64, int64_t, "sd %z[v], 0(%[c])", "rJ", )

/* cmpxchg on the copy whose address is *copy; leaves where the number is that of another one. */
#define PERCPU__RISCV_RSEQ_ON(bits, loaded, load, store)                                           \
    PERCPU__SEQUENCE(cmpxchg_on, bits)                                                             \
    {                                                                                              \
        uintptr_t c, o, n;                                                                         \
        intptr_t v = PERCPU__RISCV_VALUE(bits, loaded);                                            \
        (void)n;                                                                                   \
        PERCPU__GOTO(PERCPU__RISCV_RSEQ("bne %[c], %[a], .Lpercpu_commit%=\n\t"                    \
                                        load " %[o], 0(%[c])\n\t"                                  \
                                        "bne %[o], %z[e], .Lpercpu_commit%=\n\t"                   \
                                        store " %z[v], 0(%[c])")                                   \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n),                                   \
                       "+m"(*(volatile percpu__u##bits *)p)                                        \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()),                                \
                       [cpus] "r"((uintptr_t)percpu__rseq_cpus), [v] "rJ"(v),                      \
                       [e] "rJ"((intptr_t)(loaded)expected), [a] "r"(*copy)                        \
                     : : slow);                                                                    \
        *now = *old = (uint##bits##_t)o, *copy = c;                                                \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
PERCPU__RISCV_RSEQ_ON(8, uint8_t, "lbu", "sb")
PERCPU__RISCV_RSEQ_ON(16, uint16_t, "lhu", "sh")
PERCPU__RISCV_RSEQ_ON(32, int32_t, "lw", "sw")
PERCPU__RISCV_RSEQ_ON(64, int64_t, "ld", "sd")

PERCPU__RISCV_RSEQ_SEQUENCE(cas, 32, int32_t,
                            "lr.w %[o], (%[c])\n\t"
                            "bne %[o], %z[e], .Lpercpu_commit%=\n\t"
                            "sc.w %[n], %z[v], (%[c])", "rJ", )
/* clang-format on */
