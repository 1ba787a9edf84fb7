/* SPDX-License-Identifier: MIT */
/*
 * arm: restartable sequences of a Linux thread, ARMv7-A, A32 and T32. Part of platform/rseq.h.
 *
 * The text of a sequence: tell the kernel which sequence runs, read the CPU's number, make the
 * address of the copy, do the update; the last instruction commits. Outputs are early-clobber and
 * inputs unchanged, as the sequence may begin again at any point before the commit. Sequences of 8
 * bytes commit by STREXD, the one 8-byte store that is single-copy atomic on each ARMv7-A (ARM,
 * A3.5.3).
 * ARM: ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, DDI 0406C.
 */

/* UDF before the abort address, a word in A32 and in T32 (glibc, sysdeps/.../arm/bits/rseq.h). */
#define PERCPU__RSEQ_SIGNATURE 0xe7f5def3

PERCPU__INLINE uintptr_t percpu__thread_pointer(void)
{
    uintptr_t pointer;
    PERCPU__THREAD_ASM("mrc p15, 0, %0, c13, c0, 3" : "=r"(pointer));
    return pointer;
}

PERCPU__INLINE uint64_t percpu__load_64(uintptr_t address)
{
    return __atomic_load_n((volatile percpu__u64 *)address, __ATOMIC_RELAXED);
}

PERCPU__INLINE void percpu__store_64(uintptr_t address, uint64_t value)
{
    __atomic_store_n((volatile percpu__u64 *)address, value, __ATOMIC_RELAXED);
}
#define percpu__load_64 percpu__load_64

/* A read of the PC gives the instruction's address plus 8, in T32 plus 4 (ARM, A2.3). */
#ifdef __thumb__
#define PERCPU__ARM_PC "4"
#else
#define PERCPU__ARM_PC "8"
#endif
#if defined(__PIC__) || defined(__PIE__)
#define PERCPU__ARM_CS ".Lpercpu_cs%= - .Lpercpu_pc%= - " PERCPU__ARM_PC
#define PERCPU__ARM_ADD_PC ".Lpercpu_pc%=:\n\tadd %[c], pc\n\t"
#else
#define PERCPU__ARM_CS ".Lpercpu_cs%="
#define PERCPU__ARM_ADD_PC
#endif

/* The number of the current area, as percpu__rseq_index(). */
#ifdef PERCPU_RSEQ_MM_CID
#define PERCPU__ARM_RSEQ_INDEX                                                                     \
    "ldr %[o], [%[rseq], #4]\n\t" PERCPU__RSEQ_DELAY                                               \
    "ldr %[c], [%[rseq], #24]\n\t" PERCPU__RSEQ_DELAY "orr %[c], %[c], %[o], asr #31\n\t"
#else
#define PERCPU__ARM_RSEQ_INDEX "ldr %[c], [%[rseq], #4]\n\t"
#endif

#define PERCPU__ARM_RSEQ_ODD                                                                       \
    "add %[c], %[c], %[c], lsl #" PERCPU__STR(PERCPU__SLOT_ODD) "\n\t" PERCPU__RSEQ_DELAY

/* The descriptor's address goes to the low word of rseq_cs; the high word is and stays 0. */
/* clang-format off */
#define PERCPU__ARM_RSEQ(body, after)                                                              \
    PERCPU__RSEQ_JUMPED_OVER("b", ".long")                                                         \
    "movw %[c], #:lower16:(" PERCPU__ARM_CS ")\n\t"                                                \
    "movt %[c], #:upper16:(" PERCPU__ARM_CS ")\n\t"                                                \
    PERCPU__ARM_ADD_PC                                                                             \
    "str %[c], [%[rseq], #8]\n"                                                                    \
    ".Lpercpu_start%=:\n\t"                                                                        \
    PERCPU__ARM_RSEQ_INDEX PERCPU__RSEQ_DELAY                                                      \
    "cmp %[c], %[cpus]\n\t" PERCPU__RSEQ_DELAY                                                     \
    "bhs %l[slow]\n\t" PERCPU__RSEQ_DELAY PERCPU__ARM_RSEQ_ODD                                     \
    "add %[c], %m[p], %[c], lsl #" PERCPU__STR(PERCPU__SLOT_SHIFT) "\n\t"                          \
    PERCPU__RSEQ_DELAY body "\n"                                                                   \
    ".Lpercpu_commit%=:\n\t"                                                                       \
    after "\n"                                                                                     \
    PERCPU__RSEQ_TABLES("%l[slow]")
/* clang-format on */

/*
 * GCC places literal pools by its estimate of the code's length: one instruction per line of an asm
 * statement, but only one for a whole asm goto. These empty lines stand for the rest of the asm
 * goto.
 */
#define PERCPU__ARM_RSEQ_LENGTH __asm__ volatile("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n")

/* clang-format off */
#define PERCPU__ARM_RSEQ_IN [rseq] "r"(percpu__rseq_area()), [cpus] "r"(percpu__rseq_cpus)
#define PERCPU__ARM_RSEQ_SEQUENCE(name, bits, body, value_in, ...)                                 \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t c;                                                                               \
        uint32_t o, n;                                                                             \
        PERCPU__ARM_RSEQ_LENGTH;                                                                   \
        PERCPU__GOTO(PERCPU__ARM_RSEQ(body, )                                                      \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n),                                   \
                       [p] "+Q"(*(volatile percpu__u##bits *)p)                                    \
                     : PERCPU__ARM_RSEQ_IN, [v] value_in((uint32_t)value),                         \
                       [e] "rI"((uint32_t)expected)                                                \
                     : __VA_ARGS__ : slow);                                                        \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n, *copy = c;                             \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__ARM_SEQUENCE(...) PERCPU__ARM_SEQUENCE_(__VA_ARGS__)
#define PERCPU__ARM_SEQUENCE_(name, bits, suffix, op, result, value_in, ...)                       \
    PERCPU__ARM_RSEQ_SEQUENCE(name, bits, "ldr" suffix " %[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY op   \
                              "str" suffix " " result ", [%[c]]", value_in, __VA_ARGS__)

#define PERCPU__ARM_DOUBLEWORD(...) PERCPU__ARM_DOUBLEWORD_(__VA_ARGS__)
#define PERCPU__ARM_DOUBLEWORD_(name, restored, op, result, status, mend, ...)                     \
    PERCPU__SEQUENCE(name, 64)                                                                     \
    {                                                                                              \
        uintptr_t c, scratch;                                                                      \
        uint64_t o;                                                                                \
        (void)scratch;                                                                             \
        PERCPU__ARM_RSEQ_LENGTH;                                                                   \
        PERCPU__GOTO(PERCPU__ARM_RSEQ("ldrexd %Q[o], %R[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY op      \
                                      "strexd " status ", " result ", [%[c]]",                     \
                                      "teq " status ", #0\n\tbne .Lpercpu_begin%=\n\t" mend        \
                                      "\n.Lpercpu_different%=:")                                   \
                     : [c] "=&r"(c), [o] "=&r"(o), [p] "+Q"(*(volatile percpu__u64 *)p)            \
                     __VA_ARGS__ PERCPU__ARM_RSEQ_IN, [v] "r"(value)                               \
                     : "cc" : slow);                                                               \
        *now = o, *old = restored, *copy = c;                                                      \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#include <percpu/detail/arch/arm/updates.h>

PERCPU__ARM_RSEQ_SEQUENCE(write, 8, "strb %[v], [%[c]]", "r", "cc")
PERCPU__ARM_RSEQ_SEQUENCE(write, 16, "strh %[v], [%[c]]", "r", "cc")
PERCPU__ARM_RSEQ_SEQUENCE(write, 32, "str %[v], [%[c]]", "r", "cc")
PERCPU__ARM_RSEQ_SEQUENCE(cas, 32, "ldrex %[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY
                          "cmp %[o], %[e]\n\t" PERCPU__RSEQ_DELAY
                          "bne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY
                          "strex %[n], %[v], [%[c]]", "r", "cc")
PERCPU__ARM_DOUBLEWORD(write, 0, "", "%Q[v], %R[v]", PERCPU__ARM_SCRATCH)

/*
 * cmpxchg on the copy whose address is *copy; leaves where the number is that of another one. With
 * 8 bytes that address is on the stack, since the registers are taken.
 */
#define PERCPU__ARM_RSEQ_ON(bits, suffix)                                                          \
    PERCPU__SEQUENCE(cmpxchg_on, bits)                                                             \
    {                                                                                              \
        uintptr_t c;                                                                               \
        uint32_t o;                                                                                \
        PERCPU__ARM_RSEQ_LENGTH;                                                                   \
        PERCPU__GOTO(PERCPU__ARM_RSEQ("cmp %[c], %[a]\n\t" PERCPU__RSEQ_DELAY                      \
                                      "bne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY               \
                                      "ldr" suffix " %[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY          \
                                      "cmp %[o], %[e]\n\t" PERCPU__RSEQ_DELAY                      \
                                      "bne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY               \
                                      "str" suffix " %[v], [%[c]]", )                              \
                     : [c] "=&r"(c), [o] "=&r"(o), [p] "+Q"(*(volatile percpu__u##bits *)p)        \
                     : PERCPU__ARM_RSEQ_IN, [v] "r"((uint32_t)value),                              \
                       [e] "rI"((uint32_t)expected), [a] "r"(*copy)                                \
                     : "cc" : slow);                                                               \
        *now = *old = (uint##bits##_t)o, *copy = c;                                                \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
PERCPU__ARM_RSEQ_ON(8, "b")
PERCPU__ARM_RSEQ_ON(16, "h")
PERCPU__ARM_RSEQ_ON(32, "")

PERCPU__SEQUENCE(cmpxchg_on, 64)
{
    const uintptr_t wanted = *copy;
    uintptr_t c;
    uint64_t o;
    PERCPU__ARM_RSEQ_LENGTH;
    PERCPU__GOTO(PERCPU__ARM_RSEQ("ldr %Q[o], %[a]\n\t" PERCPU__RSEQ_DELAY
                                  "cmp %[c], %Q[o]\n\t" PERCPU__RSEQ_DELAY
                                  "bne .Lpercpu_different%=\n\t" PERCPU__RSEQ_DELAY
                                  "ldrexd %Q[o], %R[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY
                                  "teq %Q[o], %[el]\n\t" PERCPU__RSEQ_DELAY
                                  "bne .Lpercpu_different%=\n\t" PERCPU__RSEQ_DELAY
                                  "teq %R[o], %[eh]\n\t" PERCPU__RSEQ_DELAY
                                  "bne .Lpercpu_different%=\n\t" PERCPU__RSEQ_DELAY
                                  "strexd %Q[o], %Q[v], %R[v], [%[c]]",
                                  "teq %Q[o], #0\n\tbne .Lpercpu_begin%=\n\t"
                                  "mov %Q[o], %[el]\n.Lpercpu_different%=:")
                 : [c] "=&r"(c), [o] "=&r"(o), [p] "+Q"(*(volatile percpu__u64 *)p)
                 : [el] "r"((uint32_t)expected), [eh] "r"((uint32_t)(expected >> 32)),
                   PERCPU__ARM_RSEQ_IN, [v] "r"(value), [a] "m"(wanted)
                 : "cc" : slow);
    *now = *old = o, *copy = c;
    return true;
slow:
    return false;
}
/* clang-format on */
