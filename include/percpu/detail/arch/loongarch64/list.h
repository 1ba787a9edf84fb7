/* SPDX-License-Identifier: MIT */
/* loongarch64: operations on lists as restartable sequences, in kernels and on Linux: list.h. */
#ifndef PERCPU_DETAIL_ARCH_LOONGARCH64_LIST_H
#define PERCPU_DETAIL_ARCH_LOONGARCH64_LIST_H

#ifdef PERCPU_RESTART

/* clang-format off */
PERCPU__LOONG_SEQUENCE(list_push, 64, int64_t, "d", "d", "st.d %[o], %[v], 0\n\t", "%[v]", "r")
PERCPU__LOONG_SEQUENCE(list_pop, 64, int64_t, "d", "d",
                       "beqz %[o], .Lpercpu_end%=\n\tld.d %[n], %[o], 0\n\t", "%[n]", "rJ")
/* clang-format on */

#define PERCPU__LIST_SEQUENCES 1

#endif

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * false: the thread has no sequence, or the list is closed. *old gets what was the first node.
 * Only a node that is not in the list yet is written before the commit.
 */
/* clang-format off */
#define PERCPU__LOONG_RSEQ_LIST(name, body, node_in)                                               \
    PERCPU__SEQUENCE(list_##name, 64)                                                              \
    {                                                                                              \
        uintptr_t c;                                                                               \
        uintptr_t o, n;                                                                            \
        __asm__ volatile goto(PERCPU__LOONG_RSEQ("ld.d %[o], %[c], 0\n\t" body)                    \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n)                                    \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()),                                \
                       [cpus] "r"((uintptr_t)percpu__rseq_cpus), [v] node_in(value)                \
                     : "memory" : slow);                                                           \
        *old = o;                                                                                  \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__LOONG_RSEQ_OPEN "andi %[n], %[o], 1\n\tbnez %[n], %l[slow]\n\t"

PERCPU__LOONG_RSEQ_LIST(push, PERCPU__LOONG_RSEQ_OPEN
                        "st.d %[o], %[v], 0\n\tst.d %[v], %[c], 0", "r")
PERCPU__LOONG_RSEQ_LIST(pop, "beqz %[o], .Lpercpu_commit%=\n\t" PERCPU__LOONG_RSEQ_OPEN
                        "ld.d %[n], %[o], 0\n\tst.d %[n], %[c], 0", "rJ")
PERCPU__LOONG_RSEQ_LIST(take_all, PERCPU__LOONG_RSEQ_OPEN "st.d %z[v], %[c], 0", "rJ")
/* clang-format on */

#endif
#endif
