/* SPDX-License-Identifier: MIT */
/*
 * Part of types.h: its macros in C++. Templates need C++ linkage, also where a user includes the
 * header inside of extern "C".
 */

#ifdef __clang__
#define PERCPU__TRIVIAL_DESTRUCTOR(T) __is_trivially_destructible(T)
#else
#define PERCPU__TRIVIAL_DESTRUCTOR(T) __has_trivial_destructor(T)
#endif

/* Without optimisation a call takes less of the caller's stack than inlined code does. */
#ifdef __OPTIMIZE__
#define PERCPU__TEMPLATE PERCPU__UNCOUNTED inline __attribute__((always_inline))
#else
#define PERCPU__TEMPLATE PERCPU__UNCOUNTED inline
#endif

extern "C++" {
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
template <class T> struct class_of {
    static const int value = __builtin_classify_type(*(T *)0);
};
template <class T, class A> PERCPU__TEMPLATE constexpr T cast(A a)
{
    return (T)a;
}
/*
 * operand() is a function, since neither an operation nor a lambda may occur in a template's
 * argument.
 */
template <class T, class N> PERCPU__TEMPLATE T operand(N n)
{
    static_assert(
        (__builtin_classify_type(*(N *)0) >= 1 && __builtin_classify_type(*(N *)0) <= 4) ||
            (class_of<N>::value == 8 && class_of<T>::value == 8),
        PERCPU__NO_INTEGER);
    return (T)n;
}
template <class T> PERCPU__TEMPLATE T converted(T value)
{
    return value;
}
/* Converts a scalar to the operations' uint64_t, in the low bytes, and back. */
template <class T> PERCPU__TEMPLATE uint64_t to_bits(T value)
{
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &value, sizeof(value));
    return bits;
}
template <class T> PERCPU__TEMPLATE T from_bits(uint64_t bits)
{
    T value;
    __builtin_memcpy(&value, &bits, sizeof(value));
    return value;
}
} // namespace percpu__types
}

/* A dynamic initialiser is refused: it would run on the template only, and not on the copies. */
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
#define PERCPU__IS_TYPE(T, U) percpu__types::same<T, U>::value
#define PERCPU__IS_BOOL(x) percpu__types::plain<__typeof__(x)>::is_bool
#define PERCPU__IS_ATOMIC(x) false
/* The condition is decided by the front end, not after inlining. */
#define PERCPU__FRONT_END_IF(c, a, b) (percpu__types::condition<(c)>::value ? (a) : (b))

#define PERCPU__CAST(T, x) percpu__types::cast<T>(x)
#define PERCPU__CAST_CALL(T, x) percpu__types::cast<T>(x)
#define PERCPU__REINTERPRET(T, x) reinterpret_cast<T>(x)
#define PERCPU__REINTERPRET_CALL(T, x) reinterpret_cast<T>(x)
#define PERCPU__PLAIN_POINTER(p) const_cast<const void *>(static_cast<const volatile void *>(p))
#define PERCPU__POINTER_TO(T, p) percpu__types::cast<T *>(p)
#define PERCPU__NULL nullptr

#define PERCPU__CONVERTED(T, value) percpu__types::converted<T>(value)
#define PERCPU__TO_BITS(T, value) percpu__types::to_bits<T>(value)
#define PERCPU__FROM_BITS(T, bits) percpu__types::from_bits<T>(bits)
#define PERCPU__UPDATE_OPERAND(T, n) percpu__types::operand<T>(n)
