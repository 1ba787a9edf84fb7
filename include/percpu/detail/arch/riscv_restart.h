/* SPDX-License-Identifier: MIT */
/* riscv: the updates as restartable sequences. Part of riscv.h. */
#ifndef PERCPU_DETAIL_ARCH_RISCV_RESTART_H
#define PERCPU_DETAIL_ARCH_RISCV_RESTART_H
#ifdef PERCPU_RESTART

/* Load the old value into o, `op` makes the new one, n, store `result`: n or v. */
#define PERCPU__RISCV_UPDATE(low, base, load, store, op, result)                                   \
    load " %[o], " low "(" base ")\n\t" op store " " result ", " low "(" base ")"

/* clang-format off */
#define PERCPU__RISCV_OP(name, bits, load, store, op, result, constraint)                          \
    PERCPU__INLINE uintptr_t percpu__riscv_##name##_##bits(                                        \
        volatile void *p, uintptr_t expected, intptr_t value, bool near, uintptr_t *now)           \
    {                                                                                              \
        uintptr_t t, o, n, a = PERCPU__RISCV_OBJECT(p);                                            \
        PERCPU__RISCV_DO(([t] "=&r"(t), [o] "=&r"(o), [n] "=&r"(n),                                \
                          "+m"(*(volatile percpu__u##bits *)a)),                                   \
                         ([v] constraint(value), [e] "rJ"(expected)),                              \
                         PERCPU__RISCV_SEQUENCE, PERCPU__RISCV_SEQUENCE,                           \
                         PERCPU__RISCV_UPDATE, load, store, op, result);                           \
        *now = n;                                                                                  \
        return o;                                                                                  \
    }

#define PERCPU__RISCV_VOID(name, bits, loaded)                                                     \
    PERCPU__INLINE void percpu__##name##_##bits(volatile void *p, uint##bits##_t value, bool near) \
    {                                                                                              \
        uintptr_t now;                                                                             \
        intptr_t wide = PERCPU__RISCV_WIDE(bits, loaded, value);                                   \
        (void)percpu__riscv_##name##_##bits(p, 0, wide, near, &now);                               \
    }

/* An operand in a register: constants for an immediate, others as they are. */
#define PERCPU__RISCV_WIDE(bits, loaded, value)                                                    \
    (__builtin_constant_p(value) ? (intptr_t)(int##bits##_t)(value) : (intptr_t)(loaded)(value))

/* `loaded` is what `load` makes of the type: what cmpxchg compares with. */
#define PERCPU__RISCV_UPDATES(bits, load, store, loaded)                                           \
    PERCPU__RISCV_OP(add, bits, load, store, "add %[n], %[o], %[v]\n\t", "%[n]", "rI")             \
    PERCPU__RISCV_OP(bit_and, bits, load, store, "and %[n], %[o], %[v]\n\t", "%[n]", "rI")         \
    PERCPU__RISCV_OP(bit_or, bits, load, store, "or %[n], %[o], %[v]\n\t", "%[n]", "rI")           \
    PERCPU__RISCV_OP(bit_xor, bits, load, store, "xor %[n], %[o], %[v]\n\t", "%[n]", "rI")         \
    PERCPU__RISCV_OP(xchg, bits, load, store, "", "%z[v]", "rJ")                                   \
    PERCPU__RISCV_OP(cmpxchg, bits, load, store, "bne %[o], %z[e], .Lpercpu_end%=\n\t", "%z[v]",   \
                     "rJ")                                                                         \
    PERCPU__RISCV_VOID(add, bits, loaded)                                                          \
    PERCPU__RISCV_VOID(bit_and, bits, loaded)                                                      \
    PERCPU__RISCV_VOID(bit_or, bits, loaded)                                                       \
    PERCPU__RISCV_VOID(bit_xor, bits, loaded)                                                      \
    PERCPU__INLINE uint##bits##_t percpu__add_return_##bits(volatile void *p,                      \
                                                            uint##bits##_t value, bool near)       \
    {                                                                                              \
        uintptr_t now;                                                                             \
        intptr_t wide = PERCPU__RISCV_WIDE(bits, loaded, value);                                   \
        (void)percpu__riscv_add_##bits(p, 0, wide, near, &now);                                    \
        return (uint##bits##_t)now;                                                                \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__fetch_add_##bits(volatile void *p,                       \
                                                           uint##bits##_t value, bool near)        \
    {                                                                                              \
        uintptr_t now;                                                                             \
        intptr_t wide = PERCPU__RISCV_WIDE(bits, loaded, value);                                   \
        return (uint##bits##_t)percpu__riscv_add_##bits(p, 0, wide, near, &now);                   \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__xchg_##bits(volatile void *p, uint##bits##_t value,      \
                                                      bool near)                                   \
    {                                                                                              \
        uintptr_t now;                                                                             \
        intptr_t wide = PERCPU__RISCV_WIDE(bits, loaded, value);                                   \
        return (uint##bits##_t)percpu__riscv_xchg_##bits(p, 0, wide, near, &now);                  \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value, bool near)                \
    {                                                                                              \
        uintptr_t now;                                                                             \
        intptr_t wide = PERCPU__RISCV_WIDE(bits, loaded, value);                                   \
        return (uint##bits##_t)percpu__riscv_cmpxchg_##bits(p, (uintptr_t)(loaded)expected, wide,  \
                                                            near, &now);                           \
    }
PERCPU__RISCV_UPDATES(8, "lbu", "sb", uint8_t)
PERCPU__RISCV_UPDATES(16, "lhu", "sh", uint16_t)
PERCPU__RISCV_UPDATES(32, "lw", "sw", int32_t)
/* clang-format on */
#if __riscv_xlen == 64
PERCPU__RISCV_UPDATES(64, "ld", "sd", int64_t)
#endif
#define PERCPU__UPDATES (8 | 16 | 32 | (__riscv_xlen & 64))

#endif
#endif
