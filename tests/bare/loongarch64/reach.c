/* SPDX-License-Identifier: MIT */
/*
 * Every form of an operand reaches its variable, for tests/link-loongarch64.sh. A template address
 * that no instruction has made is in a data word, and is what the others are compared with.
 *
 * With -DOTHER: the other file. With -DNEAR=n: n bytes of near variables more.
 */
#include "harness.h"

#include <percpu/percpu.h>

struct stats {
    uint32_t id;
    uint64_t rx, queue[4];
    uint8_t flag;
};

PERCPU_DECLARE(uint64_t, shared);
PERCPU_DECLARE(uint64_t[4], shared_array);
PERCPU_DECLARE_NEAR(struct stats, shared_near);

#ifdef OTHER

PERCPU_DEFINE(uint64_t, shared) = 1;
PERCPU_DEFINE(uint64_t[4], shared_array) = {1};
PERCPU_DEFINE_NEAR(struct stats, shared_near) = {.id = 1};

#else

static PERCPU_DEFINE(uint64_t, var) = 1;
static PERCPU_DEFINE(uint64_t[4], array) = {1};
static PERCPU_DEFINE(struct stats, stats) = {.id = 1};
static PERCPU_DEFINE(uint64_t[1 << 17], large) = {1};
static PERCPU_DEFINE(uint64_t, beyond) = 1;
static PERCPU_DEFINE_NEAR(uint64_t, near) = 1;
static PERCPU_DEFINE_NEAR(struct stats, near_stats) = {.id = 1};
#ifdef NEAR
static PERCPU_DEFINE_NEAR(struct { char bytes[NEAR]; }, much);
#endif

/* volatile: the compiler does not know the numbers, nor replace the words. */
static volatile size_t one = 1, three = 3;
#define WORD(name) static const volatile uintptr_t at_##name = (uintptr_t)&__PERCPU_##name
WORD(var);
WORD(array);
WORD(stats);
WORD(large);
WORD(beyond);
WORD(near);
WORD(near_stats);
WORD(shared);
WORD(shared_array);
WORD(shared_near);

static uintptr_t delta;

/* `operand`, whose template address is `word`, on CPU 0. */
#define REACH(operand, word)                                                                       \
    do {                                                                                           \
        const uintptr_t at = (word);                                                               \
        volatile __typeof__(percpu_read(operand)) *copy = (void *)(at + delta);                    \
        check_eq(percpu_symbol_vma(operand), at);                                                  \
        check_eq(percpu_current_ptr(operand), at + delta);                                         \
        check_eq(percpu_remote_ptr(operand, 0), at + delta);                                       \
        check_eq(percpu_remote_ptr_raw(operand, one - 1), at + delta);                             \
        *copy = 40;                                                                                \
        check_eq(percpu_read(operand), 40);                                                        \
        percpu_write(operand, 41);                                                                 \
        check_eq(*copy, 41);                                                                       \
        percpu_inc(operand);                                                                       \
        check_eq(*copy, 42);                                                                       \
        check_eq(percpu_cmpxchg(operand, 42, 43), 42);                                             \
        check_eq(percpu_fetch_add(operand, 2), 43);                                                \
        check_eq(percpu_remote_read(operand, 0), 45);                                              \
        percpu_with_current(operand, p)                                                            \
            check_eq(*p, 45);                                                                      \
        percpu_reset_to_init(operand);                                                             \
    } while (0)

TEST(operands_reach_their_variables)
{
    if (!check(percpu_init_in_place() > 0) || !check_eq(percpu_init_reg(0), 0))
        return;
    delta = percpu__delta[0];
    check(percpu_symbol_vma(beyond) - percpu_symbol_vma(var) > 1 << 20);

    REACH(var, at_var);
    REACH(beyond, at_beyond);
    REACH(shared, at_shared);
    REACH(array[3], at_array + 24);
    REACH(array[three], at_array + 24);
    REACH(array[one ? 1 : 2], at_array + 8);
    REACH(array[one ? three : 2], at_array + 24);
    REACH(large[(1 << 17) - 1], at_large + (1 << 20) - 8);
    REACH(large[(three << 15) + 1], at_large + (3 << 18) + 8);
    REACH(shared_array[3], at_shared_array + 24);
    REACH(shared_array[one], at_shared_array + 8);
    REACH(shared_array[one ? 1 : 2], at_shared_array + 8);
    REACH(stats.id, at_stats);
    REACH(stats.rx, at_stats + 8);
    REACH(stats.queue[one], at_stats + 24);
    REACH(stats.flag, at_stats + 48);
    REACH(near, at_near);
    REACH(near_stats.id, at_near_stats);
    REACH(near_stats.rx, at_near_stats + 8);
    REACH(near_stats.queue[three], at_near_stats + 40);
    REACH(near_stats.flag, at_near_stats + 48);
    REACH(shared_near.rx, at_shared_near + 8);
    REACH(shared_near.queue[one], at_shared_near + 24);
#ifdef NEAR
    REACH(much.bytes[NEAR - 1], percpu_symbol_vma(much) + NEAR - 1);
#endif

    for (size_t i = 0; i < 4; i++) {
        REACH(array[i], at_array + 8 * i);
        REACH(shared_array[i], at_shared_array + 8 * i);
        REACH(near_stats.queue[i], at_near_stats + 16 + 8 * i);
    }
    for (size_t i = 0; i < 3; i++) {
        uint64_t PERCPU *p = i == one ? percpu_addr(var)
                             : i == 2 ? percpu_addr(near)
                                      : &(*percpu_addr(shared_array))[i + 1];
        uintptr_t at = i == one ? at_var : i == 2 ? at_near : at_shared_array + 8;
        check_eq(p, at);
        percpu_write_at(p, i + 7);
        check_eq(*(volatile uint64_t *)(at + delta), i + 7);
        percpu_inc_at(i == one ? percpu_addr(var) : percpu_addr(shared));
        check_eq(percpu_remote_ptr_raw_at(i == one ? percpu_addr(var) : percpu_addr(near), 0),
                 (i == one ? at_var : at_near) + delta);
        percpu_reset_to_init_at(i == one ? percpu_addr(var) : percpu_addr(near));
    }
    check_eq(percpu_cpu_id(), 0);
    check_eq(percpu_fini(), 0);
}

#endif
