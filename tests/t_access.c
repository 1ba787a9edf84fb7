/* SPDX-License-Identifier: MIT */
/* Reads and writes on the current CPU: every type, every form, nothing but the operand changed. */
#include "areas.h"

enum colour { RED, GREEN, BLUE };
enum __attribute__((packed)) small { TINY, BIT };

typedef int (*function)(int);

static int twice(int x)
{
    return 2 * x;
}

static int thrice(int x)
{
    return 3 * x;
}

typedef int *int_pointer;
typedef const char *const_pointer;
typedef void *void_pointer;

static int object[2];
static const char text[2];

/*
 * id, type, initial value, another value. Values that differ from each other in every byte find the
 * accesses that are too narrow; the bytes around the variable, those that are too wide.
 */
#define SCALARS(X)                                                                                 \
    X(u8, uint8_t, 0xa1, 0x5e)                                                                     \
    X(u16, uint16_t, 0xa1b2, 0x5e4d)                                                               \
    X(u32, uint32_t, 0xa1b2c3d4, 0x5e4d3c2b)                                                       \
    X(u64, uint64_t, 0xa1b2c3d4e5f60718, 0x5e4d3c2b1a09f8e7)                                       \
    X(i8, int8_t, -95, 94)                                                                         \
    X(i16, int16_t, -24000, 24141)                                                                 \
    X(i32, int32_t, -1582119980, 1582119979)                                                       \
    X(i64, int64_t, -6795129270000000000, 6795129271234567890)                                     \
    X(character, char, 'a', 'Z')                                                                   \
    X(ulong, unsigned long, 0xa1b2c3d4, 0x5e4d3c2b)                                                \
    X(longlong, long long, -1, 1)                                                                  \
    X(size, size_t, SIZE_MAX, 0x5e4d3c2b)                                                          \
    X(difference, ptrdiff_t, -7, 7)                                                                \
    X(boolean, bool, true, false)                                                                  \
    X(colour, enum colour, GREEN, BLUE)                                                            \
    X(small, enum small, BIT, TINY)                                                                \
    X(pointer, int_pointer, &object[0], &object[1])                                                \
    X(constant, const_pointer, text, text + 1)                                                     \
    X(anything, void_pointer, &object[1], NULL)                                                    \
    X(function, function, twice, thrice)                                                           \
    X(moving, volatile int, -5, 5)

#define DEFINE(id, type, first, second)                                                            \
    struct around_##id {                                                                           \
        uint8_t before[16];                                                                        \
        type value;                                                                                \
        uint8_t after[16];                                                                         \
    };                                                                                             \
    static PERCPU_DEFINE(struct around_##id, around_##id) = {.value = first};                      \
    static PERCPU_DEFINE(type, plain_##id) = first;
SCALARS(DEFINE)

/* Out of line: compilers take long enough. */
static __attribute__((noinline)) void fill_bytes(uint8_t *before, uint8_t *after, int value)
{
    memset(before, value, 16);
    memset(after, value, 16);
}

static __attribute__((noinline)) void check_bytes(const uint8_t *bytes, int value)
{
    for (int i = 0; i < 16; i++)
        check_eq(bytes[i], value);
}

#define ON_CURRENT(id, type, first, second)                                                        \
    static void current_##id(size_t cpu, void *unused)                                             \
    {                                                                                              \
        type a = percpu_read(plain_##id), b = second;                                              \
        struct around_##id *p = percpu_current_ptr(around_##id);                                   \
                                                                                                   \
        (void)cpu;                                                                                 \
        (void)unused;                                                                              \
        _Static_assert(                                                                            \
            __builtin_types_compatible_p(__typeof__(percpu_read(around_##id.value)), type),        \
            "a read has the variable's type");                                                     \
        _Static_assert(                                                                            \
            __builtin_types_compatible_p(__typeof__(percpu_current_ptr(plain_##id)), type *),      \
            "a pointer to the variable's type");                                                   \
        check_eq(a, first);                                                                        \
        check(percpu_read_raw(plain_##id) == a);                                                   \
        check(percpu_read_stable(plain_##id) == a);                                                \
        check_eq(percpu_read(plain_##id), a); /* with its sign */                                  \
        check(*percpu_current_ptr(plain_##id) == a);                                               \
        check(percpu_current_ptr(around_##id.value) == &p->value);                                 \
                                                                                                   \
        percpu_write(plain_##id, b);                                                               \
        check(percpu_read(plain_##id) == b && *percpu_current_ptr(plain_##id) == b);               \
        percpu_write_raw(plain_##id, a);                                                           \
        check(percpu_read_raw(plain_##id) == a);                                                   \
        percpu_write_at(percpu_addr(plain_##id), b);                                               \
        check(percpu_read_at(percpu_addr(plain_##id)) == b);                                       \
        percpu_write_raw_at(percpu_addr(plain_##id), a);                                           \
        check(percpu_read_raw_at(percpu_addr(plain_##id)) == a);                                   \
        check(percpu_read_stable_at(percpu_addr(plain_##id)) == a);                                \
        check(*percpu_current_ptr_at(percpu_addr(plain_##id)) == a);                               \
        *percpu_current_ptr(plain_##id) = b;                                                       \
        check(percpu_read(plain_##id) == b);                                                       \
                                                                                                   \
        for (int fill = 0; fill <= 0xff; fill += 0xff) {                                           \
            fill_bytes(p->before, p->after, fill);                                                 \
            percpu_write(around_##id.value, a);                                                    \
            check(p->value == a && percpu_read(around_##id.value) == a);                           \
            percpu_write_raw(around_##id.value, b);                                                \
            check(p->value == b && percpu_read_raw(around_##id.value) == b);                       \
            check_bytes(p->before, fill);                                                          \
            check_bytes(p->after, fill);                                                           \
        }                                                                                          \
    }
SCALARS(ON_CURRENT)

/* A CPU's write is its own. */
#define ON_ALL(id, type, first, second)                                                            \
    static void alone_##id(size_t cpu, void *writer)                                               \
    {                                                                                              \
        type b = second;                                                                           \
        bool mine = cpu == *(const size_t *)writer;                                                \
        if (mine)                                                                                  \
            percpu_write(plain_##id, b);                                                           \
        else                                                                                       \
            check(percpu_read(plain_##id) != b);                                                   \
    }                                                                                              \
    static void all_##id(size_t bound)                                                             \
    {                                                                                              \
        size_t writer = bound - 1;                                                                 \
        on_cpu(writer, alone_##id, &writer);                                                       \
        on_bound(alone_##id, &writer);                                                             \
        on_cpu(writer, reset_##id, NULL);                                                          \
        on_bound(current_##id, NULL);                                                              \
    }
#define RESET(id, type, first, second)                                                             \
    static void reset_##id(size_t cpu, void *unused)                                               \
    {                                                                                              \
        (void)cpu;                                                                                 \
        (void)unused;                                                                              \
        percpu_reset_to_init(plain_##id);                                                          \
    }
SCALARS(RESET)
SCALARS(ON_ALL)

#define ADD_TEST(id, type, first, second)                                                          \
    TEST(access_##id)                                                                              \
    {                                                                                              \
        with_areas(all_##id);                                                                      \
    }
SCALARS(ADD_TEST)

/* -- Conversions: an assignment to the variable ------------------------------------------------ */

static PERCPU_DEFINE(int64_t, wide);
static PERCPU_DEFINE(uint8_t, narrow);
static PERCPU_DEFINE(bool, flag);

static void conversions(size_t bound)
{
    unsigned minus_one = 0u - 1;

    (void)bound;
    percpu_write(wide, -1);
    check_eq(percpu_read(wide), -1);
    percpu_write(wide, minus_one);
    check_eq(percpu_read(wide), 0xffffffff);
    percpu_write(wide, (int8_t)-2);
    check_eq(percpu_read(wide), -2);
    percpu_write(narrow, (uint8_t)0x1ff);
    check_eq(percpu_read(narrow), 0xff);
    percpu_write(flag, 2);
    check_eq(percpu_read(flag), 1);
    check_eq(*(const uint8_t *)percpu_current_ptr(flag), 1);
    percpu_write(flag, 256);
    check_eq(percpu_read(flag), 1);
    percpu_write(flag, 0);
    check_eq(percpu_read(flag), 0);
}

TEST(operands_are_converted)
{
    with_areas(conversions);
}

/* -- Members and elements ---------------------------------------------------------------------- */

struct queue {
    uint16_t id;
    struct {
        uint32_t len;
        char *name;
    } inner;
    uint8_t bytes[3];
    union {
        uint32_t whole;
        uint8_t part[4];
    };
};

static PERCPU_DEFINE(struct queue[3], queues) = {
    {.id = 1}, {.id = 2, .inner = {20, NULL}, .bytes = {1, 2, 3}}, {.id = 3, .whole = 0x04030201}};
static PERCPU_DEFINE(int[2][3], grid) = {{1, 2, 3}, {4, 5, 6}};
static PERCPU_DEFINE(int[8], index_of) = {3, 1, 2, 0};
static PERCPU_DEFINE(int, chosen) = 2;

static void members(size_t bound)
{
    volatile size_t one = 1;
    size_t i = one;

    (void)bound;
    check_eq(percpu_read(queues[1].inner.len), 20);
    check_eq(percpu_read(queues[i].inner.len), 20);
    percpu_write(queues[i].inner.len, 21);
    check_eq(percpu_read(queues[1].inner.len), 21);
    check_eq((*percpu_current_ptr(queues))[1].inner.len, 21);
    check_eq(percpu_current_ptr(queues[i])->inner.len, 21);
    check_eq(*percpu_current_ptr(queues[i].inner.len), 21);
    check_eq(percpu_read(queues[i].bytes[2]), 3);
    percpu_write(queues[i].bytes[i], 9);
    check_eq(percpu_read(queues[1].bytes[0]), 1);
    check_eq(percpu_read(queues[1].bytes[1]), 9);
    check_eq(percpu_read(queues[1].bytes[2]), 3);
    check_eq(percpu_read(queues[2].part[i + 1]), 3);
    percpu_write(queues[2].part[3], 0xff);
    check_eq(percpu_read(queues[2].whole), 0xff030201);
    percpu_write(queues[i].inner.name, (char *)&object);
    check_eq(percpu_read(queues[i].inner.name), &object);
    check_eq(percpu_read(grid[i][i + 1]), 6);
    check_eq((*percpu_current_ptr(grid))[1][2], 6);
    check_eq(percpu_read(queues[0].id) + percpu_read(queues[1].id) + percpu_read(queues[2].id), 6);
    /* The same operation in an index, by pointer; a different one, by name. */
    check_eq(percpu_read_at(&(*percpu_addr(index_of))[percpu_read(chosen)]), 2);
    percpu_write(index_of[percpu_read(chosen)], 7);
    check_eq(percpu_read(index_of[2]), 7);
}

TEST(members_and_elements)
{
    with_areas(members);
}

static void through_pointers(size_t bound)
{
    struct queue PERCPU *q = &(*percpu_addr(queues))[1];
    int PERCPU *p = &(*percpu_addr(index_of))[2];

    (void)bound;
    percpu_write_at(&q->inner.len, 5);
    check_eq(percpu_read_at(&q->inner.len), 5);
    check_eq(percpu_read(queues[1].inner.len), 5);
    check_eq(percpu_read_raw_at(&(q + 1)->id), 3);
    check_eq(percpu_current_ptr_at(q)->id, 2);
    check_eq(percpu_read_at(p++), percpu_read(index_of[2]));
    check_eq(percpu_read_at(p), 0);
    check(percpu_current_ptr_at(q) == percpu_current_ptr(queues[1]));
}

TEST(percpu_pointers)
{
    with_areas(through_pointers);
}

#if !defined(PERCPU_PLATFORM_THREAD) && !defined(PERCPU_PLATFORM_RSEQ)
/* percpu_addr() is a constant expression here. */
static int PERCPU *const constant_addr[] = {percpu_addr(chosen), &(*percpu_addr(index_of))[3]};

static void constants(size_t bound)
{
    (void)bound;
    check_eq(percpu_read_at(constant_addr[0]), 2);
    check_eq(percpu_read_at(constant_addr[1]), 0);
    check(constant_addr[0] == percpu_addr(chosen));
}

TEST(percpu_addr_is_constant)
{
    with_areas(constants);
}
#endif

/* -- Operands are evaluated once --------------------------------------------------------------- */

static PERCPU_DEFINE(word[8], row) = {10, 11, 12, 13, 14, 15, 16, 17};

static void once(size_t bound)
{
    size_t i = 0, cpu = 0;
    word v = 100;
    word PERCPU *p = *percpu_addr(row);

    (void)bound;
    check_eq(percpu_read(row[i++]), 10);
    check_eq(i, 1);
    check_eq(percpu_read_raw(row[i++]), 11);
    check_eq(i, 2);
    percpu_write(row[i++], v++);
    check_eq(i, 3);
    check_eq(v, 101);
    percpu_write_raw(row[i++], v++);
    check_eq(i, 4);
    check_eq(v, 102);
    check_eq(percpu_read(row[2]), 100);
    check_eq(percpu_read(row[3]), 101);
    check(percpu_current_ptr(row[i++]) == percpu_current_ptr(row[4]));
    check_eq(i, 5);
    check_eq(percpu_read_at(p++), 10);
    check(p == &(*percpu_addr(row))[1]);
    percpu_write_at(p++, v++);
    check(p == &(*percpu_addr(row))[2]);
    check_eq(v, 103);
    check(percpu_remote_ptr(row[i++], cpu++) == percpu_current_ptr(row[5]));
    check_eq(i, 6);
    check_eq(cpu, 1);
    cpu = 0;
    check_eq(percpu_remote_read(row[i++], cpu++), 16);
    check_eq(i, 7);
    check_eq(cpu, 1);
    cpu = 0;
    percpu_remote_write(row[i--], cpu++, v--);
    check_eq(i, 6);
    check_eq(cpu, 1);
    check_eq(v, 102);
    check_eq(percpu_read(row[7]), 103);
    cpu = 0;
    check(percpu_remote_ptr_raw(row[i--], cpu++) == percpu_current_ptr(row[6]));
    check_eq(i, 5);
    check_eq(cpu, 1);
    check_eq(percpu_sum(row[i++]), 15 * percpu_area_num());
    check_eq(i, 6);
    percpu_with_current(row[i++], q) {
        check_eq(*q, 16);
    }
    check_eq(i, 7);
    percpu_reset_to_init(row[i++]);
    check_eq(i, 8);
    check_eq(percpu_read(row[7]), 17);
}

TEST(operands_are_evaluated_once)
{
    with_areas(once);
}

/* -- A variable's name is not expanded --------------------------------------------------------- */

#define shadowed not_a_name at all
static PERCPU_DEFINE(word, shadowed) = 3;
PERCPU_DECLARE(int, unix_time);
#define unix_time (shadowed + 1)
PERCPU_DEFINE(int, unix_time) = 4;

static void names(size_t bound)
{
    (void)bound;
    check_eq(percpu_read(shadowed), 3);
    percpu_write(shadowed, 4);
    check_eq(percpu_read_raw(shadowed), 4);
    percpu_write_raw(shadowed, 5);
    check_eq(*percpu_current_ptr(shadowed), 5);
    check_eq(percpu_remote_read(shadowed, 0), 5);
    percpu_remote_write(shadowed, 0, 6);
    check(percpu_remote_ptr(shadowed, 0) == percpu_remote_ptr_raw(shadowed, 0));
    check_eq(percpu_sum(shadowed), 6 + 3 * (percpu_area_num() - 1));
    check_eq(percpu_offset(shadowed) + percpu_area_base(0), percpu_current_ptr(shadowed));
    check_eq(percpu_symbol_vma(shadowed), &__PERCPU_shadowed);
    check_eq(percpu_read_at(percpu_addr(shadowed)), 6);
    percpu_with_current(shadowed, p) {
        check_eq(*p, 6);
    }
    percpu_reset_to_init(shadowed);
    check_eq(percpu_read(shadowed), 3);
    check_eq(percpu_read(unix_time), 4);
}

TEST(a_variable_may_be_called_like_a_macro)
{
    with_areas(names);
}
#undef shadowed
#undef unix_time

/* -- The compiler sees what an operation changes, and no more ---------------------------------- */

static PERCPU_DEFINE(int, seen) = 1;
static PERCPU_DEFINE(float, real) = 1.5f;
static PERCPU_DEFINE(int[4], four) = {1, 2, 3, 4};

static void visible(size_t cpu, void *unused)
{
    int *p = percpu_current_ptr(seen), *q = *percpu_current_ptr(four);
    int a, b, c;

    (void)unused;
    a = *p;
    percpu_write(seen, a + 1);
    b = *p;
    percpu_write_raw(seen, b + 1);
    c = *p;
    check_eq(a, 1);
    check_eq(b, 2);
    check_eq(c, 3);
    *p = 10;
    check_eq(percpu_read(seen), 10);
    *p = 11;
    check_eq(percpu_read_raw(seen), 11);

    a = q[2];
    percpu_write(four[2], 30);
    b = q[2];
    check_eq(a, 3);
    check_eq(b, 30);
    for (int i = 0; i < 4; i++) {
        percpu_write(four[i], i);
        check_eq(q[i], i);
        q[i] = -i;
        check_eq(percpu_read(four[i]), -i);
    }

    a = *percpu_current_ptr(seen);
    percpu_remote_write(seen, cpu, 12);
    b = *percpu_current_ptr(seen);
    check_eq(a, 11);
    check_eq(b, 12);
    *percpu_remote_ptr(seen, cpu) = 13;
    check_eq(percpu_read(seen), 13);
    check_eq(percpu_remote_read(seen, cpu), 13);
    *percpu_current_ptr(seen) = 14;
    check_eq(percpu_remote_read(seen, cpu), 14);
    percpu_with_current(seen, r) {
        *r = 15;
        check_eq(*p, 15);
        check_eq(percpu_read(seen), 15);
    }
}

static void visible_to_all(size_t bound)
{
    (void)bound;
    on_bound(visible, NULL);
}

TEST(the_compiler_sees_the_change)
{
    with_areas(visible_to_all);
}

/* A loop that polls must read again each time. */
static void poll(size_t cpu, void *unused)
{
    (void)unused;
    if (cpu == 0)
        percpu_for_each(other) {
            percpu_remote_write(seen, other, 99);
        }
    while (percpu_read(seen) != 99)
#if HARNESS_BARE
        machine_relax()
#endif
            ;
}

static void poll_all(size_t bound)
{
    (void)bound;
    on_bound(poll, NULL);
}

TEST(a_polling_loop_ends)
{
    with_areas(poll_all);
}

/* Bytes of any type are copied: floating point is used through pointers. */
static void reals(size_t bound)
{
    uint32_t bits;

    (void)bound;
    memcpy(&bits, percpu_current_ptr(real), sizeof bits);
    check_eq(bits, 0x3fc00000);
}

TEST(any_type_can_be_a_variable)
{
    with_areas(reals);
}

#ifdef PERCPU__IS_REAL
struct rates {
    float single[2];
    double number;
};
static PERCPU_DEFINE(struct rates, rates) = {{1, 0.5f}, 0.25};

/* An operand is converted first, as the other operands are; a float is rounded as one. */
static void add_reals(size_t bound)
{
    struct rates *mine = percpu_current_ptr(rates);
    double sum = 0, sum_of_singles = 0;

    percpu_add(rates.number, 1.5);
    percpu_add(rates.number, -1);
    percpu_add_at(&percpu_addr(rates)->number, percpu_area_num());
    check(mine->number == 0.75 + (double)percpu_area_num());
    percpu_add(rates.single[1], 0.1);
    check(mine->single[1] == 0.5f + 0.1f);
    percpu_add(rates.single[1], 16777216);
    percpu_add(rates.single[1], 1);
    check(mine->single[1] == 16777216.0f);
    check(mine->single[0] == 1);
    percpu_for_each(cpu) {
        sum += percpu_remote_ptr(rates, cpu)->number;
        sum_of_singles += (double)percpu_remote_ptr(rates, cpu)->single[0];
    }
    check(percpu_sum(rates.number) == sum);
    check(percpu_sum_at(&percpu_addr(rates)->number) == sum);
    check(percpu_sum(rates.single[0]) == (float)sum_of_singles);
    mine->number = __builtin_nan("");
    percpu_add(rates.number, 1);
    check(mine->number != mine->number);
    percpu_reset_to_init(rates);
    (void)bound;
}

TEST(reals_are_added_and_summed)
{
    with_areas(add_reals);
}
#endif

/* -- Alignment and kinds of variables ---------------------------------------------------------- */

struct line {
    _Alignas(128) char c;
};

static PERCPU_DEFINE(struct line, line128) = {1};
__attribute__((aligned(4096))) static PERCPU_DEFINE(int, page4096) = 4096;
PERCPU_DECLARE(int, lock);
PERCPU_DEFINE_ISOLATED(int, lock);
static PERCPU_DEFINE_ISOLATED(char, lock2) = 2;
PERCPU_DECLARE_NEAR(word, near_word);
PERCPU_DEFINE_NEAR(word, near_word) = 3;
PERCPU_DEFINE_NEAR(char, near_char) = 4;

static void check_alignment(size_t cpu, void *unused)
{
    (void)unused;
    check_eq((uintptr_t)percpu_current_ptr(line128) % 128, 0);
    check_eq((uintptr_t)percpu_current_ptr(page4096) % 4096, 0);
    check_eq((uintptr_t)percpu_current_ptr(lock) % PERCPU_CACHE_LINE, 0);
    check_eq((uintptr_t)percpu_current_ptr(lock2) % PERCPU_CACHE_LINE, 0);
    check(percpu_remote_ptr(page4096, cpu) == percpu_current_ptr(page4096));
    check_eq(percpu_current_ptr(line128)->c, 1);
    check_eq(percpu_read(page4096), 4096);
    check_eq(percpu_read(lock2), 2);
    check_eq(percpu_read(near_word), 3);
    check_eq(percpu_read(near_char), 4);
}

static void alignment(size_t bound)
{
    (void)bound;
    on_bound(check_alignment, NULL);
    percpu_for_each(cpu) {
        check_eq((uintptr_t)percpu_remote_ptr(line128, cpu) % 128, 0);
        check_eq((uintptr_t)percpu_remote_ptr(page4096, cpu) % 4096, 0);
        check_eq((uintptr_t)percpu_remote_ptr(lock, cpu) % PERCPU_CACHE_LINE, 0);
    }
#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)
    check(percpu_area_layout_expected(1).align >= 4096);
#endif
}

TEST(peer_variables_aligned_to_128_and_4096)
{
    with_areas(alignment);
}

#if HARNESS_BARE && !defined(PERCPU_PLATFORM_SINGLE)
TEST(near_variables_are_near)
{
    check(percpu_offset(near_word) < 2048);
    check(percpu_offset(near_char) < 2048);
}
#endif

/* No other variable in an isolated one's cache line: all others' addresses are elsewhere. */
TEST(isolated_variables_are_alone)
{
    uintptr_t line = percpu_symbol_vma(lock) / PERCPU_CACHE_LINE;
    uintptr_t other[] = {percpu_symbol_vma(lock2),     percpu_symbol_vma(line128),
                         percpu_symbol_vma(page4096),  percpu_symbol_vma(near_word),
                         percpu_symbol_vma(near_char), percpu_symbol_vma(seen),
                         percpu_symbol_vma(narrow),    percpu_symbol_vma(flag)};

    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        check(other[i] / PERCPU_CACHE_LINE != line);
}
