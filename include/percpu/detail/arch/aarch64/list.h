/* SPDX-License-Identifier: MIT */
/* aarch64: the operations on lists as restartable sequences, in kernels and on Linux: list.h. */
#ifndef PERCPU_DETAIL_ARCH_AARCH64_LIST_H
#define PERCPU_DETAIL_ARCH_AARCH64_LIST_H

#ifdef PERCPU_RESTART

/* clang-format off */
PERCPU__A64_SEQUENCE(list_push, 64, int64_t, int64_t, "ldr %x", "str %x",
                     "str %x[o], [%x[v]]\n\t", "[v]", "r")
PERCPU__A64_SEQUENCE(list_pop, 64, int64_t, int64_t, "ldr %x", "str %x",
                     "cbz %x[o], .Lpercpu_end%=\n\tldr %x[n], [%x[o]]\n\t", "[n]", "rZ")
/* clang-format on */

#define PERCPU__LIST_SEQUENCES 1

#endif

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * false: the thread has no sequence, or the list is closed. *old gets what was the first node.
 * Only a node that is not in the list yet is written before the commit.
 */
/* clang-format off */
#define PERCPU__A64_RSEQ_LIST(name, body, node_in)                                                 \
    PERCPU__SEQUENCE(list_##name, 64)                                                              \
    {                                                                                              \
        uintptr_t c;                                                                               \
        uintptr_t o, n;                                                                            \
        __asm__ volatile goto(PERCPU__A64_RSEQ("ldr %[o], [%[c]]\n\t" PERCPU__RSEQ_DELAY body)     \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n)                                    \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()), [cpus] "r"(percpu__rseq_cpus), \
                       [v] node_in(value)                                                          \
                     : "cc", "memory" : slow);                                                     \
        *old = o;                                                                                  \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__A64_RSEQ_OPEN                                                                      \
    "tst %[o], #1\n\t" PERCPU__RSEQ_DELAY "b.ne %l[slow]\n\t" PERCPU__RSEQ_DELAY

PERCPU__A64_RSEQ_LIST(push, PERCPU__A64_RSEQ_OPEN
                      "str %[o], [%[v]]\n\t" PERCPU__RSEQ_DELAY
                      "str %[v], [%[c]]", "r")
PERCPU__A64_RSEQ_LIST(pop, "cbz %[o], .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY
                      PERCPU__A64_RSEQ_OPEN
                      "ldr %[n], [%[o]]\n\t" PERCPU__RSEQ_DELAY
                      "str %[n], [%[c]]", "rZ")
PERCPU__A64_RSEQ_LIST(take_all, PERCPU__A64_RSEQ_OPEN "str %x[v], [%[c]]", "rZ")
/* clang-format on */

#endif
#endif
