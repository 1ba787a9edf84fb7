/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: the operations on lists as restartable sequences, in kernels and on Linux. Part of
 * list.h. Only a node that is not in the list yet is written before the commit.
 */

#ifdef PERCPU_PLATFORM_RSEQ /* a list whose head is marked is closed */
#define PERCPU__LOONG_IF_OPEN "andi %[n], %[o], 1\n\tbnez %[n], %l[slow]\n\t"
PERCPU__LOONG_SEQUENCE(list_take_all, 64, int64_t, "d", "d", PERCPU__LOONG_IF_OPEN, "%z[v]", "rJ",
                       "memory")
#else
#define PERCPU__LOONG_IF_OPEN
#endif
PERCPU__LOONG_SEQUENCE(list_push, 64, int64_t, "d", "d",
                       PERCPU__LOONG_IF_OPEN "st.d %[o], %[v], 0\n\t", "%[v]", "r", "memory")
PERCPU__LOONG_SEQUENCE(list_pop, 64, int64_t, "d", "d",
                       "beqz %[o], .Lpercpu_commit%=\n\t" PERCPU__LOONG_IF_OPEN
                       "ld.d %[n], %[o], 0\n\t",
                       "%[n]", "rJ", "memory")
#define PERCPU__LIST_SEQUENCES 1
