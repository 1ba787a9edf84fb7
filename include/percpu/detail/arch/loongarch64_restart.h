/* SPDX-License-Identifier: MIT */
/* loongarch64: the updates as restartable sequences. Part of loongarch64.h. */
#ifndef PERCPU_DETAIL_ARCH_LOONGARCH64_RESTART_H
#define PERCPU_DETAIL_ARCH_LOONGARCH64_RESTART_H

/* Load the old value into o, make the new one, n, from it by `op`, store `result`: n or v. */
#define PERCPU__LOONG_SEQUENCE(WHERE, load, store, op, result)                                     \
    PERCPU__RESTART_BEGIN WHERE("ld", load, "%[o]") "\n\t" op WHERE("st", store, result)           \
        PERCPU__RESTART_END

/* clang-format off */
#define PERCPU__LOONG_OP(name, bits, load, store, op, result, value_in)                            \
    PERCPU__INLINE uintptr_t percpu__loong_##name##_##bits(                                        \
        volatile void *p, uintptr_t expected, intptr_t value, bool near, uintptr_t *now)           \
    {                                                                                              \
        uintptr_t o, n, a = PERCPU__LOONG_A(p);                                                    \
        if (PERCPU__LOONG_IS_NEAR(p))                                                              \
            __asm__ volatile(PERCPU__LOONG_SEQUENCE(PERCPU__LOONG_NEAR, load, store, op, result)   \
                             : [o] "=&r"(o), [n] "=&r"(n), "+m"(*(volatile percpu__u##bits *)a)    \
                             : [p] "i"(p), [v] value_in(value), [e] "rJ"(expected));               \
        else                                                                                       \
            __asm__ volatile(PERCPU__LOONG_SEQUENCE(PERCPU__LOONG_FAR, load, store, op, result)    \
                             : [o] "=&r"(o), [n] "=&r"(n), "+m"(*(volatile percpu__u##bits *)a)    \
                             : [a] "r"(a), [v] value_in(value), [e] "rJ"(expected));               \
        *now = n;                                                                                  \
        return o;                                                                                  \
    }

#define PERCPU__LOONG_VOID(name, function, bits)                                                   \
    PERCPU__INLINE void percpu__##name##_##bits(volatile void *p, uint##bits##_t value, bool near) \
    {                                                                                              \
        uintptr_t now;                                                                             \
        (void)percpu__loong_##function##_##bits(p, 0, (int##bits##_t)value, near, &now);           \
    }

/* `loaded` is what a load makes of the type: what cmpxchg compares with. */
#define PERCPU__LOONG_UPDATES(bits, load, store, loaded)                                           \
    PERCPU__LOONG_OP(addi, bits, load, store, "addi.d %[n], %[o], %[v]\n\t", "%[n]", "I")          \
    PERCPU__LOONG_OP(addr, bits, load, store, "add.d %[n], %[o], %z[v]\n\t", "%[n]", "rJ")         \
    PERCPU__LOONG_OP(bit_and, bits, load, store, "and %[n], %[o], %z[v]\n\t", "%[n]", "rJ")        \
    PERCPU__LOONG_OP(bit_or, bits, load, store, "or %[n], %[o], %z[v]\n\t", "%[n]", "rJ")          \
    PERCPU__LOONG_OP(bit_xor, bits, load, store, "xor %[n], %[o], %z[v]\n\t", "%[n]", "rJ")        \
    PERCPU__LOONG_OP(xchg, bits, load, store, "", "%z[v]", "rJ")                                   \
    PERCPU__LOONG_OP(cmpxchg, bits, load, store, "bne %[o], %z[e], .Lpercpu_end%=\n\t",            \
                     "%z[v]", "rJ")                                                                \
    PERCPU__INLINE uintptr_t percpu__loong_add_##bits(volatile void *p, uintptr_t expected,        \
                                                      intptr_t value, bool near, uintptr_t *now)   \
    {                                                                                              \
        if (PERCPU__LOONG_IS_SHORT(value))                                                         \
            return percpu__loong_addi_##bits(p, expected, value, near, now);                       \
        return percpu__loong_addr_##bits(p, expected, value, near, now);                           \
    }                                                                                              \
    PERCPU__LOONG_VOID(add, add, bits)                                                             \
    PERCPU__LOONG_VOID(bit_and, bit_and, bits)                                                     \
    PERCPU__LOONG_VOID(bit_or, bit_or, bits)                                                       \
    PERCPU__LOONG_VOID(bit_xor, bit_xor, bits)                                                     \
    PERCPU__INLINE uint##bits##_t percpu__add_return_##bits(volatile void *p,                      \
                                                            uint##bits##_t value, bool near)       \
    {                                                                                              \
        uintptr_t now;                                                                             \
        (void)percpu__loong_add_##bits(p, 0, (int##bits##_t)value, near, &now);                    \
        return (uint##bits##_t)now;                                                                \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__fetch_add_##bits(volatile void *p,                       \
                                                           uint##bits##_t value, bool near)        \
    {                                                                                              \
        uintptr_t now;                                                                             \
        return (uint##bits##_t)percpu__loong_add_##bits(p, 0, (int##bits##_t)value, near, &now);   \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__xchg_##bits(volatile void *p, uint##bits##_t value,      \
                                                      bool near)                                   \
    {                                                                                              \
        uintptr_t now;                                                                             \
        return (uint##bits##_t)percpu__loong_xchg_##bits(p, 0, (int##bits##_t)value, near, &now);  \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near)                \
    {                                                                                              \
        uintptr_t now;                                                                             \
        return (uint##bits##_t)percpu__loong_cmpxchg_##bits(p, (uintptr_t)(loaded)expected,        \
                                                            (int##bits##_t)value, near, &now);     \
    }

#ifdef __OPTIMIZE__
#define PERCPU__LOONG_IS_SHORT(v) (__builtin_constant_p(v) && (v) >= -2048 && (v) <= 2047)
#else
#define PERCPU__LOONG_IS_SHORT(v) 0
#endif
PERCPU__LOONG_UPDATES(8, "bu", "b", uint8_t)
PERCPU__LOONG_UPDATES(16, "hu", "h", uint16_t)
PERCPU__LOONG_UPDATES(32, "w", "w", int32_t)
PERCPU__LOONG_UPDATES(64, "d", "d", int64_t)
/* clang-format on */
#define PERCPU__UPDATES (8 | 16 | 32 | 64)

#endif
