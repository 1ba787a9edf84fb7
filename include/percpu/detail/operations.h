/* SPDX-License-Identifier: MIT */
/*
 * The operations of percpu.h. First the functions, each named after its operation. A function takes
 * the operand's address, its size and its kind (enum percpu__where). Size and kind are constants,
 * so that one case of each `switch` remains. Then the typed macros, which check and convert.
 */

/* Converts an ordinary variable of the caller to bits, and back. */
PERCPU__INLINE uint64_t percpu__bits(const void *value, size_t size)
{
    switch (size) {
    case 1: return *(const percpu__u8 *)value;
    case 2: return *(const percpu__u16 *)value;
    case 4: return *(const percpu__u32 *)value;
    default: return *(const percpu__u64 *)value;
    }
}

PERCPU__INLINE void percpu__set_bits(void *value, uint64_t bits, size_t size)
{
    switch (size) {
    case 1: *(percpu__u8 *)value = (uint8_t)bits; break;
    case 2: *(percpu__u16 *)value = (uint16_t)bits; break;
    case 4: *(percpu__u32 *)value = (uint32_t)bits; break;
    default: *(percpu__u64 *)value = bits; break;
    }
}

/* Called around each write to a variable, for platforms that watch writes in debug builds. */
PERCPU__INLINE void percpu__write_begins(const volatile void *p, size_t size, bool is_update)
{
    (void)p, (void)size, (void)is_update;
    percpu__debug_current();
#ifdef PERCPU__WATCHED
    percpu__watch_write(p, size, is_update);
#endif
}

PERCPU__INLINE void percpu__write_ends(const volatile void *p)
{
    (void)p;
#ifdef PERCPU__WATCHED
    percpu__watch_written(p);
#endif
}

/* Calls the function for this size. `result` is empty, or "variable =". */
#define PERCPU__BY_SIZE(size, result, name, p, value, where)                                       \
    switch (size) {                                                                                \
    case 1: result name##_8(p, (uint8_t)(value), where); break;                                    \
    case 2: result name##_16(p, (uint16_t)(value), where); break;                                  \
    case 4: result name##_32(p, (uint32_t)(value), where); break;                                  \
    default: result name##_64(p, value, where); break;                                             \
    }

/* -- Reads and writes -------------------------------------------------------------------------- */

PERCPU__INLINE uint64_t percpu__read_raw(const volatile void *p, size_t size,
                                         enum percpu__where where)
{
    percpu__debug_current();
    switch (size) {
    case 1: return percpu__read_8(p, where);
    case 2: return percpu__read_16(p, where);
    case 4: return percpu__read_32(p, where);
    default: return percpu__read_64(p, where);
    }
}

PERCPU__INLINE void percpu__write_raw(volatile void *p, uint64_t value, size_t size,
                                      enum percpu__where where)
{
    percpu__write_begins(p, size, false);
    PERCPU__BY_SIZE(size, , percpu__write, p, value, where)
    percpu__write_ends(p);
}

/*
 * percpu__read_raw() with the guard held, unless nothing can come between finding the copy and the
 * access.
 */
PERCPU__INLINE uint64_t percpu__read(const volatile void *p, size_t size, enum percpu__where where)
{
    const bool one = PERCPU__ONE_INSTRUCTION(size, where);
    const uintptr_t state = one ? 0 : percpu__preempt_off();
    uint64_t value = percpu__read_raw(p, size, where);
    if (!one)
        percpu__preempt_on(state);
    return value;
}

/*
 * For a value that is the same on each CPU that the calling thread comes to: the compiler may merge
 * two reads. Reads that need a guard are not merged: without the guard the thread may move between
 * the read of the register and the access, and then the copy belongs to another thread.
 */
PERCPU__INLINE uint64_t percpu__read_stable(const volatile void *p, size_t size,
                                            enum percpu__where where)
{
    if (PERCPU__GUARDS && !PERCPU__ONE_INSTRUCTION(size, where))
        return percpu__read(p, size, where);
    percpu__debug_current();
    switch (size) {
    case 1: return percpu__stable_8(p, where);
    case 2: return percpu__stable_16(p, where);
    case 4: return percpu__stable_32(p, where);
    default: return percpu__stable_64(p, where);
    }
}

PERCPU__INLINE void percpu__write(volatile void *p, uint64_t value, size_t size,
                                  enum percpu__where where)
{
    const bool one = PERCPU__ONE_INSTRUCTION(size, where);
    const uintptr_t state = one ? 0 : percpu__preempt_off();
    percpu__write_raw(p, value, size, where);
    if (!one)
        percpu__preempt_on(state);
}

/*
 * The fence orders what was written before with the write, wherever that is made: a thread that
 * moves in between passes a full barrier.
 */
PERCPU__INLINE void percpu__write_release(volatile void *p, uint64_t value, size_t size,
                                          enum percpu__where where)
{
    PERCPU__RELEASE(p);
    percpu__write(p, value, size, where);
}

/* -- Updates ----------------------------------------------------------------------------------- */

PERCPU__INLINE void percpu__add(volatile void *p, uint64_t value, size_t size,
                                enum percpu__where where)
{
    percpu__write_begins(p, size, true);
    PERCPU__BY_SIZE(size, , percpu__add, p, value, where)
    percpu__write_ends(p);
}

/* The operand is negated after its conversion to the variable's type: subtraction modulo 2^n. */
PERCPU__INLINE void percpu__sub(volatile void *p, uint64_t value, size_t size,
                                enum percpu__where where)
{
    percpu__add(p, 0 - value, size, where);
}

PERCPU__INLINE void percpu__bit_and(volatile void *p, uint64_t value, size_t size,
                                    enum percpu__where where)
{
    percpu__write_begins(p, size, true);
    PERCPU__BY_SIZE(size, , percpu__bit_and, p, value, where)
    percpu__write_ends(p);
}

PERCPU__INLINE void percpu__bit_or(volatile void *p, uint64_t value, size_t size,
                                   enum percpu__where where)
{
    percpu__write_begins(p, size, true);
    PERCPU__BY_SIZE(size, , percpu__bit_or, p, value, where)
    percpu__write_ends(p);
}

PERCPU__INLINE void percpu__bit_xor(volatile void *p, uint64_t value, size_t size,
                                    enum percpu__where where)
{
    percpu__write_begins(p, size, true);
    PERCPU__BY_SIZE(size, , percpu__bit_xor, p, value, where)
    percpu__write_ends(p);
}

PERCPU__INLINE uint64_t percpu__add_return(volatile void *p, uint64_t value, size_t size,
                                           enum percpu__where where)
{
    uint64_t now;
    percpu__write_begins(p, size, true);
    PERCPU__BY_SIZE(size, now =, percpu__add_return, p, value, where)
    percpu__write_ends(p);
    return now;
}

PERCPU__INLINE uint64_t percpu__sub_return(volatile void *p, uint64_t value, size_t size,
                                           enum percpu__where where)
{
    return percpu__add_return(p, 0 - value, size, where);
}

PERCPU__INLINE uint64_t percpu__fetch_add(volatile void *p, uint64_t value, size_t size,
                                          enum percpu__where where)
{
    uint64_t old;
    percpu__write_begins(p, size, true);
    PERCPU__BY_SIZE(size, old =, percpu__fetch_add, p, value, where)
    percpu__write_ends(p);
    return old;
}

PERCPU__INLINE uint64_t percpu__xchg(volatile void *p, uint64_t value, size_t size,
                                     enum percpu__where where)
{
    uint64_t old;
    percpu__write_begins(p, size, true);
    PERCPU__BY_SIZE(size, old =, percpu__xchg, p, value, where)
    percpu__write_ends(p);
    return old;
}

PERCPU__INLINE uint64_t percpu__cmpxchg(volatile void *p, uint64_t expected, uint64_t value,
                                        size_t size, enum percpu__where where)
{
    uint64_t old;
    percpu__write_begins(p, size, true);
    switch (size) {
    case 1: old = percpu__cmpxchg_8(p, (uint8_t)expected, (uint8_t)value, where); break;
    case 2: old = percpu__cmpxchg_16(p, (uint16_t)expected, (uint16_t)value, where); break;
    case 4: old = percpu__cmpxchg_32(p, (uint32_t)expected, (uint32_t)value, where); break;
    default: old = percpu__cmpxchg_64(p, expected, value, where); break;
    }
    percpu__write_ends(p);
    return old;
}

/*
 * In the next three functions the update is a read and a cmpxchg, which compares all that the
 * decision was made from. If the thread moves between the two, the decision holds for the copy that
 * the cmpxchg compares.
 */
PERCPU__INLINE bool percpu__add_unless(volatile void *p, uint64_t value, uint64_t mask, size_t size,
                                       enum percpu__where where)
{
    uint64_t old, seen = percpu__read(p, size, where);
    do {
        old = seen;
        if (old & mask)
            return false;
        seen = percpu__cmpxchg(p, old, old + value, size, where);
    } while (seen != old);
    return true;
}

/* Compares numbers of `size` bytes, whatever the bytes above contain. */
PERCPU__INLINE bool percpu__is_less(uint64_t a, uint64_t b, size_t size, bool is_signed)
{
    const unsigned above = 64 - 8 * (unsigned)size;
    a <<= above;
    b <<= above;
    return is_signed ? (int64_t)a < (int64_t)b : a < b;
}

PERCPU__INLINE void percpu__extreme(volatile void *p, uint64_t value, size_t size, bool is_signed,
                                    bool is_max, enum percpu__where where)
{
    uint64_t old, seen = percpu__read(p, size, where);
    do {
        old = seen;
        if (!percpu__is_less(is_max ? old : value, is_max ? value : old, size, is_signed))
            return;
        seen = percpu__cmpxchg(p, old, value, size, where);
    } while (seen != old);
}

PERCPU__INLINE void percpu__max(volatile void *p, uint64_t value, size_t size, bool is_signed,
                                enum percpu__where where)
{
    percpu__extreme(p, value, size, is_signed, true, where);
}

PERCPU__INLINE void percpu__min(volatile void *p, uint64_t value, size_t size, bool is_signed,
                                enum percpu__where where)
{
    percpu__extreme(p, value, size, is_signed, false, where);
}

PERCPU__INLINE uintptr_t percpu__current_ptr(const volatile void *p, enum percpu__where where)
{
    percpu__debug_current();
    return percpu__current(p, where);
}

PERCPU__INLINE bool percpu__try_cmpxchg(volatile void *p, void *expected, uint64_t value,
                                        size_t size, enum percpu__where where)
{
    uint64_t wanted = percpu__bits(expected, size);
    uint64_t old = percpu__cmpxchg(p, wanted, value, size, where);
    bool done = old == wanted;
    if (!done)
        percpu__set_bits(expected, old, size);
    return done;
}

#if !defined(__OPTIMIZE__) && !defined(PERCPU__DEFINE_CALLS)
#include <percpu/detail/calls.h> /* macros of the names above */
#endif

/* -- Macros: typed on the outside, bytes on the inside ----------------------------------------- */

/*
 * PERCPU__ON passes the variable x to a macro in the form that all typed macros take: a pointer and
 * the kind of the operand.
 *
 * Operands are the user's expressions and may contain other operations. The macros therefore use
 * them as function arguments and unnamed initialisers only: a local variable would be in an
 * operand's scope, and -Wshadow reports two nested variables of one name. (__COUNTER__ makes names
 * unique, but clang 22 warns of it in standard modes.)
 */
#define PERCPU__ON(x, MACRO, ...) MACRO(PERCPU__VAR(x), PERCPU__WHERE(x), __VA_ARGS__)

#define PERCPU__ADDR(x)                                                                            \
    PERCPU__POINTER_TO(PERCPU__PLAIN_TYPE(x) PERCPU PERCPU__FORCE, PERCPU__VAR(x))

#define PERCPU__WRITABLE(p, where)                                                                 \
    PERCPU__REINTERPRET(volatile void *, PERCPU__REINTERPRET(uintptr_t, PERCPU__REACHED(p, where)))

#define PERCPU__READ(p, where, read)                                                               \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p))),                                                   \
     PERCPU__FROM_BITS(PERCPU__VALUE_TYPE(*(p)),                                                   \
                       read(PERCPU__REACHED(p, where), sizeof(*(p)), where)))

#define PERCPU__WRITE(p, where, write, value)                                                      \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p))),                     \
     write(PERCPU__WRITABLE(p, where), PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), value),           \
           sizeof(*(p)), where))

/* As `var op= n` does, the operand is converted to the variable's type first. */
#define PERCPU__UPDATE(p, where, update, n)                                                        \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p));                      \
                    PERCPU__CHECK_INTEGER(*(p))),                                                  \
     update(PERCPU__WRITABLE(p, where),                                                            \
            PERCPU__CAST(uint64_t, PERCPU__UPDATE_OPERAND(PERCPU__VALUE_TYPE(*(p)), n)),           \
            sizeof(*(p)), where))

#define PERCPU__RESULT(p, where, update, n)                                                        \
    PERCPU__CAST(PERCPU__VALUE_TYPE(*(p)), PERCPU__UPDATE(p, where, update, n))

#define PERCPU__UPDATE_BITS(p, n)                                                                  \
    PERCPU__CAST(uint64_t, PERCPU__UPDATE_OPERAND(PERCPU__VALUE_TYPE(*(p)), n))

#define PERCPU__ADD_UNLESS(p, where, n, mask)                                                      \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p));                      \
                    PERCPU__CHECK_INTEGER(*(p))),                                                  \
     percpu__add_unless(PERCPU__WRITABLE(p, where), PERCPU__UPDATE_BITS(p, n),                     \
                        PERCPU__UPDATE_BITS(p, mask), sizeof(*(p)), where))

#define PERCPU__EXTREME(p, where, max_or_min, v)                                                   \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p));                      \
                    PERCPU__CHECK_INTEGER(*(p))),                                                  \
     max_or_min(PERCPU__WRITABLE(p, where), PERCPU__UPDATE_BITS(p, v), sizeof(*(p)),               \
                PERCPU__CAST(PERCPU__VALUE_TYPE(*(p)), -1) < 1, where))

#define PERCPU__XCHG(p, where, value)                                                              \
    PERCPU__FROM_BITS(PERCPU__VALUE_TYPE(*(p)), PERCPU__WRITE(p, where, percpu__xchg, value))

#define PERCPU__CMPXCHG(p, where, old, new_value)                                                  \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p))),                     \
     PERCPU__FROM_BITS(PERCPU__VALUE_TYPE(*(p)),                                                   \
                       percpu__cmpxchg(PERCPU__WRITABLE(p, where),                                 \
                                       PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), old),             \
                                       PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), new_value),       \
                                       sizeof(*(p)), where)))

#define PERCPU__TRY_CMPXCHG(p, where, old, new_value)                                              \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p))),                     \
     percpu__try_cmpxchg(                                                                          \
         PERCPU__WRITABLE(p, where), PERCPU__CONVERTED(PERCPU__VALUE_TYPE(*(p)) *, old),           \
         PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), new_value), sizeof(*(p)), where))

#define PERCPU__CURRENT_PTR(p, where, current)                                                     \
    PERCPU__REINTERPRET_CALL(PERCPU__PLAIN_TYPE(*(p)) *, current(PERCPU__REACHED(p, where), where))

#include <percpu/detail/real.h>
#include <percpu/detail/remote.h>

#include <percpu/detail/each.h>
#include <percpu/detail/on.h>

#define PERCPU__RESET(p)                                                                           \
    (__extension__({                                                                               \
        PERCPU__CHECK_SIZE_IS_WHOLE(*(p))                                                          \
        percpu__reset(PERCPU__REINTERPRET(void *, PERCPU__REINTERPRET(uintptr_t, p)),              \
                      sizeof(*(p)));                                                               \
    }))

/*
 * A block is two loops that run once each: `break` leaves the inner loop, then the outer loop ends,
 * and its guard. The guard is named after the block's pointer, so that blocks nest where the names
 * of their pointers may.
 */
#define PERCPU__WITH(p, where, take, q)                                                            \
    PERCPU__WITH_GUARD(take, percpu__guard_release, q)                                             \
    PERCPU__WITH_POINTER(p, where, q)
#define PERCPU__WITH_GUARD(take, release, q)                                                       \
    for (struct percpu__guard percpu__guard_of_##q __attribute__((cleanup(release))) = take(),     \
                                                   *percpu__once_##q = &percpu__guard_of_##q;      \
         percpu__once_##q; percpu__once_##q = PERCPU__NULL)
#define PERCPU__WITH_POINTER(p, where, q)                                                          \
    for (PERCPU__PLAIN_TYPE(*(p)) *q = PERCPU__GUARDED_PTR(percpu__guard_of_##q, p, where);        \
         percpu__once_##q; percpu__once_##q = PERCPU__NULL)

/* An `else` that the caller writes behind the block belongs to this `if`. */
#define PERCPU__TRY_WITH(p, where, q)                                                              \
    PERCPU__WITH_GUARD(percpu__guard_try, percpu__guard_try_release, q)                            \
    if (percpu__guard_is_held(&percpu__guard_of_##q))                                              \
    PERCPU__WITH_POINTER(p, where, q)
