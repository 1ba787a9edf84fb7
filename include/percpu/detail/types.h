/* SPDX-License-Identifier: MIT */
/*
 * What a per-CPU variable and an operand may be, and the sections that variables lie in.
 * Everything here is decided at compile time and leaves no code.
 */

#include <percpu/detail/warnings_off.h>

/*
 * In strict C99 glibc defines _Static_assert as a macro, although GCC and clang know the keyword
 * there, too. A macro that expands to itself is the keyword again, also for the user.
 */
#if !defined(__cplusplus) && defined(_Static_assert)
#undef _Static_assert
#define _Static_assert(...) _Static_assert(__VA_ARGS__)
#endif

#define PERCPU_CACHE_LINE 64

/*
 * PERCPU__UNCOUNTED marks functions that a hook of -finstrument-functions, -pg or
 * -fprofile-generate may call, to count in a per-CPU variable: the functions must not call the
 * hook, or the recursion never ends. Kernels define the hooks of sanitizers, coverage and XRay
 * themselves, so that the same holds for these (PERCPU__UNSANITIZED); in programs sanitizers see
 * the functions. An inlined function gets the attributes of the function around it.
 */
#if (!defined(PERCPU_PLATFORM_BARE) && __STDC_HOSTED__) || defined(__CHECKER__)
#define PERCPU__UNSANITIZED
#elif defined(__clang__)
#define PERCPU__UNSANITIZED                                                                        \
    __attribute__((no_sanitize("coverage"), disable_sanitizer_instrumentation,                     \
                   xray_never_instrument))
#else
#define PERCPU__UNSANITIZED                                                                        \
    __attribute__((no_sanitize_coverage, no_sanitize("address", "kernel-address", "hwaddress",     \
                                                     "kernel-hwaddress", "thread")))
#endif
#define PERCPU__UNCOUNTED                                                                          \
    __attribute__((no_instrument_function, no_profile_instrument_function)) PERCPU__UNSANITIZED
#if defined(PERCPU__DEFINE_CALLS) && !defined(__OPTIMIZE__)
/* src/calls.c: the frames of successive calls take less stack than one frame with all inlined. */
#define PERCPU__INLINE PERCPU__UNCOUNTED static inline
#else
#define PERCPU__INLINE PERCPU__UNCOUNTED static inline __attribute__((always_inline))
#endif
#define PERCPU__HIDDEN __attribute__((visibility("hidden")))
#define PERCPU__CALLED PERCPU__UNCOUNTED PERCPU__HIDDEN /* library functions that operations call */
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
 * An access has to know whether its operand is a near variable. Only qualifiers are passed on from
 * a variable to its members, and const is unused, since no per-CPU variable may be const: where
 * nearness matters (PERCPU__ARCH_NEAR_PAYS) near variables are const volatile, and the accesses
 * take both off again (PERCPU__PLAIN_TYPE).
 */
#if defined(PERCPU_ZERO_VMA) && defined(PERCPU__ARCH_NEAR_PAYS) && !defined(__cplusplus)
#define PERCPU__NEAR const volatile
#define PERCPU__IS_NEAR(x) PERCPU__IS_CONST_VOLATILE(x)
#else
#define PERCPU__NEAR
#define PERCPU__IS_NEAR(x) 0
#endif

/* The attribute that variables need where addresses that the compiler makes do not reach VMA 0. */
#if defined(PERCPU_ZERO_VMA) && defined(PERCPU__ARCH_ZERO_VMA_MODEL)
#define PERCPU__MODEL PERCPU__ARCH_ZERO_VMA_MODEL
#else
#define PERCPU__MODEL
#endif

/*
 * Variables are hidden, so that the dynamic linker does not merge those of one name in several
 * modules. GCC goes without the attribute, since it warns of it where `static` stands before it.
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
#include <percpu/detail/types_cxx.h>
#else

#define PERCPU__FRONT_END_IF(c, a, b) __builtin_choose_expr(c, a, b)

/* GCC's typeof of an _Atomic expression drops _Atomic: only a pointer to it tells. */
#define PERCPU__VALUE_TYPE(x) __typeof__(((void)0, (x)))
#ifdef __CHECKER__ /* sparse reads no typeof in an association */
#define PERCPU__IS_CONST_VOLATILE(x) 0
#define PERCPU__IS_CONST(x) 0
#define PERCPU__IS_ATOMIC_PTR(p, T) 0
#else
#define PERCPU__IS_CONST_VOLATILE(x)                                                               \
    _Generic(&(x), const volatile PERCPU__VALUE_TYPE(x) *: 1, default: 0)
#define PERCPU__IS_CONST(x) _Generic(&(x), const PERCPU__VALUE_TYPE(x) *: 1, default: 0)
#define PERCPU__IS_ATOMIC_PTR(p, T) _Generic((p), _Atomic(T) *: 1, default: 0)
#endif
/* The type behind a pointer into an area: the operand's, without a near variable's qualifiers. */
#define PERCPU__PLAIN_TYPE(x)                                                                      \
    __typeof__(*__builtin_choose_expr(PERCPU__IS_NEAR(x), (PERCPU__VALUE_TYPE(x) *)0,              \
                                      (__typeof__(x) *)0))
#define PERCPU__IS_ATOMIC(x) PERCPU__IS_ATOMIC_PTR(&(x), PERCPU__VALUE_TYPE(x))
#define PERCPU__IS_ARRAY(x) (!__builtin_types_compatible_p(__typeof__(x), PERCPU__VALUE_TYPE(x)))
#define PERCPU__IS_BOOL(x) __builtin_types_compatible_p(PERCPU__VALUE_TYPE(x), _Bool)

/* PERCPU__CHECKED(T) is T itself: the structure only carries assertions. */
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

/*
 * PERCPU__CONVERTED converts to T as an assignment does, with the compiler's warnings.
 * PERCPU__TO_BITS converts so, and makes an integer of the T, in the low bytes; PERCPU__FROM_BITS
 * makes a T of such an integer. PERCPU__WORD is the integer that pointers and integers of T's size
 * convert to and from.
 */
#define PERCPU__WORD(T) __typeof__(__builtin_choose_expr(sizeof(T) == 8, (uint64_t)0, (uintptr_t)0))
#define PERCPU__CONVERTED(T, value) ((T){(value)})
#define PERCPU__TO_BITS(T, value) ((uint64_t)(PERCPU__WORD(T))PERCPU__CONVERTED(T, value))
/* A cast to bool compares all bits with 0, of which bit 0 is kept. Optimising GCC uses a union. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
#define PERCPU__FROM_BITS(T, bits)                                                                 \
    ((__extension__(union {                                                                        \
         uint64_t percpu__bits;                                                                    \
         T percpu__value;                                                                          \
     }){bits})                                                                                     \
         .percpu__value)
#else
#define PERCPU__FROM_BITS(T, bits)                                                                 \
    ((T)(PERCPU__WORD(T))((bits) &                                                                 \
                          (__builtin_types_compatible_p(T, _Bool) ? (uint64_t)1 : UINT64_MAX)))
#endif

/* Casts of an expression that is no call, and of a call's result (GCC's -Wbad-function-cast). */
#define PERCPU__CAST(T, x) ((T)(x))
#define PERCPU__CAST_CALL(T, x) ((T)((void)0, x))
/* Pointer to integer and the reverse, of an expression that may have side effects. */
#define PERCPU__REINTERPRET(T, x) ((T)(x))
#define PERCPU__REINTERPRET_CALL(T, x) PERCPU__CAST_CALL(T, x)
#define PERCPU__PLAIN_POINTER(p) ((const void *)(uintptr_t)(p))
/* Takes the qualifiers of near variables off, as a constant expression, without -Wcast-qual. */
#define PERCPU__POINTER_TO(T, p) ((T *)(uintptr_t)(p))
#define PERCPU__NULL NULL

#define PERCPU__IS_TYPE(T, U) __builtin_types_compatible_p(T, U)

/* Converts the operand of an update to T: an integer, or where T is a real also a real. */
#define PERCPU__UPDATE_OPERAND(T, n)                                                               \
    (PERCPU__CHECKS(PERCPU__ASSERT(                                                                \
         (PERCPU__CLASS(n) >= 1 && PERCPU__CLASS(n) <= 4) ||                                       \
             (PERCPU__CLASS(n) == 8 && (PERCPU__IS_TYPE(T, float) || PERCPU__IS_TYPE(T, double))), \
         PERCPU__NO_INTEGER)),                                                                     \
     (T)(n))

#endif

/*
 * PERCPU__CHECKS makes assertions an expression of type void, which leaves no code and takes no
 * stack. Without the cast to void g++ 16 crashes on such an expression in a template. A value at
 * its end takes stack by clang, which does not optimise it away; without a value GCC warns of an
 * operand of the comma that has no effect.
 */
#ifdef __clang__
#define PERCPU__NOTHING (void)0
#else
#define PERCPU__NOTHING 0
#endif
#define PERCPU__CHECKS(...)                                                                        \
    (void)__extension__({                                                                          \
        __VA_ARGS__;                                                                               \
        PERCPU__NOTHING;                                                                           \
    })

/*
 * PERCPU__CLASS is __builtin_classify_type (GCC manual, "Other Builtins"; values from GCC's
 * typeclass.h): 1 integer, 2 char, 3 enum, 4 bool, 5 pointer, 8 real, 12 record, 13 union. C
 * promotes first, so that enum, char and bool are 1 there. The operand is x's type and not x
 * itself: clang takes a compound literal in an assertion's expression, which an index may contain,
 * for a static one, and GCC wants a constant expression in C++.
 */
#ifdef __cplusplus
#define PERCPU__CLASS(x) percpu__types::class_of<PERCPU__VALUE_TYPE(x)>::value
#elif defined(__CHECKER__) /* sparse lacks the builtin: compilers see what is no integer */
#define PERCPU__CLASS(x) 1
#else
#define PERCPU__CLASS(x) __builtin_classify_type(*(PERCPU__VALUE_TYPE(x) *)0)
#endif
#define PERCPU__IS_WORD(x) (sizeof(x) == 1 || sizeof(x) == 2 || sizeof(x) == 4 || sizeof(x) == 8)

/*
 * Assertions about operands: PERCPU__CHECK_SCALAR for each access, PERCPU__CHECK_WRITABLE for
 * writes, too, PERCPU__CHECK_INTEGER for arithmetic. (const volatile marks near variables.)
 */
#define PERCPU__CHECK_SCALAR(x) PERCPU__CHECK_SCALAR_OR(x, false)
#define PERCPU__CHECK_SCALAR_OR(x, other)                                                          \
    PERCPU__ASSERT(!PERCPU__IS_ARRAY(x) &&                                                         \
                       ((PERCPU__CLASS(x) >= 1 && PERCPU__CLASS(x) <= 5) || (other)),              \
                   "percpu: the operand is no integer, bool, enum or pointer; use "                \
                   "percpu_current_ptr() or percpu_with_current()");                               \
    PERCPU__ASSERT(PERCPU__IS_WORD(x), "percpu: the operand's size is not 1, 2, 4 or 8 bytes");    \
    PERCPU__ASSERT(!PERCPU__IS_ATOMIC(x), "percpu: the operand is _Atomic; percpu operations "     \
                                          "need a plain type")
#define PERCPU__CHECK_WRITABLE(x)                                                                  \
    PERCPU__ASSERT(!PERCPU__IS_CONST(x), "percpu: the operand is const")
#define PERCPU__CHECK_INTEGER(x)                                                                   \
    PERCPU__ASSERT(!PERCPU__IS_BOOL(x), "percpu: no arithmetic on bool; use percpu_write() or "    \
                                        "percpu_xchg()");                                          \
    PERCPU__ASSERT(PERCPU__CLASS(x) != 5, "percpu: no arithmetic on pointers; cast to uintptr_t")

/*
 * PERCPU__CHECK_SIZE_IS_WHOLE(x) does not compile if x's type ends with a flexible array, which the
 * size leaves out. clang and g++ refuse a member behind such an array, clang by a warning that -w
 * turns off. GCC's C allows such a member; there the check is that the object size of a variable
 * defined elsewhere, which is unknown with a flexible array, is known.
 */
#define PERCPU__FOLLOWED(T)                                                                        \
    struct percpu__flexible {                                                                      \
        T percpu__flexible_array_is_not_reset;                                                     \
        char percpu__end;                                                                          \
    };
#if defined(__clang__)
#define PERCPU__CHECK_SIZE_IS_WHOLE(x)                                                             \
    _Pragma("clang diagnostic push")                                                               \
        _Pragma("clang diagnostic error \"-Wgnu-variable-sized-type-not-at-end\"")                 \
            PERCPU__FOLLOWED(__typeof__(x)) _Pragma("clang diagnostic pop")
#elif defined(__cplusplus)
#define PERCPU__CHECK_SIZE_IS_WHOLE(x) PERCPU__FOLLOWED(__typeof__(x))
#else
void percpu__flexible(void)
    __attribute__((error("percpu: an object with a flexible array is not reset: its size is not "
                         "that of its type; give the array a size")));
#define PERCPU__CHECK_SIZE_IS_WHOLE(x)                                                             \
    PERCPU__CHECK_SIZE_OF(PERCPU__VALUE_TYPE(x), PERCPU__PASTE(percpu__elsewhere_, __COUNTER__))
#define PERCPU__CHECK_SIZE_OF(T, elsewhere)                                                        \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wnested-externs\"")          \
        _Pragma("GCC diagnostic ignored \"-Wcast-qual\"") extern T elsewhere;                      \
    if (__builtin_object_size((const void *)&elsewhere, 0) == SIZE_MAX)                            \
        percpu__flexible();                                                                        \
    _Pragma("GCC diagnostic pop")
#define PERCPU__PASTE(a, b) PERCPU__PASTE_(a, b)
#define PERCPU__PASTE_(a, b) a##b
#endif

#include <percpu/detail/warnings_on.h>
