/* SPDX-License-Identifier: MIT */
/* riscv: the operations on lists as restartable sequences, in kernels and on Linux: list.h. */
#ifndef PERCPU_DETAIL_ARCH_RISCV_LIST_H
#define PERCPU_DETAIL_ARCH_RISCV_LIST_H

#if __riscv_xlen == 64
#define PERCPU__RISCV_LIST_LOAD "ld"
#define PERCPU__RISCV_LIST_STORE "sd"
#else
#define PERCPU__RISCV_LIST_LOAD "lw"
#define PERCPU__RISCV_LIST_STORE "sw"
#endif

#ifdef PERCPU_RESTART

/* clang-format off */
#define PERCPU__RISCV_LIST_RESTARTS(bits)                                                          \
    PERCPU__RISCV_OP(list_push, bits, PERCPU__RISCV_LIST_LOAD, PERCPU__RISCV_LIST_STORE,           \
                     PERCPU__RISCV_LIST_STORE " %[o], 0(%[v])\n\t", "%[v]", "r")                   \
    PERCPU__RISCV_OP(list_pop, bits, PERCPU__RISCV_LIST_LOAD, PERCPU__RISCV_LIST_STORE,            \
                     "beqz %[o], .Lpercpu_end%=\n\t"                                               \
                     PERCPU__RISCV_LIST_LOAD " %[n], 0(%[o])\n\t", "%[n]", "rJ")                   \
    PERCPU__INLINE void percpu__restart_list_push(                                                 \
        volatile void *p, struct percpu_list_node *node, bool near)                                \
    {                                                                                              \
        uintptr_t now;                                                                             \
        (void)percpu__riscv_list_push_##bits(p, 0, (intptr_t)node, near, &now);                    \
    }                                                                                              \
    PERCPU__INLINE struct percpu_list_node *percpu__restart_list_pop(volatile void *p, bool near)  \
    {                                                                                              \
        uintptr_t now;                                                                             \
        return (struct percpu_list_node *)percpu__riscv_list_pop_##bits(p, 0, 0, near, &now);      \
    }
/* clang-format on */
#if __riscv_xlen == 64
PERCPU__RISCV_LIST_RESTARTS(64)
#else
PERCPU__RISCV_LIST_RESTARTS(32)
#endif
#define PERCPU__LIST_RESTARTS 1

#endif

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * false: the thread has no sequence, or the list is closed. *first gets what was the first node.
 * Only a node that is not in the list yet is written before the commit.
 */
/* clang-format off */
#define PERCPU__RISCV_RSEQ_LIST(name, body, node_in)                                               \
    PERCPU__CALLED bool percpu__rseq_list_##name(volatile void *p, struct percpu_list_node *node,  \
                                                 struct percpu_list_node **first)                  \
    {                                                                                              \
        uintptr_t c;                                                                               \
        struct percpu_list_node *o, *n;                                                            \
        __asm__ volatile goto(PERCPU__RISCV_RSEQ("ld %[o], 0(%[c])\n\t" body)                      \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n)                                    \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()),                                \
                       [cpus] "r"((uintptr_t)percpu__rseq_cpus), [v] node_in(node)                 \
                     : "memory" : slow);                                                           \
        *first = o;                                                                                \
        return true;                                                                               \
    slow:                                                                                          \
        return false;                                                                              \
    }
#define PERCPU__RISCV_RSEQ_OPEN "andi %[n], %[o], 1\n\tbnez %[n], %l[slow]\n\t"

PERCPU__RISCV_RSEQ_LIST(push, PERCPU__RISCV_RSEQ_OPEN "sd %[o], 0(%[v])\n\tsd %[v], 0(%[c])", "r")
PERCPU__RISCV_RSEQ_LIST(pop, "beqz %[o], .Lpercpu_commit%=\n\t" PERCPU__RISCV_RSEQ_OPEN
                        "ld %[n], 0(%[o])\n\tsd %[n], 0(%[c])", "rJ")
PERCPU__RISCV_RSEQ_LIST(take_all, PERCPU__RISCV_RSEQ_OPEN "sd %z[v], 0(%[c])", "rJ")
/* clang-format on */

#endif
#endif
