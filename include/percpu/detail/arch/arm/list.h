/* SPDX-License-Identifier: MIT */
/*
 * arm: the operations on lists as restartable sequences, in kernels and on Linux. Part of list.h.
 * Only a node that is not in the list yet is written before the commit.
 */

#ifdef PERCPU_PLATFORM_RSEQ /* a list whose head is marked is closed */
#define PERCPU__ARM_IF_OPEN                                                                        \
    "tst %[o], #1\n\t" PERCPU__RSEQ_DELAY "bne %l[slow]\n\t" PERCPU__RSEQ_DELAY
PERCPU__ARM_SEQUENCE(list_take_all, 32, "", PERCPU__ARM_IF_OPEN, "%[v]", "r", "cc", "memory")
#else
#define PERCPU__ARM_IF_OPEN
#endif
PERCPU__ARM_SEQUENCE(list_push, 32, "",
                     PERCPU__ARM_IF_OPEN "str %[o], [%[v]]\n\t" PERCPU__RSEQ_DELAY, "%[v]", "r",
                     "cc", "memory")
PERCPU__ARM_SEQUENCE(list_pop, 32, "",
                     "cmp %[o], #0\n\t" PERCPU__RSEQ_DELAY
                     "beq .Lpercpu_commit%=\n\t" PERCPU__RSEQ_DELAY PERCPU__ARM_IF_OPEN
                     "ldr %[n], [%[o]]\n\t" PERCPU__RSEQ_DELAY,
                     "%[n]", "rI", "cc", "memory")
#define PERCPU__LIST_SEQUENCES 1
