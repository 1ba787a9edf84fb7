/* SPDX-License-Identifier: MIT */
/*
 * x86_64: restartable sequences of a Linux thread. Part of platform/rseq.h.
 *
 * The text of a sequence: tell the kernel which sequence runs, read the CPU's number, make an
 * offset of the number, do the update; the last instruction commits. Outputs are early-clobber and
 * inputs unchanged, since the sequence may begin again at any point before the commit.
 */

#define PERCPU__RSEQ_SIGNATURE 0x53053053

/* The thread control block begins with its own address (System V x86-64 ABI, %fs, and ELF TLS). */
PERCPU__INLINE uintptr_t percpu__thread_pointer(void)
{
    /* clang 14 and sparse have no __builtin_thread_pointer(); GCC loads an asm's result anew. */
#if defined(__clang__) || defined(__CHECKER__) || defined(PERCPU_RSEQ_FIBERS)
    uintptr_t pointer;
    PERCPU__THREAD_ASM(PERCPU__X86_ATT "movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
#else
    return (uintptr_t)__builtin_thread_pointer();
#endif
}

/* GCC would make three or four instructions of the multiplication. */
PERCPU__INLINE uintptr_t percpu__slot(size_t cpu)
{
    uintptr_t slot;
    if (__builtin_constant_p(cpu))
        return cpu * PERCPU__SLOT_SIZE;
    __asm__(PERCPU__X86_ATT "imulq $" PERCPU__STR(PERCPU__SLOT_SIZE) ", %1, %0"
            : "=r"(slot)
            : "r"(cpu)
            : "cc");
    return slot;
}
#define percpu__slot percpu__slot

/* With fixed addresses a descriptor's address is an immediate. */
#if defined(__PIC__) || defined(__PIE__)
#define PERCPU__X86_SET_CS                                                                         \
    "leaq .Lpercpu_cs%=(%%rip), %[t]\n\t"                                                          \
    "movq %[t], 8(%[rseq])\n"
#else
#define PERCPU__X86_SET_CS "movq $.Lpercpu_cs%=, 8(%[rseq])\n"
#endif

/* The number of the current area, as percpu__rseq_index(). */
#ifdef PERCPU_RSEQ_MM_CID
#define PERCPU__X86_RSEQ_INDEX                                                                     \
    "movl 4(%[rseq]), %k[t]\n\t"                                                                   \
    "sarl $31, %k[t]\n\t"                                                                          \
    "orl 24(%[rseq]), %k[t]\n\t"
#else
#define PERCPU__X86_RSEQ_INDEX "movl 4(%[rseq]), %k[t]\n\t"
#endif

/* The signature (linux/rseq.h, RSEQ_SIG; glibc, sys/rseq.h) is the operand of a nop, 0f 1f 80. */
/* clang-format off */
#define PERCPU__X86_RSEQ(body)                                                                     \
    PERCPU__X86_ATT                                                                                \
    PERCPU__RSEQ_BEGIN("nopl 0x53053053(%%rax)") PERCPU__X86_SET_CS                                \
    ".Lpercpu_start%=:\n\t"                                                                        \
    PERCPU__X86_RSEQ_INDEX PERCPU__RSEQ_DELAY                                                      \
    "cmpl %[cpus], %k[t]\n\t" PERCPU__RSEQ_DELAY                                                   \
    "jae %l[slow]\n\t" PERCPU__RSEQ_DELAY                                                          \
    "imulq $" PERCPU__STR(PERCPU__SLOT_SIZE) ", %[t], %[t]\n\t" PERCPU__RSEQ_DELAY body "\n"       \
    ".Lpercpu_commit%=:\n\t" PERCPU__RSEQ_TABLES("%l[slow]")

#define PERCPU__X86_RSEQ_IN(p)                                                                     \
    [p] "r"(p), [rseq] "r"(percpu__rseq_area()), [cpus] "m"(percpu__rseq_cpus)

/* Updates without a result, which need no register for the old value. */
#define PERCPU__X86_RSEQ_OP(name, instruction, bits, suffix, in, immediate)                        \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t t;                                                                               \
        PERCPU__GOTO(PERCPU__X86_RSEQ(instruction suffix " %[v], (%[p],%[t])")                     \
                     : [t] "=&r"(t), "+m"(*(volatile percpu__u##bits *)p)                          \
                     : PERCPU__X86_RSEQ_IN(p), [v] in immediate(value)                             \
                     : "cc" : slow);                                                               \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }

/* `make` leaves the sequence, or turns o, the old value, into the new one; `restored` undoes it. */
#define PERCPU__X86_RSEQ_RESULT(name, bits, suffix, in, immediate, make, store, restored)          \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t t;                                                                               \
        uint##bits##_t o;                                                                          \
        PERCPU__GOTO(PERCPU__X86_RSEQ("mov" suffix " (%[p],%[t]), %[o]\n\t" PERCPU__RSEQ_DELAY make\
                                      "mov" suffix " " store ", (%[p],%[t])")                      \
                     : [t] "=&r"(t), [o] "=&" in(o), "+m"(*(volatile percpu__u##bits *)p)          \
                     : PERCPU__X86_RSEQ_IN(p), [v] in immediate(value), [e] in immediate(expected) \
                     : "cc" : slow);                                                               \
        *now = o, *old = (uint##bits##_t)(restored), *copy = (uintptr_t)p + t;                     \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }

#define PERCPU__X86_RSEQ_UPDATES(bits, suffix, in, immediate)                                      \
    PERCPU__X86_RSEQ_OP(write, "mov", bits, suffix, in, immediate)                                 \
    PERCPU__X86_RSEQ_OP(add, "add", bits, suffix, in, immediate)                                   \
    PERCPU__X86_RSEQ_OP(bit_and, "and", bits, suffix, in, immediate)                               \
    PERCPU__X86_RSEQ_OP(bit_or, "or", bits, suffix, in, immediate)                                 \
    PERCPU__X86_RSEQ_OP(bit_xor, "xor", bits, suffix, in, immediate)                               \
    PERCPU__X86_RSEQ_RESULT(added, bits, suffix, in, immediate,                                    \
                            "add" suffix " %[v], %[o]\n\t" PERCPU__RSEQ_DELAY, "%[o]", o - value)  \
    PERCPU__X86_RSEQ_RESULT(xchg, bits, suffix, in, immediate, "", "%[v]", o)                      \
    PERCPU__X86_RSEQ_RESULT(cmpxchg, bits, suffix, in, immediate,                                  \
                            "cmp" suffix " %[e], %[o]\n\t" PERCPU__RSEQ_DELAY                      \
                            "jne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY, "%[v]", o)
PERCPU__X86_RSEQ_UPDATES(8, "b", "q", "i")
PERCPU__X86_RSEQ_UPDATES(16, "w", "r", "i")
PERCPU__X86_RSEQ_UPDATES(32, "l", "r", "i")
PERCPU__X86_RSEQ_UPDATES(64, "q", "r", "e")

/* cmpxchg on the copy whose address is *copy; leaves where the number is that of another one. */
#define PERCPU__X86_RSEQ_ON(bits, suffix, in, immediate)                                           \
    PERCPU__SEQUENCE(cmpxchg_on, bits)                                                             \
    {                                                                                              \
        uintptr_t t;                                                                               \
        uint##bits##_t o;                                                                          \
        PERCPU__GOTO(PERCPU__X86_RSEQ("cmpq %[a], %[t]\n\t" PERCPU__RSEQ_DELAY                     \
                                      "jne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY               \
                                      "mov" suffix " (%[p],%[t]), %[o]\n\t" PERCPU__RSEQ_DELAY     \
                                      "cmp" suffix " %[e], %[o]\n\t" PERCPU__RSEQ_DELAY            \
                                      "jne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY               \
                                      "mov" suffix " %[v], (%[p],%[t])")                           \
                     : [t] "=&r"(t), [o] "=&" in(o), "+m"(*(volatile percpu__u##bits *)p)          \
                     : PERCPU__X86_RSEQ_IN(p), [v] in immediate(value), [e] in immediate(expected),\
                       [a] "er"(*copy - (uintptr_t)p)                                              \
                     : "cc" : slow);                                                               \
        *now = *old = o, *copy = (uintptr_t)p + t;                                                 \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
PERCPU__X86_RSEQ_ON(8, "b", "q", "i")
PERCPU__X86_RSEQ_ON(16, "w", "r", "i")
PERCPU__X86_RSEQ_ON(32, "l", "r", "i")
PERCPU__X86_RSEQ_ON(64, "q", "r", "e")

PERCPU__SEQUENCE(cas, 32)
{
    uintptr_t t;
    uint32_t o;
    PERCPU__GOTO(PERCPU__X86_RSEQ("movl %[e], %[o]\n\t" PERCPU__RSEQ_DELAY
                                  "lock cmpxchgl %[v], (%[p],%[t])")
                 : [t] "=&r"(t), [o] "=&a"(o), "+m"(*(volatile percpu__u32 *)p)
                 : PERCPU__X86_RSEQ_IN(p), [v] "r"(value), [e] "r"(expected)
                 : "cc" : slow);
    *now = *old = o, *copy = (uintptr_t)p + t;
    return true;
slow:
    return false;
}
/* clang-format on */

#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)
#define PERCPU__SEQUENCE_ADDED(bits) percpu__sequence_added_##bits
