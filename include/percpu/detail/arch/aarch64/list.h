/* SPDX-License-Identifier: MIT */
/*
 * aarch64: the operations on lists as restartable sequences, in kernels and on Linux. Part of
 * list.h. Only a node that is not in the list yet is written before the commit.
 */

#ifdef PERCPU_PLATFORM_RSEQ /* a list whose head is marked is closed */
#define PERCPU__A64_IF_OPEN                                                                        \
    "tst %[o], #1\n\t" PERCPU__RSEQ_DELAY "b.ne %l[slow]\n\t" PERCPU__RSEQ_DELAY
PERCPU__A64_SEQUENCE(list_take_all, 64, uint64_t, uint64_t, "x", "", PERCPU__A64_IF_OPEN, "[v]",
                     "rZ", "cc", "memory")
#else
#define PERCPU__A64_IF_OPEN
#endif
PERCPU__A64_SEQUENCE(list_push, 64, uint64_t, uint64_t, "x", "",
                     PERCPU__A64_IF_OPEN "str %x[o], [%x[v]]\n\t" PERCPU__RSEQ_DELAY, "[v]", "r",
                     "cc", "memory")
PERCPU__A64_SEQUENCE(list_pop, 64, uint64_t, uint64_t, "x", "",
                     "cbz %x[o], .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY PERCPU__A64_IF_OPEN
                     "ldr %x[n], [%x[o]]\n\t" PERCPU__RSEQ_DELAY,
                     "[n]", "rZ", "cc", "memory")
#define PERCPU__LIST_SEQUENCES 1
