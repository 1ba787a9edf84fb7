/* SPDX-License-Identifier: MIT */
/* Bits of other CPUs' copies: gates that close while their CPUs add. */
#include "areas.h"

#if !HARNESS_BARE
#include <errno.h>
#endif

#if !HARNESS_BARE || defined(PERCPU_CALL)

/* -- Which copies change, and how -------------------------------------------------------------- */

#define TABLE(T, name, set, cleared)                                                               \
    static PERCPU_DEFINE(T, name) = (T)0x51;                                                       \
    static void changes_##name(size_t cpu)                                                         \
    {                                                                                              \
        check_eq(percpu_remote_or(name, cpu, set), 0);                                             \
        percpu_for_each(other) {                                                                   \
            check(percpu_remote_read(name, other) ==                                               \
                  (T)(other == cpu ? (T)((T)0x51 | (T)(set)) : (T)0x51));                          \
        }                                                                                          \
        check_eq(percpu_remote_and_at(percpu_addr(name), cpu, (T) ~(T)(cleared)), 0);              \
        percpu_for_each(other) {                                                                   \
            check(percpu_remote_read(name, other) ==                                               \
                  (T)(other == cpu ? (((T)0x51 | (T)(set)) & (T) ~(T)(cleared)) : (T)0x51));       \
        }                                                                                          \
        check_eq(percpu_remote_and(name, cpu, 0), 0);                                              \
        check_eq(percpu_remote_or_at(percpu_addr(name), cpu, 0x51), 0);                            \
        check(percpu_remote_read(name, cpu) == (T)0x51);                                           \
    }                                                                                              \
    static void changes_all_##name(void)                                                           \
    {                                                                                              \
        check_eq(percpu_or_all(name, set), 0);                                                     \
        percpu_for_each(cpu) {                                                                     \
            check(percpu_remote_read(name, cpu) == (T)((T)0x51 | (T)(set)));                       \
        }                                                                                          \
        check_eq(percpu_and_all_at(percpu_addr(name), 0), 0);                                      \
        percpu_for_each(cpu) {                                                                     \
            check(percpu_remote_read(name, cpu) == 0);                                             \
        }                                                                                          \
        check_eq(percpu_or_all_at(percpu_addr(name), 0x51), 0);                                    \
        check_eq(percpu_and_all(name, ~(T)0), 0);                                                  \
    }
TABLE(int8_t, s8, -128, 1)
TABLE(uint16_t, u16, 0x8002, 0x8010)
TABLE(int32_t, s32, INT32_MIN, 0x41)
#if REMOTE_8_BYTES
TABLE(uint64_t, u64, 0x8000000100000000, 0x8000000000000001)
#endif

static void answers(size_t bound)
{
    size_t n = percpu_area_num();

    (void)bound;
    if (!percpu_has_fence()) {
        check_eq(percpu_remote_or(s32, 0, 8), -PERCPU_ESYS);
        check_eq(percpu_remote_and(s32, 0, 0), -PERCPU_ESYS);
        check_eq(percpu_or_all(s32, 8), -PERCPU_ESYS);
        check_eq(percpu_and_all(s32, 0), -PERCPU_ESYS);
        check_eq(percpu_remote_read(s32, 0), 0x51);
        return;
    }
#if !HARNESS_BARE
    errno = 77;
#endif
    percpu_for_each(cpu) {
        changes_s8(cpu);
        changes_u16(cpu);
        changes_s32(cpu);
#if REMOTE_8_BYTES
        changes_u64(cpu);
#endif
    }
    changes_all_s8();
    changes_all_u16();
    changes_all_s32();
#if REMOTE_8_BYTES
    changes_all_u64();
#endif
    check_eq(percpu_remote_or(s32, n, 8), -PERCPU_ERANGE);
    check_eq(percpu_remote_and(s32, n, 0), -PERCPU_ERANGE);
    check_eq(percpu_remote_or(s32, SIZE_MAX, 8), -PERCPU_ERANGE);
    check_eq(percpu_remote_and(s32, SIZE_MAX, 0), -PERCPU_ERANGE);
    check_eq(percpu_sum(s32), (int32_t)(n * 0x51));
#if !HARNESS_BARE
    check_eq(errno, 77);
#endif
}

TEST(peer_bits_in_each_copy)
{
    with_areas(answers);
}

/* -- Gates ------------------------------------------------------------------------------------- */

/* Tests take the protection out of this. */
#ifndef ROUNDS
#define ROUNDS (HARNESS_BARE ? 24 : 200)
#endif
enum { CLOSED = 1, ONE = 2 }; /* a flag, and a count by 2 */

static PERCPU_DEFINE(word, gate);
static PERCPU_DEFINE(uint8_t, gates_8); /* the same in a byte, whose count wraps */
static atomic_uint round_of_all, stopped, shut;
static _Atomic word added;

/* Of a gate that was shut, but is open, the sum tells. */
static void adds_until_closed(unsigned round)
{
    bool is_open, is_open_8;
    word n = 0;

    do {
        is_open = percpu_add_unless(gate, ONE, CLOSED);
        is_open_8 = percpu_add_unless(gates_8, ONE, CLOSED);
        n += is_open;
        serve_calls(test_cpu());
    } while ((is_open || is_open_8) && shut != round);
    added += n;
    stopped++;
}

static void closes(unsigned round, size_t bound)
{
    size_t areas = percpu_area_num();
    word sum;

    while (stopped == 0 && percpu_sum(gate) < (word)ONE * (round % 64)) /* now sooner, now later */
        wait_a_little();
    if (round % 2) {
        check_eq(percpu_or_all(gate, CLOSED), 0);
        check_eq(percpu_or_all(gates_8, CLOSED), 0);
    } else {
        percpu_for_each(cpu) {
            check_eq(percpu_remote_or(gate, cpu, CLOSED), 0);
            check_eq(percpu_remote_or(gates_8, cpu, CLOSED), 0);
        }
    }
    sum = percpu_sum(gate); /* nobody adds to it any more */
    for (unsigned i = 0; i < 100; i++)
        wait_a_little();
    shut = round;
    while (stopped != bound - 1)
        wait_a_little();
    check_eq(percpu_sum(gate), sum);
    check_eq(sum, added * ONE + areas * CLOSED);
    percpu_for_each(cpu) {
        check(percpu_remote_read(gate, cpu) & CLOSED);
        check(percpu_remote_read(gates_8, cpu) & CLOSED);
    }
    added = 0;
    stopped = 0;
    if (round % 3) {
        check_eq(percpu_and_all(gate, 0), 0);
        check_eq(percpu_and_all(gates_8, 0), 0);
    } else {
        percpu_for_each(cpu) {
            check_eq(percpu_remote_and(gate, cpu, 0), 0);
            check_eq(percpu_remote_and(gates_8, cpu, 0), 0);
        }
    }
}

static void take_part(size_t cpu, void *data)
{
    size_t bound = *(size_t *)data;

    takes_calls(cpu, cpu != 0);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        if (cpu == 0) {
            round_of_all = round;
            closes(round, bound);
        } else {
            while (round_of_all < round) {
                serve_calls(cpu);
                wait_a_little();
            }
            adds_until_closed(round);
        }
    }
    if (cpu == 0)
        round_of_all = ROUNDS + 1;
    while (round_of_all <= ROUNDS) {
        serve_calls(cpu);
        wait_a_little();
    }
    takes_calls(cpu, false);
}

static void closed_while_others_add(size_t bound)
{
    round_of_all = stopped = shut = 0;
    added = 0;
    if (bound > 1 && percpu_has_fence())
        on_bound(take_part, &bound);
}

TEST(gates_close_while_others_add)
{
    with_areas(closed_while_others_add);
}

/* -- Several callers, one copy ----------------------------------------------------------------- */

static PERCPU_DEFINE(word, many);
#ifndef CHANGES
#define CHANGES (HARNESS_BARE ? 200 : 100)
#endif

static atomic_uint callers;
static word additions;

/* On bare CPU 0 is down; elsewhere it adds meanwhile. */
static void change_own_bit(size_t cpu, void *unused)
{
    word own = (word)1 << cpu;

    (void)unused;
    if (cpu == 0 && !HARNESS_BARE) {
        while (callers != 0) {
            percpu_add(many, (word)1 << 16);
            additions++;
        }
    } else if (cpu != 0) {
        for (unsigned n = 0; n < CHANGES && cpu < 16; n++) {
            check_eq(percpu_remote_or(many, 0, own), 0);
            check(percpu_remote_read(many, 0) & own);
            check_eq(percpu_remote_and(many, 0, ~own), 0);
            check(!(percpu_remote_read(many, 0) & own));
        }
        check_eq(cpu < 16 ? percpu_remote_or(many, 0, own) : 0, 0);
        callers--;
    }
}

static void many_callers(size_t bound)
{
    word all = (((word)1 << (bound < 16 ? bound : 16)) - 1) & ~(word)1;

    if (!percpu_has_fence())
        return;
    callers = (unsigned)bound - 1;
    additions = 0;
    on_bound(change_own_bit, NULL);
    check_eq(percpu_remote_read(many, 0) & 0xffff, all);
    check_eq((percpu_sum(many) & ~(word)0xffff), additions << 16);
}

TEST(bits_by_several_callers)
{
    with_areas(many_callers);
}

#endif
