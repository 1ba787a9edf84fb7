// SPDX-License-Identifier: MIT
/*
 * Every operation that is a restartable sequence, in both forms, of every size, on variables with
 * constants, too, each in a function of its own: for sequences.py, linked and not run, and
 * ordering.py, which compiles it for kernels, too.
 */
#define PERCPU__DEFINE_CONFIG 1
#ifndef __OPTIMIZE__
#include "../../src/calls.c" // NOLINT(bugprone-suspicious-include): where the sequences are then
#endif
#include <percpu/list.h>
#include <percpu/percpu.h>

#define OPERATION(bits, name, result)                                                              \
    uint##bits##_t sequence_##name##_##bits(uint##bits##_t n, uint##bits##_t e);                   \
    uint##bits##_t sequence_##name##_##bits(uint##bits##_t n, uint##bits##_t e)                    \
    {                                                                                              \
        (void)n, (void)e;                                                                          \
        return (uint##bits##_t)(result);                                                           \
    }

/* `v` is the value: `n` or a constant. */
#define WITH_VALUE(bits, kind, v)                                                                  \
    OPERATION(bits, write##kind, (percpu_write(of_##bits, v), 0))                                  \
    OPERATION(bits, add##kind, (percpu_add(of_##bits, v), 0))                                      \
    OPERATION(bits, sub##kind, (percpu_sub(of_##bits, v), 0))                                      \
    OPERATION(bits, and##kind, (percpu_and(of_##bits, v), 0))                                      \
    OPERATION(bits, or ##kind, (percpu_or(of_##bits, v), 0))                                       \
    OPERATION(bits, xor##kind, (percpu_xor(of_##bits, v), 0))                                      \
    OPERATION(bits, add_return##kind, percpu_add_return(of_##bits, v))                             \
    OPERATION(bits, sub_return##kind, percpu_sub_return(of_##bits, v))                             \
    OPERATION(bits, fetch_add##kind, percpu_fetch_add(of_##bits, v))                               \
    OPERATION(bits, xchg##kind, percpu_xchg(of_##bits, v))                                         \
    OPERATION(bits, cmpxchg##kind, percpu_cmpxchg(of_##bits, e, v))                                \
    OPERATION(bits, try_cmpxchg##kind, percpu_try_cmpxchg(of_##bits, &e, v))                       \
    OPERATION(bits, try_cmpxchg_on##kind, percpu_try_cmpxchg_on(of_##bits, 1, &e, v))

#ifdef PERCPU_RESTART /* a read is a sequence of a kernel's */
#define READS(bits)                                                                                \
    OPERATION(bits, read, percpu_read(of_##bits))                                                  \
    OPERATION(bits, read_at, percpu_read_at(at_##bits))
#else
#define READS(bits)
#endif

#define OF_SIZE(bits) OF_SIZE_(bits)
#define OF_SIZE_(bits)                                                                             \
    static PERCPU_DEFINE(uint##bits##_t, of_##bits);                                               \
    uint##bits##_t PERCPU *at_##bits;                                                              \
    READS(bits)                                                                                    \
    OPERATION(bits, inc, (percpu_inc(of_##bits), 0))                                               \
    OPERATION(bits, dec, (percpu_dec(of_##bits), 0))                                               \
    OPERATION(bits, inc_return, percpu_inc_return(of_##bits))                                      \
    OPERATION(bits, dec_return, percpu_dec_return(of_##bits))                                      \
    OPERATION(bits, inc_at, (percpu_inc_at(at_##bits), 0))                                         \
    OPERATION(bits, dec_at, (percpu_dec_at(at_##bits), 0))                                         \
    OPERATION(bits, inc_return_at, percpu_inc_return_at(at_##bits))                                \
    OPERATION(bits, dec_return_at, percpu_dec_return_at(at_##bits))                                \
    OPERATION(bits, write_at, (percpu_write_at(at_##bits, n), 0))                                  \
    OPERATION(bits, add_at, (percpu_add_at(at_##bits, n), 0))                                      \
    OPERATION(bits, sub_at, (percpu_sub_at(at_##bits, n), 0))                                      \
    OPERATION(bits, and_at, (percpu_and_at(at_##bits, n), 0))                                      \
    OPERATION(bits, or_at, (percpu_or_at(at_##bits, n), 0))                                        \
    OPERATION(bits, xor_at, (percpu_xor_at(at_##bits, n), 0))                                      \
    OPERATION(bits, add_return_at, percpu_add_return_at(at_##bits, n))                             \
    OPERATION(bits, sub_return_at, percpu_sub_return_at(at_##bits, n))                             \
    OPERATION(bits, fetch_add_at, percpu_fetch_add_at(at_##bits, n))                               \
    OPERATION(bits, xchg_at, percpu_xchg_at(at_##bits, n))                                         \
    OPERATION(bits, cmpxchg_at, percpu_cmpxchg_at(at_##bits, e, n))                                \
    OPERATION(bits, try_cmpxchg_at, percpu_try_cmpxchg_at(at_##bits, &e, n))                       \
    OPERATION(bits, try_cmpxchg_on_at, percpu_try_cmpxchg_on_at(at_##bits, n, &e, n))              \
    WITH_VALUE(bits, , n)                                                                          \
    WITH_VALUE(bits, _small, (uint##bits##_t)7)                                                    \
    WITH_VALUE(bits, _high, (uint##bits##_t)((uint##bits##_t)1 << (bits - 1)))

#if defined(FEW)
static PERCPU_DEFINE(uint32_t, of_32);
OPERATION(32, inc, (percpu_inc(of_32), 0))
#elif defined(ONE_SIZE)
OF_SIZE(ONE_SIZE)
#else
OF_SIZE(8)
OF_SIZE(16)
OF_SIZE(32)
OF_SIZE(64)
#endif

#if defined(PERCPU_PLATFORM_RSEQ) && !defined(FEW) && (!defined(ONE_SIZE) || ONE_SIZE == 32)
uint32_t sequence_cas(uint32_t PERCPU *word, uint32_t n, uint32_t e);
uint32_t sequence_cas(uint32_t PERCPU *word, uint32_t n, uint32_t e)
{
    uint32_t old, now;
    uintptr_t copy;
    return percpu__sequence_cas_32(word, e, n, PERCPU__POINTER, &old, &now, &copy) ? old : n;
}
#endif

#define LIST(name, call)                                                                           \
    struct percpu_list_node *sequence_list_##name(struct percpu_list_node *node);                  \
    struct percpu_list_node *sequence_list_##name(struct percpu_list_node *node)                   \
    {                                                                                              \
        (void)node;                                                                                \
        return call;                                                                               \
    }

static PERCPU_DEFINE(struct percpu_list, list);
struct percpu_list PERCPU *at_list;
LIST(push, (percpu_list_push(list, node), node))
LIST(pop, percpu_list_pop(list))
LIST(take_all, percpu_list_take_all(list))
LIST(push_at, (percpu_list_push_at(at_list, node), node))
LIST(pop_at, percpu_list_pop_at(at_list))
LIST(take_all_at, percpu_list_take_all_at(at_list))
