/* SPDX-License-Identifier: MIT */
/*
 * percpu_add() and percpu_sum(), which programs may also use for float and double. Kernels may not:
 * their threads have no floating-point registers of their own.
 */

#if __STDC_HOSTED__ && !defined(PERCPU_PLATFORM_BARE) && !defined(PERCPU__ARCH_NO_REALS)
#define PERCPU__IS_REAL(x)                                                                         \
    (PERCPU__IS_TYPE(PERCPU__VALUE_TYPE(x), float) ||                                              \
     PERCPU__IS_TYPE(PERCPU__VALUE_TYPE(x), double))

PERCPU__CALLED double percpu__sum_real(const volatile void *p, size_t size);

/* Converts the bits of a float or a double, chosen by `size`, to a number, and the reverse. */
PERCPU__INLINE double percpu__real(uint64_t bits, size_t size)
{
    uint32_t low = (uint32_t)bits;
    float single;
    double number;
    __builtin_memcpy(&single, &low, sizeof(single));
    __builtin_memcpy(&number, &bits, sizeof(number));
    return size == sizeof(single) ? (double)single : number;
}

PERCPU__INLINE uint64_t percpu__real_bits(double number, size_t size)
{
    float single = (float)number;
    uint32_t low;
    uint64_t bits;
    __builtin_memcpy(&low, &single, sizeof(low));
    __builtin_memcpy(&bits, &number, sizeof(bits));
    return size == sizeof(single) ? low : bits;
}

/*
 * The cmpxchg compares bits and not numbers, since a NaN differs from itself. If the thread moves
 * between the read and the cmpxchg, n is added to the copy that the cmpxchg compares.
 */
PERCPU__INLINE void percpu__add_real(volatile void *p, double n, size_t size,
                                     enum percpu__where where)
{
    (void)where; /* unused where a read and a cmpxchg are calls */
    uint64_t old, now, seen = percpu__read(p, size, where);
    do {
        old = seen;
        now = percpu__real_bits(percpu__real(old, size) + n, size);
        seen = percpu__cmpxchg(p, old, now, size, where);
    } while (seen != old);
}

/* Code that is not optimised calls this function of the library: calls.h. */
#if !defined(__OPTIMIZE__) || defined(PERCPU__DEFINE_CALLS)
PERCPU__CALLED void percpu__call_add_real(volatile void *p, double n, size_t size);
#ifndef PERCPU__DEFINE_CALLS
#define percpu__add_real(p, n, size, where) percpu__call_add_real(p, n, size)
#endif
#endif

#define PERCPU__ADD_OPERAND(p, n) PERCPU__UPDATE_OPERAND(PERCPU__VALUE_TYPE(*(p)), n)
#define PERCPU__ADD(p, where, n)                                                                   \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR_OR(*(p), PERCPU__IS_REAL(*(p)));                          \
                    PERCPU__CHECK_WRITABLE(*(p)); PERCPU__CHECK_INTEGER(*(p))),                    \
     PERCPU__FRONT_END_IF(                                                                         \
         PERCPU__IS_REAL(*(p)),                                                                    \
         percpu__add_real(PERCPU__WRITABLE(p, where),                                              \
                          PERCPU__CAST(double, PERCPU__ADD_OPERAND(p, n)), sizeof(*(p)), where),   \
         percpu__add(PERCPU__WRITABLE(p, where),                                                   \
                     PERCPU__CAST(uint64_t, PERCPU__ADD_OPERAND(p, n)), sizeof(*(p)), where)))

#define PERCPU__SUM(p, where, sum)                                                                 \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR_OR(*(p), PERCPU__IS_REAL(*(p)));                          \
                    PERCPU__CHECK_INTEGER(*(p)); PERCPU__CHECK_REMOTE(*(p))),                      \
     PERCPU__FRONT_END_IF(                                                                         \
         PERCPU__IS_REAL(*(p)),                                                                    \
         PERCPU__CAST_CALL(PERCPU__VALUE_TYPE(*(p)),                                               \
                           percpu__sum_real(PERCPU__REACHED(p, where), sizeof(*(p)))),             \
         PERCPU__CAST_CALL(PERCPU__VALUE_TYPE(*(p)),                                               \
                           sum(PERCPU__REACHED(p, where), sizeof(*(p))))))
#else
#define PERCPU__ADD(p, where, n) PERCPU__UPDATE(p, where, percpu__add, n)
#define PERCPU__SUM(p, where, sum)                                                                 \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_INTEGER(*(p));                       \
                    PERCPU__CHECK_REMOTE(*(p))),                                                   \
     PERCPU__CAST_CALL(PERCPU__VALUE_TYPE(*(p)), sum(PERCPU__REACHED(p, where), sizeof(*(p)))))
#endif
