/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: indexed loads and stores add $r21 to any template address. An access is one
 * instruction, which neither an interrupt nor a migration can split; the instructions before it
 * form the template address, which is the same on all CPUs.
 * LA: LoongArch Reference Manual, volume 1.
 */

/* -- Template addresses ------------------------------------------------------------------ */

/*
 * A template at VMA 0 can be further than the 2 GiB around the PC that pcalau12i reaches, and no
 * linker checks that relocation. There variables have the model "extreme" (config.h), so that an
 * address that the compiler makes reaches everywhere, in five instructions. Addresses of symbols
 * are made here: absolute ones of 31 bits, or for a near variable 11 bits in an instruction's
 * displacement. Linkers truncate both silently; the linker script asserts the limits.
 */
#ifdef PERCPU_ZERO_VMA
#define PERCPU__LOONG_NAMES(where) (!PERCPU__IS(where, PERCPU__POINTER))
#define PERCPU__LOONG_IS_NEAR(where) PERCPU__IS(where, PERCPU__NEAR_SYMBOL)
#else
#define PERCPU__LOONG_NAMES(where) false
#define PERCPU__LOONG_IS_NEAR(where) false
#endif

PERCPU__INLINE uintptr_t percpu__loong_address(const volatile void *p, enum percpu__where where)
{
    uintptr_t address;
    (void)where;
    if (!PERCPU__LOONG_NAMES(where))
        return PERCPU__IS(where, PERCPU__POINTER) ? percpu__hide(p) : (uintptr_t)p;
    if (PERCPU__LOONG_IS_NEAR(where))
        return percpu__any_place();
    __asm__("lu12i.w %0, %%abs_hi20(%1)\n\tori %0, %0, %%abs_lo12(%1)" : "=r"(address) : "i"(p));
    return address;
}

/* For other CPUs' copies: at VMA 0 the compiler itself would take five instructions. */
PERCPU__INLINE uintptr_t percpu__address(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return PERCPU__LOONG_NAMES(where) ? percpu__loong_address(p, PERCPU__SYMBOL) : percpu__hide(p);
}
#define percpu__address percpu__address

/*
 * Accesses. `width` is bu, hu, w or d (LA, "Common Memory Access Instructions"); p names the
 * object, or register a holds its address.
 */
#define PERCPU__LOONG_NEAR(op, width, r) op "." width " " r ", $r21, %%pc_lo12(%[p])"
#define PERCPU__LOONG_FAR(op, width, r) op "x." width " " r ", %[a], $r21"

/* clang-format off */
#define PERCPU__LOONG_ACCESS(bits, load, store)                                                    \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        uintptr_t v, a = percpu__loong_address(p, where);                                          \
        if (PERCPU__LOONG_IS_NEAR(where))                                                          \
            __asm__ volatile(PERCPU__LOONG_NEAR("ld", load, "%[v]")                                \
                             : [v] "=r"(v)                                                         \
                             : [p] "i"(p), "m"(*(const volatile percpu__u##bits *)a));             \
        else                                                                                       \
            __asm__ volatile(PERCPU__LOONG_FAR("ld", load, "%[v]")                                 \
                             : [v] "=r"(v)                                                         \
                             : [a] "r"(a), "m"(*(const volatile percpu__u##bits *)a));             \
        return (uint##bits##_t)v;                                                                  \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__stable_##bits(const volatile void *p,                    \
                                                        enum percpu__where where)                  \
    {                                                                                              \
        uintptr_t v, a = PERCPU__LOONG_IS_NEAR(where) ? percpu__one_place()                        \
                                                      : percpu__loong_address(p, where);           \
        if (PERCPU__LOONG_IS_NEAR(where))                                                          \
            __asm__(PERCPU__LOONG_NEAR("ld", load, "%[v]")                                         \
                    : [v] "=r"(v) : [p] "i"(p), "m"(*(const percpu__u##bits *)a));                 \
        else                                                                                       \
            __asm__(PERCPU__LOONG_FAR("ld", load, "%[v]")                                          \
                    : [v] "=r"(v) : [a] "r"(a), "m"(*(const percpu__u##bits *)a));                 \
        return (uint##bits##_t)v;                                                                  \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t v,                   \
                                             enum percpu__where where)                             \
    {                                                                                              \
        uintptr_t a = percpu__loong_address(p, where);                                             \
        if (PERCPU__LOONG_IS_NEAR(where))                                                          \
            __asm__ volatile(PERCPU__LOONG_NEAR("st", store, "%z[v]")                              \
                             : "=m"(*(volatile percpu__u##bits *)a) : [p] "i"(p), [v] "rJ"(v));    \
        else                                                                                       \
            __asm__ volatile(PERCPU__LOONG_FAR("st", store, "%z[v]")                               \
                             : "=m"(*(volatile percpu__u##bits *)a) : [a] "r"(a), [v] "rJ"(v));    \
    }
PERCPU__LOONG_ACCESS(8, "bu", "b")
PERCPU__LOONG_ACCESS(16, "hu", "h")
PERCPU__LOONG_ACCESS(32, "w", "w")
PERCPU__LOONG_ACCESS(64, "d", "d")
/* clang-format on */
#define percpu__read_8 percpu__read_8
#define percpu__stable_8 percpu__stable_8
#define percpu__read_64 percpu__read_64
#define percpu__stable_64 percpu__stable_64
#define percpu__write_8 percpu__write_8
#define percpu__write_64 percpu__write_64
#define PERCPU__ONE_INSTRUCTION(size, where) true

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    uintptr_t copy;
    if (PERCPU__LOONG_IS_NEAR(where))
        __asm__ volatile("addi.d %0, $r21, %%pc_lo12(%1)" : "=r"(copy) : "i"(p));
    else
        __asm__ volatile("add.d %0, %1, $r21" : "=r"(copy) : "r"(percpu__loong_address(p, where)));
    return copy;
}
#define percpu__current percpu__current

#ifdef PERCPU_RESTART
#include <percpu/detail/arch/loongarch64/restart.h>
#endif
