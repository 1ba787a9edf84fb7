/* SPDX-License-Identifier: MIT */
/* riscv: a kernel's restartable sequences. Part of access.h. */

/* The wait of percpu_restart_selftest(): src/restart.c. */
#define PERCPU__RESTART_WAIT                                                                       \
    "addi %[begun], %[begun], 1\n"                                                                 \
    "1:\t" PERCPU__RISCV_LOAD_WORD " %[now], 0(%[ticks])\n\t"                                      \
    "sub %[now], %[now], %[first]\n\t"                                                             \
    "sltiu %[now], %[now], 2\n\t"                                                                  \
    "bnez %[now], 1b\n\t"

#define PERCPU__RISCV_UPDATE(low, base, load, store, op, result)                                   \
    load " %[o], " low "(" base ")\n\t" op store " " result ", " low "(" base ")"

/* clang-format off */
#define PERCPU__RISCV_SEQUENCE(name, bits, loaded, load, store, op, result, value_in, ...)         \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t t, o, n, a = PERCPU__RISCV_OBJECT(p);                                            \
        intptr_t v = PERCPU__RISCV_VALUE(bits, loaded);                                            \
        uintptr_t e = (uintptr_t)(loaded)expected;                                                 \
        PERCPU__RISCV_DO(__asm__ volatile, ([t] "=&r"(t), [o] "=&r"(o), [n] "=&r"(n),              \
                          "+m"(*(volatile percpu__u##bits *)a)),                                   \
                         ([v] value_in(v), [e] "rJ"(e)),                                           \
                         PERCPU__RISCV_RESTARTED, PERCPU__RISCV_RESTARTED,                         \
                         PERCPU__RISCV_UPDATE, load, store, op, result);                           \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n;                                        \
        return true;                                                                               \
    }
/* clang-format on */

#include <percpu/detail/arch/riscv/updates.h>
#include <percpu/detail/sequence.h>
