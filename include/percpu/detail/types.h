/* SPDX-License-Identifier: MIT */
/*
 * What a per-CPU variable and an operand may be, and the sections that variables lie in.
 * Everything here is decided at compile time and leaves no code.
 */
#ifndef PERCPU_DETAIL_TYPES_H
#define PERCPU_DETAIL_TYPES_H

/* As glibc does in strict C99, and an old one with clang in gnu99. */
#if !defined(__cplusplus) && defined(_Static_assert)
#error "percpu: C11 or newer is needed: in this mode the C library replaces _Static_assert"
#include <percpu/detail/no-such-language>
#endif

#define PERCPU_CACHE_LINE 64

#define PERCPU__INLINE static inline __attribute__((always_inline))
/* Updates. Stepping through a restartable sequence never ends; over a call, debuggers do. */
#if defined(PERCPU_PLATFORM_RSEQ) && !defined(__OPTIMIZE__)
#define PERCPU__CALLED static __attribute__((noinline, unused))
#else
#define PERCPU__CALLED PERCPU__INLINE
#endif
#define PERCPU__HIDDEN __attribute__((visibility("hidden")))
#ifdef __cplusplus
#define PERCPU__ASSERT(condition, message) static_assert(condition, message)
#else
#define PERCPU__ASSERT(condition, message) _Static_assert(condition, message)
#endif

/*
 * Sections. A kernel's linker script collects and orders .percpu*, so each variable has a section
 * of its own there: the script sorts by alignment and --gc-sections drops unused variables. A
 * hosted program has no script; sections whose name is a C identifier get __start_ and __stop_
 * symbols from every linker instead.
 */
#if defined(PERCPU_PLATFORM_THREAD) || defined(PERCPU_PLATFORM_RSEQ) ||                            \
    (defined(PERCPU_PLATFORM_SINGLE) && __STDC_HOSTED__)
#define PERCPU__SECTION(string) "percpu_vars"
#define PERCPU__SECTION_ISOLATED "percpu_isolated"
#define PERCPU__SECTION_NEAR "percpu_vars"
#else
#define PERCPU__SECTION(string) ".percpu.var." string
#define PERCPU__SECTION_ISOLATED ".percpu..isolated"
#define PERCPU__SECTION_NEAR ".percpu..near"
#endif

/*
 * An access has to know whether its operand is a near variable. Only qualifiers go from a variable
 * to its members, and const is free, since no variable may be: where nearness matters
 * (PERCPU__ARCH_NEAR_PAYS) near variables are const volatile, and the accesses take both off again
 * (PERCPU__PLAIN_TYPE).
 */
#if defined(PERCPU_ZERO_VMA) && defined(PERCPU__ARCH_NEAR_PAYS) && !defined(__cplusplus)
#define PERCPU__NEAR const volatile
#define PERCPU__IS_NEAR(x) PERCPU__IS_CONST_VOLATILE(x)
#else
#define PERCPU__NEAR
#define PERCPU__IS_NEAR(x) 0
#endif

/* What variables need where the compiler cannot reach VMA 0 from everywhere by itself. */
#if defined(PERCPU_ZERO_VMA) && defined(PERCPU__ARCH_ZERO_VMA_MODEL)
#define PERCPU__MODEL PERCPU__ARCH_ZERO_VMA_MODEL
#else
#define PERCPU__MODEL
#endif

/*
 * Variables of the same name in several modules are several variables: not for the dynamic linker.
 * GCC warns of the attribute where `static` stands before it.
 */
#ifdef __clang__
#define PERCPU__DEFINED_HIDDEN PERCPU__HIDDEN
#else
#define PERCPU__DEFINED_HIDDEN
#endif

#define PERCPU__VARIABLE(sect, type)                                                               \
    __attribute__((section(sect))) PERCPU__DEFINED_HIDDEN PERCPU__MODEL PERCPU__CHECKED(type)

#define PERCPU__NO_INTEGER "percpu: the operand of an update is no integer"

#ifdef __cplusplus

#ifdef __clang__
#define PERCPU__TRIVIAL_DESTRUCTOR(T) __is_trivially_destructible(T)
#else
#define PERCPU__TRIVIAL_DESTRUCTOR(T) __has_trivial_destructor(T)
#endif

namespace percpu__types
{
template <class T> struct plain {
    typedef T type;
    static const bool is_const = false, is_array = false, is_bool = false;
};
template <class T> struct plain<const T> : plain<T> {
    static const bool is_const = true;
};
template <class T> struct plain<volatile T> : plain<T> {};
template <class T> struct plain<const volatile T> : plain<const T> {};
template <class T, decltype(sizeof(0)) n> struct plain<T[n]> {
    typedef T type[n];
    static const bool is_const = plain<T>::is_const, is_array = true, is_bool = false;
};
template <class T, decltype(sizeof(0)) n> struct plain<const T[n]> : plain<T[n]> {
    static const bool is_const = true;
};
template <> struct plain<bool> {
    typedef bool type;
    static const bool is_const = false, is_array = false, is_bool = true;
};
template <class T> struct variable {
    static_assert(!plain<T>::is_const, "percpu: a per-CPU variable cannot be const");
    static_assert(__is_trivially_copyable(T) && PERCPU__TRIVIAL_DESTRUCTOR(T),
                  "percpu: a per-CPU variable is copied as bytes and never destroyed: its type "
                  "must be trivially copyable and destructible");
    typedef T type;
};
template <class A, class B> struct same {
    static const bool value = false;
};
template <class A> struct same<A, A> {
    static const bool value = true;
};
template <bool c> struct condition {
    static const bool value = c;
};
template <class T> struct pointee {
    typedef T type;
};
template <class T> struct pointee<const volatile T> {
    typedef typename plain<T>::type type;
};
/* A function, since neither an operation nor a lambda may occur in a template's argument. */
template <class T, class N> inline __attribute__((always_inline)) T operand(N n)
{
    static_assert(__builtin_classify_type(*(N *)0) >= 1 && __builtin_classify_type(*(N *)0) <= 4,
                  PERCPU__NO_INTEGER);
    return (T)n;
}
template <class T> inline __attribute__((always_inline)) T converted(T value)
{
    return value;
}
/* A scalar as the operations see it, in the low bytes, and back. */
template <class T> inline __attribute__((always_inline)) uint64_t to_bits(T value)
{
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &value, sizeof(value));
    return bits;
}
template <class T> inline __attribute__((always_inline)) T from_bits(uint64_t bits)
{
    T value;
    __builtin_memcpy(&value, &bits, sizeof(value));
    return value;
}
} // namespace percpu__types

/* An initialiser that is no constant expression would run in the template only. */
#if defined(__clang__)
#define PERCPU__CHECKED(T)                                                                         \
    __attribute__((require_constant_initialization)) typename percpu__types::variable<T>::type
#else
#define PERCPU__CHECKED(T) __constinit percpu__types::variable<T>::type
#endif

#define PERCPU__VALUE_TYPE(x) typename percpu__types::plain<__typeof__(x)>::type
#define PERCPU__PLAIN_TYPE(x) typename percpu__types::pointee<__typeof__(x)>::type
#define PERCPU__IS_CONST_VOLATILE(x)                                                               \
    percpu__types::same<__typeof__(x), const volatile PERCPU__VALUE_TYPE(x)>::value
#define PERCPU__IS_CONST(x) percpu__types::same<__typeof__(x), const PERCPU__VALUE_TYPE(x)>::value
#define PERCPU__IS_ARRAY(x) percpu__types::plain<__typeof__(x)>::is_array
#define PERCPU__IS_BOOL(x) percpu__types::plain<__typeof__(x)>::is_bool
#define PERCPU__IS_ATOMIC(x) false
/* The condition is decided by the front end, not after inlining. */
#define PERCPU__CHOOSE(c, a, b) (percpu__types::condition<(c)>::value ? (a) : (b))

#else

#define PERCPU__CHOOSE(c, a, b) __builtin_choose_expr(c, a, b)

/* GCC's typeof of an _Atomic expression drops _Atomic: only a pointer to it tells. */
#define PERCPU__VALUE_TYPE(x) __typeof__(((void)0, (x)))
#define PERCPU__IS_CONST_VOLATILE(x)                                                               \
    _Generic(&(x), const volatile PERCPU__VALUE_TYPE(x) *: 1, default: 0)
#define PERCPU__IS_CONST(x) _Generic(&(x), const PERCPU__VALUE_TYPE(x) *: 1, default: 0)
/* What a pointer into an area points to: the operand's type, without the mark of nearness. */
#define PERCPU__PLAIN_TYPE(x)                                                                      \
    __typeof__(*__builtin_choose_expr(PERCPU__IS_NEAR(x), (PERCPU__VALUE_TYPE(x) *)0,              \
                                      (__typeof__(x) *)0))
#define PERCPU__IS_ATOMIC_PTR(p, T) _Generic((p), _Atomic(T) *: 1, default: 0)
#define PERCPU__IS_ATOMIC(x) PERCPU__IS_ATOMIC_PTR(&(x), PERCPU__VALUE_TYPE(x))
#define PERCPU__IS_ARRAY(x) (!__builtin_types_compatible_p(__typeof__(x), PERCPU__VALUE_TYPE(x)))
#define PERCPU__IS_BOOL(x) __builtin_types_compatible_p(PERCPU__VALUE_TYPE(x), _Bool)

/* T itself, after the checks: the structure only carries assertions. */
#define PERCPU__CHECKED(T)                                                                         \
    __typeof__(*(__typeof__(T) *)__extension__ sizeof(struct {                                     \
        char c;                                                                                    \
        PERCPU__ASSERT(!__builtin_types_compatible_p(__typeof__(T) *, const __typeof__(T) *),      \
                       "percpu: a per-CPU variable cannot be const");                              \
        PERCPU__ASSERT(                                                                            \
            !PERCPU__IS_ATOMIC_PTR((__typeof__(T) *)0, PERCPU__VALUE_TYPE(*(__typeof__(T) *)0)),   \
            "percpu: a per-CPU variable cannot be _Atomic: percpu operations are atomic on their " \
            "CPU");                                                                                \
    }))

#endif

/*
 * __builtin_classify_type (GCC manual, "Other Builtins"; values from GCC's typeclass.h): 1 integer,
 * 2 char, 3 enum, 4 bool, 5 pointer, 8 real, 12 record, 13 union. C promotes first, so that
 * enum, char and bool are 1 there.
 */
#ifdef __cplusplus /* where GCC wants the operand to be a constant expression */
#define PERCPU__CLASS(x) __builtin_classify_type(*(PERCPU__VALUE_TYPE(x) *)0)
#else
#define PERCPU__CLASS(x) __builtin_classify_type(x)
#endif
#define PERCPU__IS_WORD(x) (sizeof(x) == 1 || sizeof(x) == 2 || sizeof(x) == 4 || sizeof(x) == 8)

/* The operand of a read, a write and the like. */
#define PERCPU__CHECK_SCALAR(x)                                                                    \
    PERCPU__ASSERT(!PERCPU__IS_ARRAY(x) && PERCPU__CLASS(x) >= 1 && PERCPU__CLASS(x) <= 5,         \
                   "percpu: the operand is no integer, bool, enum or pointer; use "                \
                   "percpu_current_ptr() or percpu_with_current()");                               \
    PERCPU__ASSERT(PERCPU__IS_WORD(x), "percpu: the operand's size is not 1, 2, 4 or 8 bytes");    \
    PERCPU__ASSERT(!PERCPU__IS_ATOMIC(x), "percpu: the operand is _Atomic; percpu operations "     \
                                          "need a plain type")

/* The operand of what writes. (const and volatile together mark nearness.) */
#define PERCPU__CHECK_WRITABLE(x)                                                                  \
    PERCPU__CHECK_SCALAR(x);                                                                       \
    PERCPU__ASSERT(!PERCPU__IS_CONST(x), "percpu: the operand is const")

/* The operand of arithmetic. */
#define PERCPU__CHECK_INTEGER(x)                                                                   \
    PERCPU__CHECK_SCALAR(x);                                                                       \
    PERCPU__ASSERT(!PERCPU__IS_BOOL(x), "percpu: no arithmetic on bool; use percpu_write() or "    \
                                        "percpu_xchg()");                                          \
    PERCPU__ASSERT(PERCPU__CLASS(x) != 5, "percpu: no arithmetic on pointers; cast to uintptr_t")

/*
 * A value converted to T as an assignment does, with the compiler's warnings. The same as bits, in
 * the low bytes, and bits as a T. What is added or combined: an integer, as a T.
 */
#ifdef __cplusplus
#define PERCPU__CONVERTED(T, value) percpu__types::converted<T>(value)
#define PERCPU__TO_BITS(T, value) percpu__types::to_bits<T>(value)
#define PERCPU__FROM_BITS(T, bits) percpu__types::from_bits<T>(bits)
#define PERCPU__UPDATE_OPERAND(T, n) percpu__types::operand<T>(n)
#else
#define PERCPU__CONVERTED(T, value) ((T){(value)})
#define PERCPU__TO_BITS(T, value) percpu__bits(&(T){(value)}, sizeof(T))
#define PERCPU__FROM_BITS(T, bits)                                                                 \
    (((union {                                                                                     \
         uint64_t percpu__bits;                                                                    \
         T percpu__value;                                                                          \
     }){bits})                                                                                     \
         .percpu__value)
#define PERCPU__UPDATE_OPERAND(T, n)                                                               \
    __extension__({                                                                                \
        PERCPU__ASSERT(PERCPU__CLASS(n) >= 1 && PERCPU__CLASS(n) <= 4, PERCPU__NO_INTEGER);        \
        (T)(n);                                                                                    \
    })
#endif

#endif
