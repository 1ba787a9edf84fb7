/* SPDX-License-Identifier: MIT */
/* x86_64: the operations on lists as restartable sequences of a Linux thread. Part of list.h. */

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * Returns false if the thread has no sequence or the list is closed. *old is set to the node that
 * was first. Only a node that is not in the list yet is written before the commit.
 */
/* clang-format off */
#define PERCPU__X86_RSEQ_LIST(name, body, node_in)                                                 \
    PERCPU__SEQUENCE(list_##name, 64)                                                              \
    {                                                                                              \
        uintptr_t t;                                                                               \
        uintptr_t o, n;                                                                            \
        PERCPU__VOLATILE_GOTO(PERCPU__X86_RSEQ("movq (%[p],%[t]), %[o]\n\t"                        \
                                               PERCPU__RSEQ_DELAY body)                            \
                     : [t] "=&r"(t), [o] "=&r"(o), [n] "=&r"(n)                                    \
                     : PERCPU__X86_RSEQ_IN(p), [v] node_in(value)                                  \
                     : "cc", "memory" : slow);                                                     \
        *old = o;                                                                                  \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__X86_RSEQ_OPEN                                                                      \
    "testb $1, %b[o]\n\t" PERCPU__RSEQ_DELAY "jnz %l[slow]\n\t" PERCPU__RSEQ_DELAY

PERCPU__X86_RSEQ_LIST(push, PERCPU__X86_RSEQ_OPEN
                      "movq %[o], (%[v])\n\t" PERCPU__RSEQ_DELAY
                      "movq %[v], (%[p],%[t])", "r")
PERCPU__X86_RSEQ_LIST(pop, "testq %[o], %[o]\n\t" PERCPU__RSEQ_DELAY
                      "jz .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY PERCPU__X86_RSEQ_OPEN
                      "movq (%[o]), %[n]\n\t" PERCPU__RSEQ_DELAY
                      "movq %[n], (%[p],%[t])", "er")
PERCPU__X86_RSEQ_LIST(take_all, PERCPU__X86_RSEQ_OPEN "movq %[v], (%[p],%[t])", "er")
/* clang-format on */

#endif
