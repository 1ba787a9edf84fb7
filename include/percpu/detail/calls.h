/* SPDX-License-Identifier: MIT */
/*
 * In code that is not optimised an access is a call of a library function, chosen by size: an
 * inline function would take an instruction and a place on the caller's stack for each of its
 * parameters. src/calls.c defines the functions. Every operand is passed as a pointer, since
 * unoptimised code has made its address anyway.
 */

#define PERCPU__CALLS(bits)                                                                        \
    PERCPU__CALLED uint64_t percpu__call_read_##bits(const volatile void *p);                      \
    PERCPU__CALLED uint64_t percpu__call_read_raw_##bits(const volatile void *p);                  \
    PERCPU__CALLED void percpu__call_write_##bits(volatile void *p, uint64_t value);               \
    PERCPU__CALLED void percpu__call_write_raw_##bits(volatile void *p, uint64_t value);           \
    PERCPU__CALLED void percpu__call_write_release_##bits(volatile void *p, uint64_t value);       \
    PERCPU__CALLED void percpu__call_add_##bits(volatile void *p, uint64_t value);                 \
    PERCPU__CALLED void percpu__call_sub_##bits(volatile void *p, uint64_t value);                 \
    PERCPU__CALLED void percpu__call_bit_and_##bits(volatile void *p, uint64_t value);             \
    PERCPU__CALLED void percpu__call_bit_or_##bits(volatile void *p, uint64_t value);              \
    PERCPU__CALLED void percpu__call_bit_xor_##bits(volatile void *p, uint64_t value);             \
    PERCPU__CALLED uint64_t percpu__call_add_return_##bits(volatile void *p, uint64_t value);      \
    PERCPU__CALLED uint64_t percpu__call_sub_return_##bits(volatile void *p, uint64_t value);      \
    PERCPU__CALLED uint64_t percpu__call_fetch_add_##bits(volatile void *p, uint64_t value);       \
    PERCPU__CALLED uint64_t percpu__call_xchg_##bits(volatile void *p, uint64_t value);            \
    PERCPU__CALLED uint64_t percpu__call_cmpxchg_##bits(volatile void *p, uint64_t expected,       \
                                                        uint64_t value);                           \
    PERCPU__CALLED bool percpu__call_try_cmpxchg_##bits(volatile void *p, void *expected,          \
                                                        uint64_t value);                           \
    PERCPU__CALLED bool percpu__call_add_unless_##bits(volatile void *p, uint64_t value,           \
                                                       uint64_t mask);                             \
    PERCPU__CALLED void percpu__call_max_##bits(volatile void *p, uint64_t value, bool is_signed); \
    PERCPU__CALLED void percpu__call_min_##bits(volatile void *p, uint64_t value, bool is_signed);
PERCPU__CALLS(8)
PERCPU__CALLS(16)
PERCPU__CALLS(32)
PERCPU__CALLS(64)
#undef PERCPU__CALLS
PERCPU__CALLED uintptr_t percpu__call_current_ptr(const volatile void *p);

#ifndef PERCPU__DEFINE_CALLS
/* Compilers decide a constant condition even without optimisation, so one call remains. */
#define PERCPU__CALL(size, function)                                                               \
    ((size) == 1   ? function##_8                                                                  \
     : (size) == 2 ? function##_16                                                                 \
     : (size) == 4 ? function##_32                                                                 \
                   : function##_64)

#define percpu__read(p, size, where) PERCPU__CALL(size, percpu__call_read)(p)
#define percpu__read_stable(p, size, where) PERCPU__CALL(size, percpu__call_read)(p)
#define percpu__read_raw(p, size, where) PERCPU__CALL(size, percpu__call_read_raw)(p)
#define percpu__write(p, value, size, where) PERCPU__CALL(size, percpu__call_write)(p, value)
#define percpu__write_raw(p, value, size, where)                                                   \
    PERCPU__CALL(size, percpu__call_write_raw)(p, value)
#define percpu__write_release(p, value, size, where)                                               \
    PERCPU__CALL(size, percpu__call_write_release)(p, value)
#define percpu__add(p, value, size, where) PERCPU__CALL(size, percpu__call_add)(p, value)
#define percpu__sub(p, value, size, where) PERCPU__CALL(size, percpu__call_sub)(p, value)
#define percpu__bit_and(p, value, size, where) PERCPU__CALL(size, percpu__call_bit_and)(p, value)
#define percpu__bit_or(p, value, size, where) PERCPU__CALL(size, percpu__call_bit_or)(p, value)
#define percpu__bit_xor(p, value, size, where) PERCPU__CALL(size, percpu__call_bit_xor)(p, value)
#define percpu__add_return(p, value, size, where)                                                  \
    PERCPU__CALL(size, percpu__call_add_return)(p, value)
#define percpu__sub_return(p, value, size, where)                                                  \
    PERCPU__CALL(size, percpu__call_sub_return)(p, value)
#define percpu__fetch_add(p, value, size, where)                                                   \
    PERCPU__CALL(size, percpu__call_fetch_add)(p, value)
#define percpu__xchg(p, value, size, where) PERCPU__CALL(size, percpu__call_xchg)(p, value)
#define percpu__cmpxchg(p, expected, value, size, where)                                           \
    PERCPU__CALL(size, percpu__call_cmpxchg)(p, expected, value)
#define percpu__try_cmpxchg(p, expected, value, size, where)                                       \
    PERCPU__CALL(size, percpu__call_try_cmpxchg)(p, expected, value)
#define percpu__add_unless(p, value, mask, size, where)                                            \
    PERCPU__CALL(size, percpu__call_add_unless)(p, value, mask)
#define percpu__max(p, value, size, is_signed, where)                                              \
    PERCPU__CALL(size, percpu__call_max)(p, value, is_signed)
#define percpu__min(p, value, size, is_signed, where)                                              \
    PERCPU__CALL(size, percpu__call_min)(p, value, is_signed)
#define percpu__current_ptr(p, where) percpu__call_current_ptr(p)
#endif
