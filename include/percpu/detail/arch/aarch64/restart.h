/* SPDX-License-Identifier: MIT */
/* aarch64: a kernel's restartable sequences. Part of access.h. */

/* The wait of percpu_restart_selftest(): src/restart.c. */
#define PERCPU__RESTART_WAIT                                                                       \
    "add %[begun], %[begun], #1\n"                                                                 \
    "1:\tldr %[now], [%[ticks]]\n\t"                                                               \
    "sub %[now], %[now], %[first]\n\t"                                                             \
    "cmp %[now], #2\n\t"                                                                           \
    "b.lo 1b\n\t"

#define PERCPU__A64_TEXT(w, suffix, op, result, place)                                             \
    PERCPU__RESTART_BEGIN PERCPU__A64_BASE_READ                                                    \
        "ldr" suffix " %" w "[o], [" PERCPU__A64_BASE ", " place "]\n\t" op "str" suffix           \
        " %" w result ", [" PERCPU__A64_BASE ", " place "]" PERCPU__RESTART_END

/* clang-format off */
#define PERCPU__A64_SEQUENCE(...) PERCPU__A64_SEQUENCE_(__VA_ARGS__)
#define PERCPU__A64_SEQUENCE_(name, bits, word, same, w, suffix, op, result, value_in, ...)        \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t t __attribute__((unused)), a = percpu__a64_address(p, where);                    \
        word o, n, v = PERCPU__A64_VALUE(word, same);                                              \
        if (PERCPU__IS(where, PERCPU__NEAR_SYMBOL))                                                \
            __asm__ volatile(PERCPU__A64_TEXT(w, suffix, op, result, "#:lo12:%c[p]")               \
                             : PERCPU__A64_SCRATCH(t) [o] "=&r"(o), [n] "=&r"(n),                  \
                               "+m"(*(volatile percpu__u##bits *)a)                                \
                             : [p] "Si"(p), [v] value_in(v), [e] "rI"((word)expected) : "cc");     \
        else                                                                                       \
            __asm__ volatile(PERCPU__A64_TEXT(w, suffix, op, result, "%[a]")                       \
                             : PERCPU__A64_SCRATCH(t) [o] "=&r"(o), [n] "=&r"(n),                  \
                               "+m"(*(volatile percpu__u##bits *)a)                                \
                             : [a] "r"(a), [v] value_in(v), [e] "rI"((word)expected) : "cc");      \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n;                                        \
        return true;                                                                               \
    }
/* clang-format on */

#include <percpu/detail/arch/aarch64/updates.h>
#include <percpu/detail/sequence.h>
