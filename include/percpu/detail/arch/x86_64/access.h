/* SPDX-License-Identifier: MIT */
/*
 * x86_64: a %gs: prefix adds GS_BASE to any address, so an access to the current CPU is the
 * compiler's own addressing mode with a prefix. An access or an update is one instruction, without
 * bus lock, which neither an interrupt nor a migration can split. xchg with memory implies the lock
 * (Intel SDM vol. 3A, "Automatic Locking"), so percpu_xchg() is a loop over cmpxchg, which repeats
 * after an interrupt.
 */

#ifdef PERCPU_PLATFORM_SINGLE
#define PERCPU__X86_GS "" /* the variable itself */
#else
#define PERCPU__X86_GS "%%gs:"
PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    uintptr_t address = (uintptr_t)p;
    (void)where;
    __asm__ volatile(PERCPU__X86_ATT "addq %%gs:%1, %0"
                     : "+r"(address)
                     : "m"(*PERCPU__VAR(__PERCPU_percpu__head.delta))
                     : "cc");
    return address;
}
#define percpu__current percpu__current
#endif

/* clang-format off */
#define PERCPU__X86_UPDATE(name, insn, bits, suffix, in, immediate)                                \
    PERCPU__INLINE void percpu__##name##_##bits(volatile void *p, uint##bits##_t value,            \
                                                enum percpu__where where)                          \
    {                                                                                              \
        (void)where;                                                                               \
        __asm__ volatile(PERCPU__X86_ATT insn suffix " %1, " PERCPU__X86_GS "%0"                   \
                         : "+m"(*(volatile percpu__u##bits *)p) : in immediate(value) : "cc");     \
    }

#define PERCPU__X86_ACCESSES(bits, suffix, in, immediate)                                          \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
        (void)where;                                                                               \
        __asm__ volatile(PERCPU__X86_ATT "mov" suffix " " PERCPU__X86_GS "%1, %0"                  \
                         : "=" in(value) : "m"(*(const volatile percpu__u##bits *)p));             \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__stable_##bits(const volatile void *p,                    \
                                                        enum percpu__where where)                  \
    {                                                                                              \
        uint##bits##_t value;                                                                      \
        (void)where;                                                                               \
        __asm__(PERCPU__X86_ATT "mov" suffix " " PERCPU__X86_GS "%1, %0"                           \
                : "=" in(value) : "m"(*(const percpu__u##bits *)(uintptr_t)p));                    \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value,               \
                                             enum percpu__where where)                             \
    {                                                                                              \
        (void)where;                                                                               \
        __asm__ volatile(PERCPU__X86_ATT "mov" suffix " %1, " PERCPU__X86_GS "%0"                  \
                         : "=m"(*(volatile percpu__u##bits *)p) : in immediate(value));            \
    }                                                                                              \
    PERCPU__X86_UPDATE(add, "add", bits, suffix, in, immediate)                                    \
    PERCPU__X86_UPDATE(bit_and, "and", bits, suffix, in, immediate)                                \
    PERCPU__X86_UPDATE(bit_or, "or", bits, suffix, in, immediate)                                  \
    PERCPU__X86_UPDATE(bit_xor, "xor", bits, suffix, in, immediate)                                \
    PERCPU__INLINE uint##bits##_t percpu__fetch_add_##bits(volatile void *p, uint##bits##_t value, \
                                                           enum percpu__where where)               \
    {                                                                                              \
        (void)where;                                                                               \
        __asm__ volatile(PERCPU__X86_ATT "xadd" suffix " %0, " PERCPU__X86_GS "%1"                 \
                         : "+" in(value), "+m"(*(volatile percpu__u##bits *)p) : : "cc");          \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__add_return_##bits(volatile void *p,                      \
                                                            uint##bits##_t value,                  \
                                                            enum percpu__where where)              \
    {                                                                                              \
        return (uint##bits##_t)(percpu__fetch_add_##bits(p, value, where) + value);                \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t old, uint##bits##_t value, enum percpu__where where)      \
    {                                                                                              \
        (void)where;                                                                               \
        __asm__ volatile(PERCPU__X86_ATT "cmpxchg" suffix " %2, " PERCPU__X86_GS "%1"              \
                         : "+a"(old), "+m"(*(volatile percpu__u##bits *)p) : in(value) : "cc");    \
        return old;                                                                                \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__xchg_##bits(volatile void *p, uint##bits##_t value,      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        uint##bits##_t old;                                                                        \
        (void)where;                                                                               \
        __asm__ volatile(PERCPU__X86_ATT "mov" suffix " " PERCPU__X86_GS "%1, %0\n"                \
                         "1:\tcmpxchg" suffix " %2, " PERCPU__X86_GS "%1\n\tjnz 1b"                \
                         : "=&a"(old), "+m"(*(volatile percpu__u##bits *)p) : in(value) : "cc");   \
        return old;                                                                                \
    }
PERCPU__X86_ACCESSES(8, "b", "q", "i")
PERCPU__X86_ACCESSES(16, "w", "r", "i")
PERCPU__X86_ACCESSES(32, "l", "r", "i")
PERCPU__X86_ACCESSES(64, "q", "r", "e")
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__stable_8 percpu__stable_8
#define percpu__read_64 percpu__read_64
#define percpu__stable_64 percpu__stable_64
#define percpu__write_8 percpu__write_8
#define percpu__write_64 percpu__write_64
#define PERCPU__ONE_INSTRUCTION(size, where) true
#define PERCPU__UPDATES (8 | 16 | 32 | 64)
