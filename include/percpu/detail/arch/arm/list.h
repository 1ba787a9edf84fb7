/* SPDX-License-Identifier: MIT */
/* arm: the operations on lists as restartable sequences, in kernels and on Linux: list.h. */
#ifndef PERCPU_DETAIL_ARCH_ARM_LIST_H
#define PERCPU_DETAIL_ARCH_ARM_LIST_H

#ifdef PERCPU_RESTART

/* clang-format off */
PERCPU__ARM_WORD_SEQUENCE(32, "", list_push, "str %[o], [%[v]]\n\t", "%[v]", "r")
PERCPU__ARM_WORD_SEQUENCE(32, "", list_pop, "cmp %[o], #0\n\tbeq 2f\n\tldr %[n], [%[o]]\n\t",
                          "%[n]", "rI")
/* clang-format on */

#define PERCPU__LIST_SEQUENCES 1

#endif

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * false: the thread has no sequence, or the list is closed. *old gets what was the first node.
 * Only a node that is not in the list yet is written before the commit.
 */
/* clang-format off */
#define PERCPU__ARM_RSEQ_LIST(name, body, node_in)                                                 \
    PERCPU__SEQUENCE(list_##name, 32)                                                              \
    {                                                                                              \
        uintptr_t c;                                                                               \
        uintptr_t o, n;                                                                            \
        PERCPU__ARM_RSEQ_LENGTH;                                                                   \
        __asm__ volatile goto(PERCPU__ARM_RSEQ("ldr %[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY body, )   \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n), [p] "+Q"(*(percpu__u32 *)p)       \
                     : PERCPU__ARM_RSEQ_IN, [v] node_in(value)                                     \
                     : "cc", "memory" : slow);                                                     \
        *old = o;                                                                                  \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__ARM_RSEQ_OPEN                                                                      \
    "tst %[o], #1\n\t" PERCPU__RSEQ_DELAY "bne %l[slow]\n\t" PERCPU__RSEQ_DELAY

PERCPU__ARM_RSEQ_LIST(push, PERCPU__ARM_RSEQ_OPEN
                      "str %[o], [%[v]]\n\t" PERCPU__RSEQ_DELAY
                      "str %[v], [%[c]]", "r")
PERCPU__ARM_RSEQ_LIST(pop, "cmp %[o], #0\n\t" PERCPU__RSEQ_DELAY
                      "beq .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY PERCPU__ARM_RSEQ_OPEN
                      "ldr %[n], [%[o]]\n\t" PERCPU__RSEQ_DELAY
                      "str %[n], [%[c]]", "rI")
PERCPU__ARM_RSEQ_LIST(take_all, PERCPU__ARM_RSEQ_OPEN "str %[v], [%[c]]", "r")
/* clang-format on */

#endif
#endif
