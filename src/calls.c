/* SPDX-License-Identifier: MIT */
/* Functions that code without optimisation calls. Each is the operation of its name. */
#define PERCPU__DEFINE_CALLS 1
#include "internal.h"

#include <percpu/detail/calls.h>
#include <percpu/list.h>

#define READ(name, bits)                                                                           \
    uint64_t percpu__call_##name##_##bits(const volatile void *p)                                  \
    {                                                                                              \
        return percpu__##name(p, (bits) / 8, PERCPU__POINTER);                                     \
    }
#define UPDATE(name, bits)                                                                         \
    void percpu__call_##name##_##bits(volatile void *p, uint64_t value)                            \
    {                                                                                              \
        percpu__##name(p, value, (bits) / 8, PERCPU__POINTER);                                     \
    }
#define RESULT(name, bits)                                                                         \
    uint64_t percpu__call_##name##_##bits(volatile void *p, uint64_t value)                        \
    {                                                                                              \
        return percpu__##name(p, value, (bits) / 8, PERCPU__POINTER);                              \
    }
#define CALLS(bits)                                                                                \
    READ(read, bits)                                                                               \
    READ(read_raw, bits)                                                                           \
    UPDATE(write, bits)                                                                            \
    UPDATE(write_raw, bits)                                                                        \
    UPDATE(write_release, bits)                                                                    \
    UPDATE(add, bits)                                                                              \
    UPDATE(sub, bits)                                                                              \
    UPDATE(bit_and, bits)                                                                          \
    UPDATE(bit_or, bits)                                                                           \
    UPDATE(bit_xor, bits)                                                                          \
    RESULT(add_return, bits)                                                                       \
    RESULT(sub_return, bits)                                                                       \
    RESULT(fetch_add, bits)                                                                        \
    RESULT(xchg, bits)                                                                             \
    uint64_t percpu__call_cmpxchg_##bits(volatile void *p, uint64_t expected, uint64_t value)      \
    {                                                                                              \
        return percpu__cmpxchg(p, expected, value, (bits) / 8, PERCPU__POINTER);                   \
    }                                                                                              \
    bool percpu__call_try_cmpxchg_##bits(volatile void *p, void *expected, uint64_t value)         \
    {                                                                                              \
        return percpu__try_cmpxchg(p, expected, value, (bits) / 8, PERCPU__POINTER);               \
    }                                                                                              \
    int percpu__call_try_cmpxchg_on_##bits(volatile void *p, size_t cpu, void *expected,           \
                                           uint64_t value)                                         \
    {                                                                                              \
        return percpu__try_cmpxchg_on(p, cpu, expected, value, (bits) / 8, PERCPU__POINTER);       \
    }                                                                                              \
    bool percpu__call_add_unless_##bits(volatile void *p, uint64_t value, uint64_t mask)           \
    {                                                                                              \
        return percpu__add_unless(p, value, mask, (bits) / 8, PERCPU__POINTER);                    \
    }                                                                                              \
    void percpu__call_max_##bits(volatile void *p, uint64_t value, bool is_signed)                 \
    {                                                                                              \
        percpu__max(p, value, (bits) / 8, is_signed, PERCPU__POINTER);                             \
    }                                                                                              \
    void percpu__call_min_##bits(volatile void *p, uint64_t value, bool is_signed)                 \
    {                                                                                              \
        percpu__min(p, value, (bits) / 8, is_signed, PERCPU__POINTER);                             \
    }
CALLS(8)
CALLS(16)
CALLS(32)
CALLS(64)

#ifdef PERCPU__IS_REAL
void percpu__call_add_real(volatile void *p, double n, size_t size)
{
    percpu__add_real(p, n, size, PERCPU__POINTER);
}
#endif

uintptr_t percpu__call_current_ptr(const volatile void *p)
{
    return percpu__current_ptr(p, PERCPU__POINTER);
}

void percpu__call_list_push(volatile void *p, struct percpu_list_node *node)
{
    percpu__list_push(p, node, PERCPU__POINTER);
}

struct percpu_list_node *percpu__call_list_pop(volatile void *p)
{
    return percpu__list_pop(p, PERCPU__POINTER);
}

struct percpu_list_node *percpu__call_list_take_all(volatile void *p)
{
    return percpu__list_take_all(p, PERCPU__POINTER);
}
