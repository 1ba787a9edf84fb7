/* SPDX-License-Identifier: MIT */
/* percpu_add_each(): one update per word, of two to eight words that are neighbours. */

PERCPU__INLINE void percpu__add_each(volatile void *p, enum percpu__where where, unsigned count,
                                     uint64_t n0, uint64_t n1, uint64_t n2, uint64_t n3,
                                     uint64_t n4, uint64_t n5, uint64_t n6, uint64_t n7)
{
    volatile char *word = (volatile char *)p;
    (void)where; /* unoptimised code passes it to no function */
    percpu__add(word, n0, 8, where);
    percpu__add(word + 8, n1, 8, where);
    if (count > 2)
        percpu__add(word + 16, n2, 8, where);
    if (count > 3)
        percpu__add(word + 24, n3, 8, where);
    if (count > 4)
        percpu__add(word + 32, n4, 8, where);
    if (count > 5)
        percpu__add(word + 40, n5, 8, where);
    if (count > 6)
        percpu__add(word + 48, n6, 8, where);
    if (count > 7)
        percpu__add(word + 56, n7, 8, where);
}

/* The number of operands, up to 8; 9 for 9 to 16. */
#define PERCPU__COUNT(...)                                                                         \
    PERCPU__COUNT_(__VA_ARGS__, 9, 9, 9, 9, 9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define PERCPU__COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, count, ...) (count)

/* sparse(1) aligns 64-bit integers of 32-bit architectures to 4 bytes. */
#ifdef __CHECKER__
#define PERCPU__EACH_ALIGN 4
#else
#define PERCPU__EACH_ALIGN 8
#endif

#define PERCPU__ADD_EACH(p, where, room, ...)                                                      \
    PERCPU__ADD_EACH_OF(p, where, room, PERCPU__COUNT(__VA_ARGS__), __VA_ARGS__, 0, 0, 0, 0, 0, 0, \
                        0, 0)
#define PERCPU__ADD_EACH_OF(p, where, room, count, n0, n1, n2, n3, n4, n5, n6, n7, ...)            \
    (PERCPU__CHECKS(                                                                               \
         PERCPU__CHECK_WRITABLE(*(p)); PERCPU__ASSERT(                                             \
             (count) >= 2 && (count) <= 8, "percpu: percpu_add_each() takes 2 to 8 operands");     \
         PERCPU__ASSERT((room) >= (count), "percpu: the variable has fewer words of 64 bits");     \
         PERCPU__ASSERT(__alignof__(PERCPU__PLAIN_TYPE(*(p))) % PERCPU__EACH_ALIGN == 0,           \
                        "percpu: the variable is not aligned to 8 bytes")),                        \
     percpu__add_each(PERCPU__WRITABLE(p, where), where, count,                                    \
                      PERCPU__UPDATE_OPERAND(uint64_t, n0), PERCPU__UPDATE_OPERAND(uint64_t, n1),  \
                      PERCPU__UPDATE_OPERAND(uint64_t, n2), PERCPU__UPDATE_OPERAND(uint64_t, n3),  \
                      PERCPU__UPDATE_OPERAND(uint64_t, n4), PERCPU__UPDATE_OPERAND(uint64_t, n5),  \
                      PERCPU__UPDATE_OPERAND(uint64_t, n6), PERCPU__UPDATE_OPERAND(uint64_t, n7)))
