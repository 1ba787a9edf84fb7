/* SPDX-License-Identifier: MIT */
/*
 * aarch64: restartable sequences of a Linux thread. Part of platform/rseq.h.
 *
 * The text of a sequence: tell the kernel which sequence runs, read the CPU's number, make the
 * address of the copy, do the update; the last instruction commits. Outputs are early-clobber and
 * inputs unchanged, since the sequence may begin again at any point before the commit.
 */

/* BRK #0x45e0 before the abort address (glibc, sysdeps/.../aarch64/bits/rseq.h). */
#define PERCPU__RSEQ_SIGNATURE 0xd428bc00

PERCPU__INLINE uintptr_t percpu__thread_pointer(void)
{
    uintptr_t pointer;
    PERCPU__THREAD_ASM("mrs %0, tpidr_el0" : "=r"(pointer));
    return pointer;
}

/*
 * n + (n << PERCPU__SLOT_ODD) in one instruction: compilers would load the factor, or first widen a
 * number of 32 bits.
 */
PERCPU__INLINE uintptr_t percpu__slot_sum(uintptr_t n)
{
    uintptr_t sum;
    __asm__("add %0, %1, %1, lsl #" PERCPU__STR(PERCPU__SLOT_ODD) : "=r"(sum) : "r"(n));
    return sum;
}
PERCPU__INLINE uintptr_t percpu__slot(size_t cpu)
{
    if (__builtin_constant_p(cpu))
        return cpu * PERCPU__SLOT_SIZE;
    return percpu__slot_sum(cpu) << PERCPU__SLOT_SHIFT;
}
#define percpu__slot percpu__slot
PERCPU__INLINE uintptr_t percpu__slot_32(uint32_t cpu)
{
    return percpu__slot_sum((uintptr_t)cpu << PERCPU__SLOT_SHIFT);
}
#define percpu__slot_32 percpu__slot_32

/* The number of the current area, as percpu__rseq_index(). */
#ifdef PERCPU_RSEQ_MM_CID
#define PERCPU__A64_RSEQ_INDEX                                                                     \
    "ldr %w[o], [%[rseq], #4]\n\t" PERCPU__RSEQ_DELAY                                              \
    "ldr %w[c], [%[rseq], #24]\n\t" PERCPU__RSEQ_DELAY "orr %w[c], %w[c], %w[o], asr #31\n\t"
#else
#define PERCPU__A64_RSEQ_INDEX "ldr %w[c], [%[rseq], #4]\n\t"
#endif

#define PERCPU__A64_RSEQ_ODD                                                                       \
    "add %[c], %[c], %[c], lsl #" PERCPU__STR(PERCPU__SLOT_ODD) "\n\t" PERCPU__RSEQ_DELAY

/* clang-format off */
#define PERCPU__A64_RSEQ(body)                                                                     \
    PERCPU__RSEQ_JUMPED_OVER("b", ".inst")                                                         \
    "adrp %[c], .Lpercpu_cs%=\n\t"                                                                 \
    "add %[c], %[c], :lo12:.Lpercpu_cs%=\n\t"                                                      \
    "str %[c], [%[rseq], #8]\n"                                                                    \
    ".Lpercpu_start%=:\n\t"                                                                        \
    PERCPU__A64_RSEQ_INDEX PERCPU__RSEQ_DELAY                                                      \
    "cmp %w[c], %w[cpus]\n\t" PERCPU__RSEQ_DELAY                                                   \
    "b.hs %l[slow]\n\t" PERCPU__RSEQ_DELAY PERCPU__A64_RSEQ_ODD                                    \
    "add %[c], %[p], %[c], lsl #" PERCPU__STR(PERCPU__SLOT_SHIFT) "\n\t"                           \
    PERCPU__RSEQ_DELAY body "\n"                                                                   \
    ".Lpercpu_commit%=:\n\t"                                                                       \
    PERCPU__RSEQ_TABLES("%l[slow]")

#define PERCPU__A64_RSEQ_SEQUENCE(name, bits, word, same, body, value_in, ...)                     \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t c;                                                                               \
        word o, n, v = PERCPU__A64_VALUE(word, same);                                              \
        PERCPU__GOTO(PERCPU__A64_RSEQ(body)                                                        \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n),                                   \
                       "+m"(*(volatile percpu__u##bits *)p)                                        \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()), [cpus] "r"(percpu__rseq_cpus), \
                       [v] value_in(v), [e] "rI"((word)expected)                                   \
                     : __VA_ARGS__ : slow);                                                        \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n, *copy = c;                             \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__A64_SEQUENCE(...) PERCPU__A64_SEQUENCE_(__VA_ARGS__)
#define PERCPU__A64_SEQUENCE_(name, bits, word, same, w, suffix, op, result, value_in, ...)        \
    PERCPU__A64_RSEQ_SEQUENCE(name, bits, word, same,                                              \
                              "ldr" suffix " %" w "[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY op          \
                              "str" suffix " %" w result ", [%[c]]", value_in, __VA_ARGS__)
#include <percpu/detail/arch/aarch64/updates.h>

PERCPU__A64_RSEQ_SEQUENCE(write, 8, int32_t, int8_t, "strb %w[v], [%[c]]", "rZ", "cc")
PERCPU__A64_RSEQ_SEQUENCE(write, 16, int32_t, int16_t, "strh %w[v], [%[c]]", "rZ", "cc")
PERCPU__A64_RSEQ_SEQUENCE(write, 32, int32_t, int32_t, "str %w[v], [%[c]]", "rZ", "cc")
PERCPU__A64_RSEQ_SEQUENCE(write, 64, int64_t, int64_t, "str %x[v], [%[c]]", "rZ", "cc")

/* cmpxchg on the copy whose address is *copy; leaves where the number is that of another one. */
#define PERCPU__A64_RSEQ_ON(bits, word, same, w, suffix)                                           \
    PERCPU__SEQUENCE(cmpxchg_on, bits)                                                             \
    {                                                                                              \
        uintptr_t c;                                                                               \
        word o, v = PERCPU__A64_VALUE(word, same);                                                 \
        PERCPU__GOTO(PERCPU__A64_RSEQ("cmp %[c], %[a]\n\t" PERCPU__RSEQ_DELAY                      \
                                      "b.ne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY              \
                                      "ldr" suffix " %" w "[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY     \
                                      "cmp %" w "[o], %" w "[e]\n\t" PERCPU__RSEQ_DELAY            \
                                      "b.ne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY              \
                                      "str" suffix " %" w "[v], [%[c]]")                           \
                     : [c] "=&r"(c), [o] "=&r"(o), "+m"(*(volatile percpu__u##bits *)p)            \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()), [cpus] "r"(percpu__rseq_cpus), \
                       [v] "rZ"(v), [e] "rI"((word)expected), [a] "r"(*copy)                       \
                     : "cc" : slow);                                                               \
        *now = *old = (uint##bits##_t)o, *copy = c;                                                \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
PERCPU__A64_RSEQ_ON(8, int32_t, int8_t, "w", "b")
PERCPU__A64_RSEQ_ON(16, int32_t, int16_t, "w", "h")
PERCPU__A64_RSEQ_ON(32, int32_t, int32_t, "w", "")
PERCPU__A64_RSEQ_ON(64, int64_t, int64_t, "x", "")

PERCPU__A64_RSEQ_SEQUENCE(cas, 32, int32_t, int32_t,
                          "ldxr %w[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY
                          "cmp %w[o], %w[e]\n\t" PERCPU__RSEQ_DELAY
                          "b.ne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY
                          "stxr %w[n], %w[v], [%[c]]", "rZ", "cc")
/* clang-format on */
