/* SPDX-License-Identifier: MIT */
/*
 * x86_64: restartable sequences of a Linux thread. Part of platform/rseq.h.
 *
 * The text of a sequence: tell the kernel which one runs, read the CPU's number, make an offset of
 * it, do the update; its last instruction commits. Outputs are early-clobber and inputs unchanged,
 * since the sequence may begin again at any point before that.
 */
#ifndef PERCPU_DETAIL_ARCH_X86_64_RSEQ_H
#define PERCPU_DETAIL_ARCH_X86_64_RSEQ_H

#define PERCPU__RSEQ_SIGNATURE 0x53053053

/* The thread control block begins with its own address (System V x86-64 ABI, %fs, and ELF TLS). */
PERCPU__INLINE uintptr_t percpu__thread_pointer(void)
{
#ifdef __clang__ /* 14 has no __builtin_thread_pointer() here; GCC loads an asm's result anew */
    uintptr_t pointer;
    __asm__("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
#else
    return (uintptr_t)__builtin_thread_pointer();
#endif
}

PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("pause");
}
#define percpu__relax percpu__relax

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

/*
 * The signature before the abort address, 0x53053053, is the operand of an undefined instruction
 * (linux/rseq.h, RSEQ_SIG; glibc, sys/rseq.h).
 */
/* clang-format off */
#define PERCPU__X86_RSEQ(body)                                                                     \
    ".pushsection .text.unlikely.percpu,\"ax?\",@progbits\n\t"                                     \
    ".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n"                                                 \
    ".Lpercpu_abort%=:\n\t"                                                                        \
    "jmp .Lpercpu_begin%=\n\t"                                                                     \
    ".popsection\n"                                                                                \
    ".Lpercpu_begin%=:\n\t" PERCPU__X86_SET_CS                                                     \
    ".Lpercpu_start%=:\n\t"                                                                        \
    PERCPU__X86_RSEQ_INDEX PERCPU__RSEQ_DELAY                                                      \
    "cmpl %[cpus], %k[t]\n\t" PERCPU__RSEQ_DELAY                                                   \
    "jae %l[slow]\n\t" PERCPU__RSEQ_DELAY                                                          \
    "shlq $" PERCPU__STR(PERCPU__SLOT_SHIFT) ", %[t]\n\t" PERCPU__RSEQ_DELAY body "\n"             \
    ".Lpercpu_commit%=:\n\t" PERCPU__RSEQ_TABLES("%l[slow]")

#define PERCPU__X86_RSEQ_IN(p)                                                                     \
    [p] "r"(p), [rseq] "r"(percpu__rseq_area()), [cpus] "m"(percpu__rseq_cpus)

#define PERCPU__X86_RSEQ_OP(name, slow_name, bits, suffix, in, immediate)                          \
    PERCPU__CALLED void percpu__##name##_##bits(volatile void *p, uint##bits##_t value, bool near) \
    {                                                                                              \
        uintptr_t t;                                                                               \
        (void)near;                                                                                \
        __asm__ goto(PERCPU__X86_RSEQ(#name suffix " %[v], (%[p],%[t])")                           \
                     : [t] "=&r"(t), "+m"(*(volatile percpu__u##bits *)p)                          \
                     : PERCPU__X86_RSEQ_IN(p), [v] in immediate(value)                             \
                     : "cc" : slow);                                                               \
        return;                                                                                    \
    slow:                                                                                          \
        percpu__slow(slow_name, p, bits / 8, value, 0);                                            \
    }

/* The old value in o, the new one is `make` of it; `leave` may end the sequence before. */
#define PERCPU__X86_RSEQ_RESULT(name, slow_name, bits, suffix, in, immediate, make, store, result) \
    PERCPU__CALLED uint##bits##_t percpu__##name##_##bits(volatile void *p, uint##bits##_t value,  \
                                                          bool near)                               \
    {                                                                                              \
        uintptr_t t;                                                                               \
        uint##bits##_t o;                                                                          \
        (void)near;                                                                                \
        __asm__ goto(PERCPU__X86_RSEQ("mov" suffix " (%[p],%[t]), %[o]\n\t" PERCPU__RSEQ_DELAY make\
                                      "mov" suffix " " store ", (%[p],%[t])")                      \
                     : [t] "=&r"(t), [o] "=&" in(o), "+m"(*(volatile percpu__u##bits *)p)          \
                     : PERCPU__X86_RSEQ_IN(p), [v] in immediate(value)                             \
                     : "cc" : slow);                                                               \
        return (uint##bits##_t)(o result);                                                         \
    slow:                                                                                          \
        o = (uint##bits##_t)percpu__slow(slow_name, p, bits / 8, value, 0);                        \
        return (uint##bits##_t)(PERCPU__X86_RSEQ_SLOW_##name);                                     \
    }
#define PERCPU__X86_RSEQ_SLOW_add_return o + value
#define PERCPU__X86_RSEQ_SLOW_fetch_add o
#define PERCPU__X86_RSEQ_SLOW_xchg o

#define PERCPU__X86_RSEQ_UPDATES(bits, suffix, in, immediate)                                      \
    PERCPU__X86_RSEQ_OP(mov, PERCPU__SLOW_WRITE, bits, suffix, in, immediate)                      \
    PERCPU__CALLED void percpu__write_##bits(volatile void *p, uint##bits##_t value, bool near)    \
    {                                                                                              \
        percpu__mov_##bits(p, value, near);                                                        \
    }                                                                                              \
    PERCPU__X86_RSEQ_OP(add, PERCPU__SLOW_ADD, bits, suffix, in, immediate)                        \
    PERCPU__X86_RSEQ_OP(and, PERCPU__SLOW_AND, bits, suffix, in, immediate)                        \
    PERCPU__X86_RSEQ_OP(or, PERCPU__SLOW_OR, bits, suffix, in, immediate)                          \
    PERCPU__X86_RSEQ_OP(xor, PERCPU__SLOW_XOR, bits, suffix, in, immediate)                        \
    PERCPU__X86_RSEQ_RESULT(add_return, PERCPU__SLOW_ADD, bits, suffix, in, immediate,             \
                            "add" suffix " %[v], %[o]\n\t" PERCPU__RSEQ_DELAY, "%[o]", )           \
    PERCPU__X86_RSEQ_RESULT(fetch_add, PERCPU__SLOW_ADD, bits, suffix, in, immediate,              \
                            "add" suffix " %[v], %[o]\n\t" PERCPU__RSEQ_DELAY, "%[o]", - value)    \
    PERCPU__X86_RSEQ_RESULT(xchg, PERCPU__SLOW_XCHG, bits, suffix, in, immediate, "", "%[v]", )    \
    PERCPU__CALLED uint##bits##_t percpu__cmpxchg_slot_##bits(                                     \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, uintptr_t *slot)          \
    {                                                                                              \
        uintptr_t t;                                                                               \
        uint##bits##_t o;                                                                          \
        __asm__ goto(PERCPU__X86_RSEQ("mov" suffix " (%[p],%[t]), %[o]\n\t" PERCPU__RSEQ_DELAY     \
                                      "cmp" suffix " %[e], %[o]\n\t" PERCPU__RSEQ_DELAY            \
                                      "jne .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY               \
                                      "mov" suffix " %[v], (%[p],%[t])")                           \
                     : [t] "=&r"(t), [o] "=&" in(o), "+m"(*(volatile percpu__u##bits *)p)          \
                     : PERCPU__X86_RSEQ_IN(p), [v] in immediate(value), [e] in immediate(expected) \
                     : "cc" : slow);                                                               \
        *slot = t;                                                                                 \
        return o;                                                                                  \
    slow:                                                                                          \
        *slot = PERCPU__NO_SLOT;                                                                   \
        return (uint##bits##_t)percpu__slow(PERCPU__SLOW_CMPXCHG, p, bits / 8, value, expected);   \
    }                                                                                              \
    PERCPU__CALLED uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near)                \
    {                                                                                              \
        uintptr_t slot;                                                                            \
        (void)near;                                                                                \
        return percpu__cmpxchg_slot_##bits(p, expected, value, &slot);                             \
    }
PERCPU__X86_RSEQ_UPDATES(8, "b", "q", "i")
PERCPU__X86_RSEQ_UPDATES(16, "w", "r", "i")
PERCPU__X86_RSEQ_UPDATES(32, "l", "r", "i")
PERCPU__X86_RSEQ_UPDATES(64, "q", "r", "e")
/* clang-format on */
#define percpu__write_8 percpu__write_8
#define PERCPU__UPDATES (8 | 16 | 32 | 64)

#endif
