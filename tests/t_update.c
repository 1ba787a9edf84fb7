/* SPDX-License-Identifier: MIT */
/*
 * Every update in both forms on every integer type, over a table of values and operands, against
 * the same thing in plain C. The bytes around the variable must not change, and an operand is
 * evaluated once and converted to the variable's type before anything else happens to it.
 */
#include "areas.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bit patterns; each type takes its low bytes. */
static const uint64_t values[] = {
    0,          1,           2,          0x7f,           0x80,           0xff,
    0x7fff,     0x8000,      0xffff,     0x10000,        0x7fffffff,     0x80000000,
    0xffffffff, 0x100000000, UINT64_MAX, UINT64_MAX / 2, UINT64_MAX - 1, 0xa5a5a5a55a5a5a5a,
};

#define PATTERN ((uint64_t)0xc3c3c3c3c3c3c3c3)

/* One round of one operation: set, do, compare result, value and neighbours. Out of line what need
 * not be inline: compilers take long enough. */
#define ROUND(name, p, old, want, operation)                                                       \
    do {                                                                                           \
        put_##name(p, old);                                                                        \
        operation;                                                                                 \
        bad += strange_##name(p, want);                                                            \
        rounds++;                                                                                  \
    } while (0)

#define RESULT(T, want, operation) bad += (operation) != (T)(want)

/* Arithmetic modulo 2^64 and the conversion to T are the reference. */
#define TABLE(T, name)                                                                             \
    struct box_##name {                                                                            \
        T before, v, after;                                                                        \
    };                                                                                             \
    static PERCPU_DEFINE(struct box_##name, name);                                                 \
    static __attribute__((noinline)) void put_##name(struct box_##name PERCPU *p, uint64_t value)  \
    {                                                                                              \
        percpu_write_at(&p->v, (T)value);                                                          \
    }                                                                                              \
    static __attribute__((noinline)) bool strange_##name(const struct box_##name PERCPU *p,        \
                                                         uint64_t value)                           \
    {                                                                                              \
        return percpu_read_at(&p->v) != (T)value || percpu_read_at(&p->before) != (T)PATTERN ||    \
               percpu_read_at(&p->after) != (T)PATTERN;                                            \
    }                                                                                              \
    static void all_##name(size_t bound)                                                           \
    {                                                                                              \
        struct box_##name PERCPU *p = percpu_addr(name);                                           \
        unsigned bad = 0, rounds = 0;                                                              \
        (void)bound;                                                                               \
        percpu_write(name.before, (T)PATTERN);                                                     \
        percpu_write(name.after, (T)PATTERN);                                                      \
        for (size_t i = 0; i < COUNT(values); i++)                                                 \
            for (size_t j = 0; j < COUNT(values); j++) {                                           \
                const uint64_t a = (uint64_t)(T)values[i], b = (uint64_t)(T)values[j];             \
                const T n = (T)values[j];                                                          \
                T seen;                                                                            \
                ROUND(name, p, a, a + b, percpu_add(name.v, n));                                   \
                ROUND(name, p, a, a + b, percpu_add_at(&p->v, n));                                 \
                ROUND(name, p, a, a - b, percpu_sub(name.v, n));                                   \
                ROUND(name, p, a, a - b, percpu_sub_at(&p->v, n));                                 \
                ROUND(name, p, a, a + 1, percpu_inc(name.v));                                      \
                ROUND(name, p, a, a + 1, percpu_inc_at(&p->v));                                    \
                ROUND(name, p, a, a - 1, percpu_dec(name.v));                                      \
                ROUND(name, p, a, a - 1, percpu_dec_at(&p->v));                                    \
                ROUND(name, p, a, a &b, percpu_and(name.v, n));                                    \
                ROUND(name, p, a, a &b, percpu_and_at(&p->v, n));                                  \
                ROUND(name, p, a, a | b, percpu_or(name.v, n));                                    \
                ROUND(name, p, a, a | b, percpu_or_at(&p->v, n));                                  \
                ROUND(name, p, a, a ^ b, percpu_xor(name.v, n));                                   \
                ROUND(name, p, a, a ^ b, percpu_xor_at(&p->v, n));                                 \
                ROUND(name, p, a, a + b, RESULT(T, a + b, percpu_add_return(name.v, n)));          \
                ROUND(name, p, a, a + b, RESULT(T, a + b, percpu_add_return_at(&p->v, n)));        \
                ROUND(name, p, a, a - b, RESULT(T, a - b, percpu_sub_return(name.v, n)));          \
                ROUND(name, p, a, a - b, RESULT(T, a - b, percpu_sub_return_at(&p->v, n)));        \
                ROUND(name, p, a, a + 1, RESULT(T, a + 1, percpu_inc_return(name.v)));             \
                ROUND(name, p, a, a + 1, RESULT(T, a + 1, percpu_inc_return_at(&p->v)));           \
                ROUND(name, p, a, a - 1, RESULT(T, a - 1, percpu_dec_return(name.v)));             \
                ROUND(name, p, a, a - 1, RESULT(T, a - 1, percpu_dec_return_at(&p->v)));           \
                ROUND(name, p, a, a + b, RESULT(T, a, percpu_fetch_add(name.v, n)));               \
                ROUND(name, p, a, a + b, RESULT(T, a, percpu_fetch_add_at(&p->v, n)));             \
                ROUND(name, p, a, b, RESULT(T, a, percpu_xchg(name.v, n)));                        \
                ROUND(name, p, a, b, RESULT(T, a, percpu_xchg_at(&p->v, n)));                      \
                ROUND(name, p, a, b, RESULT(T, a, percpu_cmpxchg(name.v, (T)a, n)));               \
                ROUND(name, p, a, b, RESULT(T, a, percpu_cmpxchg_at(&p->v, (T)a, n)));             \
                ROUND(name, p, a, a, RESULT(T, a, percpu_cmpxchg(name.v, (T)(a + 1), n)));         \
                seen = (T)a;                                                                       \
                ROUND(name, p, a, b, bad += !percpu_try_cmpxchg(name.v, &seen, n));                \
                bad += seen != (T)a;                                                               \
                seen = (T)(a ^ 1);                                                                 \
                ROUND(name, p, a, a, bad += percpu_try_cmpxchg_at(&p->v, &seen, n));               \
                bad += seen != (T)a;                                                               \
                ROUND(name, p, a, (T)a > n ? a : b, percpu_max(name.v, n));                        \
                ROUND(name, p, a, (T)a > n ? a : b, percpu_max_at(&p->v, n));                      \
                ROUND(name, p, a, (T)a < n ? a : b, percpu_min(name.v, n));                        \
                ROUND(name, p, a, (T)a < n ? a : b, percpu_min_at(&p->v, n));                      \
                ROUND(name, p, a, a &b ? a : a + 3,                                                \
                      bad += percpu_add_unless(name.v, 3, n) != !(a & b));                         \
                ROUND(name, p, a, a & 1 ? a : a + b,                                               \
                      bad += percpu_add_unless_at(&p->v, n, 1) != !(a & 1));                       \
            }                                                                                      \
        check_eq(bad, 0);                                                                          \
        check_eq(rounds, COUNT(values) * COUNT(values) * 37);                                      \
    }                                                                                              \
    TEST(updates_of_##name)                                                                        \
    {                                                                                              \
        with_areas(all_##name);                                                                    \
    }

/* Each size, and each sign once; compilers take long to inline all of it without optimisation. */
TABLE(uint8_t, u8)
TABLE(int16_t, s16)
TABLE(uint32_t, u32)
TABLE(int64_t, s64)
#ifdef __OPTIMIZE__
TABLE(int8_t, s8)
TABLE(uint16_t, u16)
TABLE(int32_t, s32)
TABLE(uint64_t, u64)
TABLE(char, character)
TABLE(unsigned long, ulong)
TABLE(long, slong)
#endif

/* -- Operands of other types than the variable's ----------------------------------------------- */

static PERCPU_DEFINE(int64_t, wide);
static PERCPU_DEFINE(uint64_t, uwide);
static PERCPU_DEFINE(uint8_t, narrow);
static PERCPU_DEFINE(int[4], elements);

static void conversions(size_t bound)
{
    int evaluated = 0, index = 0;
    volatile unsigned one = 1;
    volatile int minus_one = -1;
    volatile signed char minus_two = -2;

    (void)bound;
    percpu_write(wide, 0);
    percpu_add(wide, -one); /* an unsigned int: 0xffffffff, as in wide += -one */
    check_eq(percpu_read(wide), 0xffffffffLL);
    percpu_sub(wide, -one);
    check_eq(percpu_read(wide), 0);
    percpu_add(wide, minus_one);
    check_eq(percpu_read(wide), -1);
    check_eq(percpu_sub_return(wide, minus_two), 1);
    percpu_write(uwide, 0xffffffffffull);
    percpu_and(uwide, ~one); /* zero-extended: the upper half goes */
    check_eq(percpu_read(uwide), 0xfffffffeull);
    percpu_or(uwide, minus_two); /* sign-extended */
    check_eq(percpu_read(uwide) == UINT64_MAX - 1, 1);
    percpu_write(narrow, 0);
    percpu_add(narrow, 0x1ff); /* truncated */
    check_eq(percpu_read(narrow), 0xff);
    percpu_and(narrow, ~0x0f);
    check_eq(percpu_read(narrow), 0xf0);

    percpu_add(elements[index++], ++evaluated);
    check_eq(index, 1);
    check_eq(evaluated, 1);
    check_eq(percpu_add_return(elements[--index], evaluated++), 2);
    check_eq(index, 0);
    check_eq(evaluated, 2);
    check_eq(percpu_xchg(elements[index++], evaluated++), 2);
    int written = 41;
    check_eq(percpu_cmpxchg(elements[--index], evaluated-- - 1, ++written), 2);
    check_eq(index, 0);
    check_eq(evaluated, 2);
    check_eq(written, 42);

    /* An operation as the operand of the same operation. */
    percpu_write(wide, 5);
    percpu_write(uwide, 7);
    check_eq(percpu_add_return(wide, (int)percpu_add_return(uwide, 1)), 13);
}

TEST(updates_convert_and_evaluate_operands_as_assignments_do)
{
    with_areas(conversions);
}

/* -- What is no integer ------------------------------------------------------------------------ */

enum colour { RED, GREEN, BLUE };
static int there;
static PERCPU_DEFINE(bool, flag);
static PERCPU_DEFINE(enum colour, colour);
static PERCPU_DEFINE(int *, pointer);
static PERCPU_DEFINE(
    struct {
        char c;
        bool flag;
        int *pointer;
    },
    mixed);

static void others(size_t bound)
{
    enum colour c = GREEN;
    int *p = &there;

    (void)bound;
    check_eq(percpu_xchg(flag, true), false);
    check_eq(percpu_xchg(flag, 2), true); /* a bool: 1 */
    check_eq(percpu_cmpxchg(flag, true, false), true);
    check_eq(percpu_read(flag), false);
    check_eq(percpu_try_cmpxchg(colour, &c, BLUE), false);
    check_eq(c, RED);
    check_eq(percpu_try_cmpxchg(colour, &c, BLUE), true);
    check_eq(percpu_read(colour), BLUE);
    check_eq(percpu_xchg(pointer, &there), NULL);
    check_eq(percpu_try_cmpxchg(pointer, &p, NULL), true);
    check_eq(percpu_read(pointer), NULL);
    check_eq(percpu_cmpxchg(mixed.pointer, NULL, p), NULL);
    check_eq(percpu_xchg(mixed.flag, true), false);
    check_eq(percpu_read(mixed.pointer), &there);
    check_eq(percpu_read(mixed.c), 0);
}

TEST(exchange_of_bool_enum_and_pointer)
{
    with_areas(others);
}

/* -- The compiler knows which object an update changes ----------------------------------------- */

static PERCPU_DEFINE(word, watched);

static void visible(size_t bound)
{
    word *copy = percpu_current_ptr(watched);
    word before, between, after;

    (void)bound;
    *copy = 3;
    before = *copy;
    percpu_inc(watched);
    between = *copy;
    *copy = 9;
    after = percpu_add_return(watched, 1);
    check_eq(before, 3);
    check_eq(between, 4);
    check_eq(after, 10);
    check_eq(*copy, 10);
}

TEST(pointers_into_the_area_see_updates)
{
    with_areas(visible);
}
