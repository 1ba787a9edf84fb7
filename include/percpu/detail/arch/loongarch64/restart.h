/* SPDX-License-Identifier: MIT */
/* loongarch64: a kernel's restartable sequences. Part of access.h. */
#ifndef PERCPU_DETAIL_ARCH_LOONGARCH64_RESTART_H
#define PERCPU_DETAIL_ARCH_LOONGARCH64_RESTART_H

/* Load the old value into o, make the new one, n, from it by `op`, store `result`: n or v. */
#define PERCPU__LOONG_TEXT(WHERE, load, store, op, result)                                         \
    PERCPU__RESTART_BEGIN WHERE("ld", load, "%[o]") "\n\t" op WHERE("st", store, result)           \
        PERCPU__RESTART_END

/* clang-format off */
/* `loaded` is what a load makes of the type: what cmpxchg compares with. */
#define PERCPU__LOONG_SEQUENCE(name, bits, loaded, load, store, op, result, value_in)              \
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

#ifdef __OPTIMIZE__
#define PERCPU__LOONG_IS_SHORT(v)                                                                  \
    (__builtin_constant_p(v) && (intptr_t)(v) >= -2048 && (intptr_t)(v) <= 2047)
#else
#define PERCPU__LOONG_IS_SHORT(v) 0
#endif
#define PERCPU__LOONG_SEQUENCES(bits, loaded, load, store)                                         \
    PERCPU__LOONG_SEQUENCE(addi, bits, loaded, load, store, "addi.d %[n], %[o], %[v]\n\t", "%[n]", \
                           "I")                                                                    \
    PERCPU__LOONG_SEQUENCE(addr, bits, loaded, load, store, "add.d %[n], %[o], %z[v]\n\t", "%[n]", \
                           "rJ")                                                                   \
    PERCPU__LOONG_SEQUENCE(bit_and, bits, loaded, load, store, "and %[n], %[o], %z[v]\n\t",        \
                           "%[n]", "rJ")                                                           \
    PERCPU__LOONG_SEQUENCE(bit_or, bits, loaded, load, store, "or %[n], %[o], %z[v]\n\t",          \
                           "%[n]", "rJ")                                                           \
    PERCPU__LOONG_SEQUENCE(bit_xor, bits, loaded, load, store, "xor %[n], %[o], %z[v]\n\t",        \
                           "%[n]", "rJ")                                                           \
    PERCPU__LOONG_SEQUENCE(xchg, bits, loaded, load, store, "", "%z[v]", "rJ")                     \
    PERCPU__LOONG_SEQUENCE(cmpxchg, bits, loaded, load, store,                                     \
                           "bne %[o], %z[e], .Lpercpu_end%=\n\t", "%z[v]", "rJ")                   \
    PERCPU__SEQUENCE(add, bits)                                                                    \
    {                                                                                              \
        if (PERCPU__LOONG_IS_SHORT((int##bits##_t)value))                                          \
            return percpu__sequence_addi_##bits(p, expected, value, where, old, now, copy);        \
        return percpu__sequence_addr_##bits(p, expected, value, where, old, now, copy);            \
    }
PERCPU__LOONG_SEQUENCES(8, uint8_t, "bu", "b")
PERCPU__LOONG_SEQUENCES(16, uint16_t, "hu", "h")
PERCPU__LOONG_SEQUENCES(32, int32_t, "w", "w")
PERCPU__LOONG_SEQUENCES(64, int64_t, "d", "d")
/* clang-format on */
#define PERCPU__SEQUENCES (8 | 16 | 32 | 64)
#include <percpu/detail/sequence.h>

#endif
