/* SPDX-License-Identifier: MIT */
/*
 * riscv: the operations on lists as restartable sequences, in kernels and on Linux. Part of list.h.
 * Only a node that is not in the list yet is written before the commit.
 */

#if __riscv_xlen == 64
#define PERCPU__RISCV_LIST_OP(name, ...)                                                           \
    PERCPU__RISCV_SEQUENCE(name, 64, int64_t, "ld", "sd", __VA_ARGS__)
#define PERCPU__RISCV_LIST_LOAD "ld"
#define PERCPU__RISCV_LIST_STORE "sd"
#else
#define PERCPU__RISCV_LIST_OP(name, ...)                                                           \
    PERCPU__RISCV_SEQUENCE(name, 32, int32_t, "lw", "sw", __VA_ARGS__)
#define PERCPU__RISCV_LIST_LOAD "lw"
#define PERCPU__RISCV_LIST_STORE "sw"
#endif

#ifdef PERCPU_PLATFORM_RSEQ /* a list whose head is marked is closed */
#define PERCPU__RISCV_IF_OPEN "andi %[n], %[o], 1\n\tbnez %[n], %l[slow]\n\t"
PERCPU__RISCV_LIST_OP(list_take_all, PERCPU__RISCV_IF_OPEN, "%z[v]", "rJ", "memory")
#else
#define PERCPU__RISCV_IF_OPEN
#endif
PERCPU__RISCV_LIST_OP(list_push,
                      PERCPU__RISCV_IF_OPEN PERCPU__RISCV_LIST_STORE " %[o], 0(%[v])\n\t", "%[v]",
                      "r", "memory")
PERCPU__RISCV_LIST_OP(
    list_pop,
    "beqz %[o], .Lpercpu_commit%=\n\t" PERCPU__RISCV_IF_OPEN PERCPU__RISCV_LIST_LOAD
    " %[n], 0(%[o])\n\t",
    "%[n]", "rJ", "memory")
#define PERCPU__LIST_SEQUENCES 1
