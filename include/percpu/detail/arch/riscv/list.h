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
#define PERCPU__RISCV_LIST_SEQUENCES(bits)                                                         \
    PERCPU__RISCV_UPDATE_SEQUENCE(list_push, bits, intptr_t, PERCPU__RISCV_LIST_LOAD,              \
                                  PERCPU__RISCV_LIST_STORE,                                        \
                                  PERCPU__RISCV_LIST_STORE " %[o], 0(%[v])\n\t", "%[v]", "r")      \
    PERCPU__RISCV_UPDATE_SEQUENCE(list_pop, bits, intptr_t, PERCPU__RISCV_LIST_LOAD,               \
                                  PERCPU__RISCV_LIST_STORE,                                        \
                                  "beqz %[o], .Lpercpu_end%=\n\t"                                  \
                                  PERCPU__RISCV_LIST_LOAD " %[n], 0(%[o])\n\t", "%[n]", "rJ")
/* clang-format on */
#if __riscv_xlen == 64
PERCPU__RISCV_LIST_SEQUENCES(64)
#else
PERCPU__RISCV_LIST_SEQUENCES(32)
#endif
#define PERCPU__LIST_SEQUENCES 1

#endif

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * false: the thread has no sequence, or the list is closed. *old gets what was the first node.
 * Only a node that is not in the list yet is written before the commit.
 */
/* clang-format off */
#define PERCPU__RISCV_RSEQ_LIST(name, body, node_in)                                               \
    PERCPU__SEQUENCE(list_##name, 64)                                                              \
    {                                                                                              \
        uintptr_t c;                                                                               \
        uintptr_t o, n;                                                                            \
        __asm__ volatile goto(PERCPU__RISCV_RSEQ("ld %[o], 0(%[c])\n\t" body)                      \
                     : [c] "=&r"(c), [o] "=&r"(o), [n] "=&r"(n)                                    \
                     : [p] "r"(p), [rseq] "r"(percpu__rseq_area()),                                \
                       [cpus] "r"((uintptr_t)percpu__rseq_cpus), [v] node_in(value)                \
                     : "memory" : slow);                                                           \
        *old = o;                                                                                  \
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
