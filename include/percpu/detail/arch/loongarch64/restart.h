/* SPDX-License-Identifier: MIT */
/* loongarch64: a kernel's restartable sequences. Part of access.h. */

/* The wait of percpu_restart_selftest(): src/restart.c. */
#define PERCPU__RESTART_WAIT                                                                       \
    "addi.d %[begun], %[begun], 1\n"                                                               \
    "1:\tld.d %[now], %[ticks], 0\n\t"                                                             \
    "sub.d %[now], %[now], %[first]\n\t"                                                           \
    "sltui %[now], %[now], 2\n\t"                                                                  \
    "bnez %[now], 1b\n\t"

#define PERCPU__LOONG_TEXT(WHERE, load, store, op, result)                                         \
    PERCPU__RESTART_BEGIN WHERE("ld", load, "%[o]") "\n\t" op WHERE("st", store, result)           \
        PERCPU__RESTART_END

/* clang-format off */
#define PERCPU__LOONG_SEQUENCE(name, bits, loaded, load, store, op, result, value_in, ...)         \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t o, n, a = percpu__loong_address(p, where);                                       \
        intptr_t v = (int##bits##_t)value;                                                         \
        uintptr_t e = (uintptr_t)(loaded)expected;                                                 \
        if (PERCPU__LOONG_IS_NEAR(where))                                                          \
            __asm__ volatile(PERCPU__LOONG_TEXT(PERCPU__LOONG_NEAR, load, store, op, result)       \
                             : [o] "=&r"(o), [n] "=&r"(n), "+m"(*(volatile percpu__u##bits *)a)    \
                             : [p] "i"(p), [v] value_in(v), [e] "rJ"(e));                          \
        else                                                                                       \
            __asm__ volatile(PERCPU__LOONG_TEXT(PERCPU__LOONG_FAR, load, store, op, result)        \
                             : [o] "=&r"(o), [n] "=&r"(n), "+m"(*(volatile percpu__u##bits *)a)    \
                             : [a] "r"(a), [v] value_in(v), [e] "rJ"(e));                          \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n;                                        \
        return true;                                                                               \
    }

/* clang-format on */

#include <percpu/detail/arch/loongarch64/updates.h>
#include <percpu/detail/sequence.h>
