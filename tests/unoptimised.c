/* SPDX-License-Identifier: MIT */
/*
 * What code that is not optimised becomes, for unoptimised.py: each function op_ is compared with
 * call_, which makes an ordinary call with the same operands. On 32 bits these are of 64, as those
 * of the library's functions are.
 */
#include <percpu/percpu.h>

#if UINTPTR_MAX > 0xffffffff
#define OPERAND(T) T
#else
#define OPERAND(T) uint64_t
#endif

#define DECLARE(name, T)                                                                           \
    PERCPU_DECLARE(T, v_##name);                                                                   \
    extern PERCPU__HIDDEN T ordinary_##name;                                                       \
    OPERAND(T) get_##name(T *);                                                                    \
    void set_##name(T *, OPERAND(T));                                                              \
    bool test_##name(T *, OPERAND(T), OPERAND(T));                                                 \
    OPERAND(T) change_##name(T *, OPERAND(T))

#define PAIR(name, T, parameters, call, op)                                                        \
    T call_##name parameters;                                                                      \
    T op_##name parameters;                                                                        \
    T call_##name parameters                                                                       \
    {                                                                                              \
        call;                                                                                      \
    }                                                                                              \
    T op_##name parameters                                                                         \
    {                                                                                              \
        op;                                                                                        \
    }

#define VALUE(name, T)                                                                             \
    DECLARE(name, T);                                                                              \
    PAIR(read_##name, T, (void), return (T)get_##name(&ordinary_##name),                           \
         return percpu_read(v_##name))                                                             \
    PAIR(write_##name, void, (T x), set_##name(&ordinary_##name, (OPERAND(T))x),                   \
         percpu_write(v_##name, x))                                                                \
    PAIR(xchg_##name, T, (T x), return (T)change_##name(&ordinary_##name, (OPERAND(T))x),          \
         return percpu_xchg(v_##name, x))

#define NUMBER(name, T)                                                                            \
    VALUE(name, T)                                                                                 \
    PAIR(inc_##name, void, (void), set_##name(&ordinary_##name, 1), percpu_inc(v_##name))          \
    PAIR(add_##name, void, (T x), set_##name(&ordinary_##name, (OPERAND(T))x),                     \
         percpu_add(v_##name, x))                                                                  \
    PAIR(add_return_##name, T, (T x), return (T)change_##name(&ordinary_##name, (OPERAND(T))x),    \
         return percpu_add_return(v_##name, x))                                                    \
    PAIR(write_release_##name, void, (T x), set_##name(&ordinary_##name, (OPERAND(T))x),           \
         percpu_write_release(v_##name, x))                                                        \
    PAIR(max_##name, void, (T x), test_##name(&ordinary_##name, (OPERAND(T))x, true),              \
         percpu_max(v_##name, x))                                                                  \
    PAIR(add_unless_##name, bool, (T x),                                                           \
         return test_##name(&ordinary_##name, (OPERAND(T))x, (OPERAND(T))1),                       \
         return percpu_add_unless(v_##name, x, 1))

VALUE(flag, bool)
NUMBER(u8, uint8_t)
NUMBER(i16, int16_t)
NUMBER(i32, int32_t)
NUMBER(u64, uint64_t)
#if UINTPTR_MAX > 0xffffffff
VALUE(pointer, char *)
#endif
#ifdef PERCPU__IS_REAL
#undef OPERAND
#define OPERAND(T) T
DECLARE(real, double);
PAIR(add_real, void, (double x), set_real(&ordinary_real, x), percpu_add(v_real, x))
DECLARE(single, float);
PAIR(add_single, void, (float x), set_single(&ordinary_single, x), percpu_add(v_single, x))
#endif
