/* SPDX-License-Identifier: MIT */
/* arm: a kernel's restartable sequences. Part of access.h. */

/* The wait of percpu_restart_selftest(): src/restart.c. */
#define PERCPU__RESTART_WAIT                                                                       \
    "add %[begun], %[begun], #1\n"                                                                 \
    "1:\tldr %[now], [%[ticks]]\n\t"                                                               \
    "sub %[now], %[now], %[first]\n\t"                                                             \
    "cmp %[now], #2\n\t"                                                                           \
    "blo 1b\n\t"

/* clang-format off */
#define PERCPU__ARM_SEQUENCE(...) PERCPU__ARM_SEQUENCE_(__VA_ARGS__)
#define PERCPU__ARM_SEQUENCE_(name, bits, suffix, op, result, value_in, ...)                       \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t at, address = percpu__arm_address(p, where);                                     \
        uint32_t o, n;                                                                             \
        __asm__ volatile(PERCPU__ARM_BEGIN "ldr" suffix " %[o], [%m[a], %[copy]]\n\t" op           \
                         "str" suffix " " result ", [%m[a], %[copy]]" PERCPU__RESTART_END          \
                         : [copy] "=&r"(at), [o] "=&r"(o), [n] "=&r"(n),                           \
                           [a] "+Q"(*(volatile percpu__u##bits *)address)                          \
                         : [v] value_in((uint32_t)value), [e] "rI"((uint32_t)expected) : "cc");    \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n;                                        \
        return true;                                                                               \
    }

#define PERCPU__ARM_DOUBLEWORD(...) PERCPU__ARM_DOUBLEWORD_(__VA_ARGS__)
#define PERCPU__ARM_DOUBLEWORD_(name, restored, op, result, status, mend, ...)                     \
    PERCPU__SEQUENCE(name, 64)                                                                     \
    {                                                                                              \
        uintptr_t at, scratch, address = percpu__arm_address(p, where);                            \
        uint64_t o;                                                                                \
        (void)scratch;                                                                             \
        __asm__ volatile(PERCPU__ARM_BEGIN "add %[copy], %m[a], %[copy]\n\t"                       \
                         "ldrexd %Q[o], %R[o], [%[copy]]\n\t" op                                   \
                         "strexd " status ", " result ", [%[copy]]" PERCPU__RESTART_END            \
                         "\n\tteq " status ", #0\n\tbne 1b\n\t" mend "\n.Lpercpu_different%=:"     \
                         : [copy] "=&r"(at), [o] "=&r"(o),                                         \
                           [a] "+Q"(*(volatile percpu__u64 *)address)                              \
                         __VA_ARGS__ [v] "r"(value) : "cc");                                       \
        *now = o, *old = restored;                                                                 \
        return true;                                                                               \
    }
/* clang-format on */

#include <percpu/detail/arch/arm/updates.h>
#include <percpu/detail/sequence.h>
