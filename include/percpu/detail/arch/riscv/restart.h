/* SPDX-License-Identifier: MIT */
/* riscv: a kernel's restartable sequences. Part of access.h. */
#ifndef PERCPU_DETAIL_ARCH_RISCV_RESTART_H
#define PERCPU_DETAIL_ARCH_RISCV_RESTART_H

/* Load the old value into o, `op` makes the new one, n, store `result`: n or v. */
#define PERCPU__RISCV_UPDATE(low, base, load, store, op, result)                                   \
    load " %[o], " low "(" base ")\n\t" op store " " result ", " low "(" base ")"

/* clang-format off */
/*
 * `loaded` is what `load` makes of the type: what cmpxchg compares with. An operand is a constant
 * for an immediate, or in a register as it is.
 */
#define PERCPU__RISCV_UPDATE_SEQUENCE(name, bits, loaded, load, store, op, result, constraint)     \
    PERCPU__SEQUENCE(name, bits)                                                                   \
    {                                                                                              \
        uintptr_t t, o, n, a = PERCPU__RISCV_OBJECT(p);                                            \
        intptr_t v = __builtin_constant_p(value) ? (intptr_t)(int##bits##_t)value                  \
                                                 : (intptr_t)(loaded)value;                        \
        uintptr_t e = (uintptr_t)(loaded)expected;                                                 \
        PERCPU__RISCV_DO(([t] "=&r"(t), [o] "=&r"(o), [n] "=&r"(n),                                \
                          "+m"(*(volatile percpu__u##bits *)a)),                                   \
                         ([v] constraint(v), [e] "rJ"(e)),                                         \
                         PERCPU__RISCV_SEQUENCE, PERCPU__RISCV_SEQUENCE,                           \
                         PERCPU__RISCV_UPDATE, load, store, op, result);                           \
        *old = (uint##bits##_t)o, *now = (uint##bits##_t)n;                                        \
        return true;                                                                               \
    }

#define PERCPU__RISCV_SEQUENCES(bits, loaded, load, store)                                         \
    PERCPU__RISCV_UPDATE_SEQUENCE(add, bits, loaded, load, store,                                  \
                                  "add %[n], %[o], %[v]\n\t", "%[n]", "rI")                        \
    PERCPU__RISCV_UPDATE_SEQUENCE(bit_and, bits, loaded, load, store,                              \
                                  "and %[n], %[o], %[v]\n\t", "%[n]", "rI")                        \
    PERCPU__RISCV_UPDATE_SEQUENCE(bit_or, bits, loaded, load, store,                               \
                                  "or %[n], %[o], %[v]\n\t", "%[n]", "rI")                         \
    PERCPU__RISCV_UPDATE_SEQUENCE(bit_xor, bits, loaded, load, store,                              \
                                  "xor %[n], %[o], %[v]\n\t", "%[n]", "rI")                        \
    PERCPU__RISCV_UPDATE_SEQUENCE(xchg, bits, loaded, load, store, "", "%z[v]", "rJ")              \
    PERCPU__RISCV_UPDATE_SEQUENCE(cmpxchg, bits, loaded, load, store,                              \
                                  "bne %[o], %z[e], .Lpercpu_end%=\n\t", "%z[v]", "rJ")
PERCPU__RISCV_SEQUENCES(8, uint8_t, "lbu", "sb")
PERCPU__RISCV_SEQUENCES(16, uint16_t, "lhu", "sh")
PERCPU__RISCV_SEQUENCES(32, int32_t, "lw", "sw")
#if __riscv_xlen == 64
PERCPU__RISCV_SEQUENCES(64, int64_t, "ld", "sd")
#endif
/* clang-format on */
#define PERCPU__SEQUENCES (8 | 16 | 32 | (__riscv_xlen & 64))
#include <percpu/detail/sequence.h>

#endif
