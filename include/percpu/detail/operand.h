/* SPDX-License-Identifier: MIT */
/* How the address of an operand reaches a function, and as what. */

/* The deltas and their limit, of the process, and the per-CPU pointer to a variable or a member. */
#ifndef PERCPU__SHIFTED
#define PERCPU__DELTAS percpu__delta
#define PERCPU__LIMIT percpu__limit
#ifndef PERCPU_PLATFORM_RSEQ
#define PERCPU__VAR(x) (&(x))
#endif
#endif

/*
 * What the variable, member or element x is to an architecture whose instructions name symbols
 * (PERCPU__ARCH_NAMES_SYMBOLS). It is a symbol plus a constant, which an "i" operand can be, when
 * the most and the least that can follow it in its object are equal: then GCC, having inlined,
 * knows which object it is and where in it. clang does not know the most of an external variable,
 * and its front end decides: the most is a constant expression unless an index is variable. Of what
 * has side effects, as an index that is another operation, it says so, too; then the least is 0.
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
 * For memory operands, which say what an asm statement reads or changes, where no register holds
 * the address: a pointer that was never set, of which compilers know nothing. volatile: kept for
 * the next access it would occupy a register.
 */
PERCPU__INLINE uintptr_t percpu__anywhere(void)
{
    uintptr_t address;
    __asm__ volatile("" : "=r"(address));
    return address;
}

/*
 * The same for operands of statements that compilers may merge: it is the same place each time, so
 * that an access that may change it comes between two reads.
 */
PERCPU__INLINE uintptr_t percpu__one_place(void)
{
    uintptr_t address;
    __asm__("" : "=r"(address));
    return address;
}

/*
 * The template address as a number of which the compiler knows nothing, so that it does not
 * derive from the variable's bounds where a copy can be.
 */
PERCPU__INLINE uintptr_t percpu__hide(const volatile void *p)
{
    uintptr_t address = (uintptr_t)p;
    __asm__("" : "+r"(address));
    return address;
}

/*
 * A mispredicted branch must not index with the caller's number: a mask is all ones when
 * cpu < limit and 0 otherwise, computed, not branched on (no limit is near SIZE_MAX / 2).
 */
PERCPU__INLINE size_t percpu__masked(size_t cpu, size_t limit)
{
    size_t index = cpu; /* GCC takes a register less than for the parameter itself */
    __asm__("" : "+r"(index));
    index &= ~(size_t)((intptr_t)(index | (limit - 1 - index)) >> (sizeof(index) * 8 - 1));
    return index;
}

/* The compiler moves no access to memory across it, and keeps no value in a register. */
PERCPU__INLINE void percpu__barrier(void)
{
    __asm__ volatile("" : : : "memory");
}
