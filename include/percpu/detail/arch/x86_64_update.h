/* SPDX-License-Identifier: MIT */
/*
 * x86_64: updates, one instruction each and without bus lock: neither an interrupt nor a migration
 * can split it. xchg with memory implies the lock (SDM vol. 3A, 9.1.2.1), so that percpu_xchg() is
 * a loop over cmpxchg, which an interrupt between can only repeat.
 */
#ifndef PERCPU_DETAIL_ARCH_X86_64_UPDATE_H
#define PERCPU_DETAIL_ARCH_X86_64_UPDATE_H

/* clang-format off */
#define PERCPU__X86_OP(name, insn, bits, suffix, in, immediate)                                    \
    PERCPU__X86_FN(void, name, bits, volatile void *p, uint##bits##_t value)                       \
    {                                                                                              \
        __asm__ volatile(insn suffix " %1, " PERCPU__X86_GS "%0"                                   \
                         : "+m"(*(volatile percpu__u##bits *)p) : in immediate(value) : "cc");     \
    }
#define PERCPU__X86_UPDATES(bits, suffix, in, immediate)                                           \
    PERCPU__X86_OP(add, "add", bits, suffix, in, immediate)                                        \
    PERCPU__X86_OP(bit_and, "and", bits, suffix, in, immediate)                                    \
    PERCPU__X86_OP(bit_or, "or", bits, suffix, in, immediate)                                      \
    PERCPU__X86_OP(bit_xor, "xor", bits, suffix, in, immediate)                                    \
    PERCPU__X86_FN(uint##bits##_t, fetch_add, bits, volatile void *p, uint##bits##_t value)        \
    {                                                                                              \
        __asm__ volatile("xadd" suffix " %0, " PERCPU__X86_GS "%1"                                 \
                         : "+" in(value), "+m"(*(volatile percpu__u##bits *)p) : : "cc");          \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__X86_FN(uint##bits##_t, add_return, bits, volatile void *p, uint##bits##_t value)       \
    {                                                                                              \
        return (uint##bits##_t)(percpu__fetch_add_##bits(p, value, near) + value);                 \
    }                                                                                              \
    PERCPU__X86_FN(uint##bits##_t, cmpxchg, bits, volatile void *p, uint##bits##_t old,            \
                   uint##bits##_t value)                                                           \
    {                                                                                              \
        __asm__ volatile("cmpxchg" suffix " %2, " PERCPU__X86_GS "%1"                              \
                         : "+a"(old), "+m"(*(volatile percpu__u##bits *)p) : in(value) : "cc");    \
        return old;                                                                                \
    }                                                                                              \
    PERCPU__X86_FN(uint##bits##_t, xchg, bits, volatile void *p, uint##bits##_t value)             \
    {                                                                                              \
        uint##bits##_t old;                                                                        \
        __asm__ volatile("mov" suffix " " PERCPU__X86_GS "%1, %0\n"                                \
                         "1:\tcmpxchg" suffix " %2, " PERCPU__X86_GS "%1\n\tjnz 1b"                \
                         : "=&a"(old), "+m"(*(volatile percpu__u##bits *)p) : in(value) : "cc");   \
        return old;                                                                                \
    }
PERCPU__X86_UPDATES(8, "b", "q", "i")
PERCPU__X86_UPDATES(16, "w", "r", "i")
PERCPU__X86_UPDATES(32, "l", "r", "i")
PERCPU__X86_UPDATES(64, "q", "r", "e")
/* clang-format on */
#define PERCPU__UPDATES (8 | 16 | 32 | 64)

#endif
