/* SPDX-License-Identifier: MIT */
/*
 * arm: accesses to the current CPU's copy. Accesses of 64 bits contain LDREXD, the one access of 8
 * bytes that is single-copy atomic on each ARMv7-A (ARM, A3.5.3). In general they therefore need
 * MMU and caches on, and the kernel's return from exceptions must clear the exclusive monitor
 * (CLREX; A3.4.4). ARM: ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, DDI 0406C.
 */

/* -- 8 bytes at once. A store needs the monitor, so an LDREXD of its own (ARM, A3.4.1). -------- */

PERCPU__INLINE uint64_t percpu__load_64(uintptr_t address)
{
    uint64_t value;
    __asm__ volatile("ldrexd %Q0, %R0, %1" : "=r"(value) : "Q"(*(percpu__u64 *)address));
    return value;
}

#define PERCPU__ARM_STREXD(copy)                                                                   \
    "ldrexd %Q[scratch], %R[scratch], " copy "\n\tstrexd %Q[scratch], %Q[value], %R[value], " copy
#define PERCPU__ARM_AGAIN "\n\tteq %Q[scratch], #0\n\tbne 1b"

PERCPU__INLINE void percpu__store_64(uintptr_t address, uint64_t value)
{
    uint64_t scratch;
    __asm__ volatile("1:\t" PERCPU__ARM_STREXD("%[copy]") PERCPU__ARM_AGAIN
                     : [scratch] "=&r"(scratch), [copy] "+Q"(*(volatile percpu__u64 *)address)
                     : [value] "r"(value)
                     : "cc");
}
#define percpu__load_64 percpu__load_64

/* -- Accesses: base and access in one statement ------------------------------------------------ */

/*
 * The address of a symbol or member in a register. Unlike the base, compilers may share the address
 * and move it out of loops. The compilers' own code takes one instruction more for a member, and at
 * VMA 0, where MOVW alone is enough. Linkers truncate :lower16: silently, so percpu-template.ld
 * asserts 64 KiB.
 */
#define PERCPU__ARM_MOVE                                                                           \
    PERCPU__BY_VMA("movw %0, #:lower16:%c1", "movw %0, #:lower16:%c1\n\tmovt %0, #:upper16:%c1")

PERCPU__INLINE uintptr_t percpu__arm_address(const volatile void *p, enum percpu__where where)
{
    uintptr_t address = (uintptr_t)p;
    (void)where;
#ifndef __PIC__
    /* The offset in the variable is the addend: 16 bits, signed (ELF for Arm, IHI 0044). */
    const bool early = __builtin_object_size((const char *)p - 0x8000, 2) == 0;
    if (PERCPU__IS(where, PERCPU__POINTER))
        return percpu__hide(p);
    if (early)
        __asm__(PERCPU__ARM_MOVE : "=r"(address) : "i"(p));
#endif
    return address;
}

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    uintptr_t copy, address = percpu__arm_address(p, where);
    __asm__ volatile(PERCPU__ARM_MRC "\n\tadd %0, %1, %0" : "=&r"(copy) : "r"(address));
    return copy;
}
#define percpu__current percpu__current
#define PERCPU__ARM_BEGIN                                                                          \
    PERCPU__RESTART_BEGIN "1:\t" PERCPU__ARM_MRC "\n\t" /* into the first output */
/* clang-format off */
/* Memory operand a stands for the object, its base register %m[a] holds the template address. */
#define PERCPU__ARM_ACCESS(bits, load, store, again, ...)                                          \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        uintptr_t copy, address = percpu__arm_address(p, where);                                   \
        uint##bits##_t value;                                                                      \
        __asm__ volatile(PERCPU__ARM_BEGIN load PERCPU__RESTART_END                                \
                         : [copy] "=&r"(copy), [value] "=r"(value)                                 \
                         : [a] "Q"(*(const volatile percpu__u##bits *)address));                   \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value,               \
                                             enum percpu__where where)                             \
    {                                                                                              \
        uintptr_t copy, address = percpu__arm_address(p, where);                                   \
        uint64_t scratch;                                                                          \
        (void)scratch;                                                                             \
        __asm__ volatile(PERCPU__ARM_BEGIN store PERCPU__RESTART_END again                         \
                         : [copy] "=&r"(copy), [a] "+Q"(*(volatile percpu__u##bits *)address)      \
                           __VA_ARGS__ : [value] "r"(value) : "cc");                               \
    }
#define PERCPU__ARM_WORD(bits, suffix)                                                             \
    PERCPU__INLINE uint##bits##_t percpu__stable_##bits(const volatile void *p,                    \
                                                        enum percpu__where where)                  \
    {                                                                                              \
        uintptr_t address = percpu__arm_address(p, where);                                         \
        uint##bits##_t value;                                                                      \
        __asm__(PERCPU__ARM_BEGIN "ldr" suffix " %[value], [%m[a], %[value]]" PERCPU__RESTART_END  \
                : [value] "=&r"(value) : [a] "Q"(*(const percpu__u##bits *)address));              \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__ARM_ACCESS(bits, "ldr" suffix " %[value], [%m[a], %[copy]]",                           \
                       "str" suffix " %[value], [%m[a], %[copy]]", "", )
PERCPU__ARM_WORD(8, "b")
PERCPU__ARM_WORD(16, "h")
PERCPU__ARM_WORD(32, "")
PERCPU__ARM_ACCESS(64, "add %[copy], %m[a], %[copy]\n\tldrexd %Q[value], %R[value], [%[copy]]",
                   "add %[copy], %m[a], %[copy]\n\t" PERCPU__ARM_STREXD("[%[copy]]"),
                   PERCPU__ARM_AGAIN, , [scratch] "=&r"(scratch))
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__stable_8 percpu__stable_8
#define percpu__read_64 percpu__read_64
#define percpu__write_8 percpu__write_8
#define percpu__write_64 percpu__write_64
#define PERCPU__ONE_INSTRUCTION(size, where) PERCPU__RESTARTS /* a sequence is as good */

#ifdef PERCPU_RESTART
#include <percpu/detail/arch/arm/restart.h>
#endif
