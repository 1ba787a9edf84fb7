/* SPDX-License-Identifier: MIT */
/* Operands: what kind one is, and how its address is passed to functions and asm statements. */

/* The table of deltas, its limit, and the per-CPU pointer to a variable or a member. */
#ifndef PERCPU__SHIFTED
#define PERCPU__DELTAS percpu__delta
#define PERCPU__LIMIT percpu__limit
#ifndef PERCPU_PLATFORM_RSEQ
#define PERCPU__VAR(x) (&(x))
#endif
#endif

/*
 * PERCPU__WHERE(x) is the kind of the variable, member or element x, where instructions name
 * symbols (PERCPU__ARCH_NAMES_SYMBOLS). x is a symbol plus a constant, which an "i" operand can be,
 * if the maximum and the minimum of the bytes that follow x in its object are equal: then GCC,
 * after inlining, knows the object and the offset. clang does not know the maximum for an external
 * variable; there the front end decides: the maximum is a constant expression unless an index is
 * variable. If x has side effects (an index that is another operation) the maximum is a constant
 * expression, too, and the minimum is 0.
 */
#define PERCPU__IS_CONSTANT(p)                                                                     \
    PERCPU__FRONT_END_IF(__builtin_constant_p(__builtin_object_size(p, 0)),                        \
                         __builtin_object_size(p, 2) != 0, false)
#if !defined(PERCPU__ARCH_NAMES_SYMBOLS) || !defined(PERCPU_PLATFORM_BARE) || !defined(__OPTIMIZE__)
#define PERCPU__WHERE(x) PERCPU__POINTER
#elif defined(__clang__)
#define PERCPU__WHERE(x)                                                                           \
    PERCPU__FRONT_END_IF(PERCPU__IS_CONSTANT(PERCPU__PLAIN_POINTER(&(x))),                         \
                         PERCPU__IS_NEAR(x) ? PERCPU__NEAR_SYMBOL : PERCPU__SYMBOL,                \
                         PERCPU__POINTER)
#else
#define PERCPU__WHERE(x)                                                                           \
    (__builtin_object_size(PERCPU__PLAIN_POINTER(&(x)), 0) !=                                      \
             __builtin_object_size(PERCPU__PLAIN_POINTER(&(x)), 2)                                 \
         ? PERCPU__POINTER                                                                         \
     : PERCPU__IS_NEAR(x) ? PERCPU__NEAR_SYMBOL                                                    \
                          : PERCPU__SYMBOL)
#endif

/*
 * An address for the "m" operands that tell compilers what an asm statement reads or writes, where
 * no register holds the real address. The value is never set, so that compilers know nothing of it.
 * The statement is volatile, since a value that is kept for the next access would occupy a
 * register.
 */
PERCPU__INLINE uintptr_t percpu__any_place(void)
{
    uintptr_t address;
    __asm__ volatile("" : "=r"(address));
    return address;
}

/*
 * percpu__any_place() for statements that compilers may merge. Each use is the same unknown place,
 * so two reads merge unless an access that may change the place comes between them.
 */
PERCPU__INLINE uintptr_t percpu__one_place(void)
{
    uintptr_t address;
    __asm__("" : "=r"(address));
    return address;
}

/*
 * The template address as a number of unknown origin, so that the compiler does not conclude from
 * the variable's bounds where its copies are.
 */
PERCPU__INLINE uintptr_t percpu__hide(const volatile void *p)
{
    uintptr_t address = (uintptr_t)p;
    __asm__("" : "+r"(address));
    return address;
}

/*
 * Speculative execution must not index with the caller's number after a mispredicted check: the
 * index is 0 if cpu >= limit, by a mask and not by a branch (no limit is near SIZE_MAX / 2).
 */
PERCPU__INLINE size_t percpu__masked(size_t cpu, size_t limit)
{
    size_t index = cpu; /* for the parameter itself GCC takes one register more */
    __asm__("" : "+r"(index));
    index &= ~(size_t)((intptr_t)(index | (limit - 1 - index)) >> (sizeof(index) * 8 - 1));
    return index;
}

/* A compiler barrier: no access to memory moves across it, no value stays in a register. */
PERCPU__INLINE void percpu__barrier(void)
{
    __asm__ volatile("" : : : "memory");
}
