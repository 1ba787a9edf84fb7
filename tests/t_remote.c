/* SPDX-License-Identifier: MIT */
/* Any CPU's data from any CPU. */
#include "areas.h"

#if !HARNESS_BARE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

struct stats {
    word rx;
    uint16_t queue[4];
};

static PERCPU_DEFINE(word, count) = 1;
static PERCPU_DEFINE(struct stats, stats) = {.rx = 2, .queue = {1, 2, 3, 4}};
static PERCPU_DEFINE(bool, flag) = true;
static PERCPU_DEFINE(const char *, name);

/* -- No such CPU ------------------------------------------------------------------------------ */

static void out_of_range(size_t bound)
{
    size_t n = percpu_area_num();
    size_t none[] = {n,
                     n + 1,
                     PERCPU_MAX_CPUS,
                     (size_t)PERCPU_MAX_CPUS + 1,
                     SIZE_MAX / 2,
                     SIZE_MAX / 2 + 1,
                     SIZE_MAX - 1,
                     SIZE_MAX};

    (void)bound;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        check(percpu_remote_ptr(count, none[i]) == NULL);
        check(percpu_remote_ptr(stats.queue[3], none[i]) == NULL);
        check(percpu_remote_ptr_at(percpu_addr(count), none[i]) == NULL);
#ifndef PERCPU_PLATFORM_SINGLE
        check_eq(percpu_area_base(none[i]), 0);
#endif
        check(percpu_init_reg(none[i]) == -PERCPU_ERANGE);
    }
    check(percpu_remote_ptr(count, n - 1) != NULL);
}

TEST(peer_cpu_out_of_range)
{
    with_areas(out_of_range);
}

TEST(remote_ptr_before_init)
{
#if defined(PERCPU_PLATFORM_SINGLE) || defined(PERCPU_PLATFORM_RSEQ)
    check(percpu_remote_ptr(count, 0) == &*percpu_current_ptr(count));
#else
    check(percpu_remote_ptr(count, 0) == NULL);
#endif
}

/* -- Reads and writes -------------------------------------------------------------------------- */

static void check_own(size_t cpu, void *unused)
{
    (void)unused;
    check_eq(percpu_read(count), 100 + cpu);
    check_eq(percpu_read(stats.queue[2]), cpu);
    check_eq(percpu_read(stats.queue[1]), 2);
    check_eq(percpu_read(stats.queue[3]), 4);
    check_eq(percpu_read(flag), cpu % 2 == 0);
    check_eq(percpu_read(name), cpu == 0 ? "zero" : NULL);
    percpu_write(stats.rx, 1000 + cpu);
}

static void remote(size_t bound)
{
    for (size_t cpu = 0; cpu < bound; cpu++) {
        word *p = percpu_remote_ptr(count, cpu);

        check_eq(*p, 1);
        check_eq(p, percpu_area_base(cpu) + percpu_offset(count));
        check(p == percpu_remote_ptr_raw(count, cpu));
        check(p == percpu_remote_ptr_at(percpu_addr(count), cpu));
        check(p == percpu_remote_ptr_raw_at(percpu_addr(count), cpu));
        percpu_remote_write(count, cpu, 100);
        check_eq(percpu_remote_read(count, cpu), 100);
        *p += cpu;
        percpu_remote_write(stats.queue[2], cpu, (uint16_t)cpu);
        percpu_remote_write(flag, cpu, cpu % 2 == 0);
        percpu_remote_write_at(percpu_addr(name), cpu, cpu == 0 ? "zero" : NULL);
    }
    on_bound(check_own, NULL);
    for (size_t cpu = 0; cpu < bound; cpu++) {
        check_eq(percpu_remote_read(stats.rx, cpu), 1000 + cpu);
        check_eq(percpu_remote_read_at(&percpu_addr(stats)->rx, cpu), 1000 + cpu);
        check_eq(percpu_remote_ptr(stats, cpu)->queue[2], cpu);
    }
}

TEST(remote_read_and_write)
{
    with_areas(remote);
}

/* -- Every CPU --------------------------------------------------------------------------------- */

static void each(size_t bound)
{
    size_t n = 0, sum = 0;

    (void)bound;
    percpu_for_each(cpu) {
        check_eq(cpu, n);
        n++;
    }
    check_eq(n, percpu_area_num());
    percpu_for_each(cpu) {
        if (cpu == 1)
            continue;
        if (cpu == 3)
            break;
        sum += cpu + 1;
    }
    check_eq(sum, percpu_area_num() >= 3 ? 1 + 3 : 1);
    percpu_for_each(a)
        percpu_for_each(b)
            n++;
    check_eq(n, percpu_area_num() * (percpu_area_num() + 1));
}

TEST(for_each)
{
    with_areas(each);
}

TEST(for_each_before_init)
{
    size_t n = 0;

    percpu_for_each(cpu)
        n++;
#if defined(PERCPU_PLATFORM_SINGLE) || defined(PERCPU_PLATFORM_RSEQ)
    check_eq(n, percpu_area_num());
#else
    check_eq(n, 0);
#endif
}

#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ) /* no CPU is late there */
/* As percpu_for_each() asks for the next CPU; after the last answer a late CPU gets an area. */
static size_t next_then_late_cpu(size_t from)
{
    size_t n = test_cpus(), next = percpu__next_cpu(from);

    if (from == n)
        check_eq(percpu_init_cpu(n + 2, area_memory(n, 1)), 1);
    return next;
}

#define percpu__next_cpu(from) next_then_late_cpu(from)
TEST(late_cpu_at_the_end_of_a_loop)
{
    size_t n = 0;

    if (!init_here())
        return;
    percpu_for_each(cpu) {
        check(percpu_area_base(cpu) != 0);
        n++;
    }
    check_eq(n, test_cpus());
    check_eq(percpu_area_num(), test_cpus() + 1);
    check_eq(percpu_fini(), 0);
}
#undef percpu__next_cpu
#endif

/* -- No such CPU: percpu_remote_read() and _write() trap --------------------------------------- */

#if !HARNESS_BARE
static PERCPU_DEFINE(word, unreached);
static PERCPU_DEFINE(uint64_t[2], two);
static const char *why;

enum { TRAPPED = 42 };

/* The trap is no asynchronous signal: it interrupts nothing but the access. */
static void trapped(int signal_number)
{
    bool reported = panics_end(why) == IN_DEBUG(1); /* NOLINT(bugprone-signal-handler) */

    (void)signal_number;
    _exit(reported ? TRAPPED : 1);
}

/*
 * In a child, which must trap after the report, and not go on to address 0: 1 read, 2 write, 3 sum
 * of more words than there are.
 */
static void die(int how)
{
    volatile size_t three = 3;
    uint64_t out[3];
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        why = how == 3 ? "fewer words" : "no area";
        panics_begin();
        signal(SIGILL, trapped);
        signal(SIGTRAP, trapped);
        if (how == 1)
            (void)percpu_remote_read(unreached, percpu_area_num());
        else if (how == 3)
            percpu_sum_words(two, three, out);
        else
            percpu_remote_write(unreached, SIZE_MAX, 1);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), TRAPPED);
}

static void no_such_cpu(size_t bound)
{
    (void)bound;
    die(1);
    die(2);
    die(3);
}

TEST(peer_remote_access_out_of_range_traps)
{
    with_areas(no_such_cpu);
}
#endif

/* -- Sums: in the variable's type, modulo 2^n -------------------------------------------------- */

static PERCPU_DEFINE(uint8_t, s_u8);
static PERCPU_DEFINE(int8_t, s_i8);
static PERCPU_DEFINE(uint16_t, s_u16);
static PERCPU_DEFINE(int16_t, s_i16);
static PERCPU_DEFINE(uint32_t, s_u32);
static PERCPU_DEFINE(int, s_int);
static PERCPU_DEFINE(size_t, s_size);

#define SET_ALL(var, value)                                                                        \
    do {                                                                                           \
        percpu_for_each(set) {                                                                     \
            percpu_remote_write(var, set, value);                                                  \
        }                                                                                          \
    } while (0)

#define SAME_TYPE(a, type)                                                                         \
    _Static_assert(__builtin_types_compatible_p(__typeof__(a), type), "the variable's type")

static void sums(size_t bound)
{
    size_t n = percpu_area_num();

    (void)bound;
    SAME_TYPE(percpu_sum(s_u8), uint8_t);
    SAME_TYPE(percpu_sum(s_i16), int16_t);
    SAME_TYPE(percpu_sum(s_int), int);
    SAME_TYPE(percpu_sum(s_size), size_t);

    SET_ALL(s_u8, 200);
    check_eq(percpu_sum(s_u8), (uint8_t)(200 * n));
    SET_ALL(s_i8, -100);
    check_eq(percpu_sum(s_i8), (int8_t)(0 - 100 * n));
    SET_ALL(s_u16, 60000);
    check_eq(percpu_sum(s_u16), (uint16_t)(60000 * n));
    SET_ALL(s_i16, -30000);
    check_eq(percpu_sum(s_i16), (int16_t)(0 - 30000 * n));
    SET_ALL(s_u32, 0xfffffff0);
    check_eq(percpu_sum(s_u32), (uint32_t)(0xfffffff0 * n));
    SET_ALL(s_int, -7);
    check_eq(percpu_sum(s_int), -7 * (int)n);
    SET_ALL(s_size, SIZE_MAX);
    check_eq(percpu_sum(s_size), 0 - n);
    check_eq(percpu_sum_at(percpu_addr(s_size)), 0 - n);

    /* Increments here and decrements there cancel out, as they do for live counters. */
    SET_ALL(s_int, 0);
    percpu_remote_write(s_int, 0, 5);
    percpu_remote_write(s_int, n - 1, percpu_remote_read(s_int, n - 1) - 5);
    check_eq(percpu_sum(s_int), 0);
    check_eq(percpu_sum(stats.queue[3]), (uint16_t)(4 * n));
}

TEST(sum_wraps_in_its_type)
{
    with_areas(sums);
}

#if REMOTE_8_BYTES
static PERCPU_DEFINE(uint64_t, s_u64) = 0x8000000000000001;
static PERCPU_DEFINE(int64_t, s_i64) = -0x7fffffffffffffff;

static void sums_of_8_bytes(size_t bound)
{
    uint64_t n = percpu_area_num();

    (void)bound;
    SAME_TYPE(percpu_sum(s_i64), int64_t);
    check_eq(percpu_sum(s_u64), n * 0x8000000000000001);
    check_eq(percpu_sum(s_i64), 0 - n * 0x7fffffffffffffff);
    percpu_remote_write(s_u64, 0, 0x0123456789abcdef);
    check_eq(percpu_remote_read(s_u64, 0), 0x0123456789abcdef);
    check_eq(percpu_read(s_u64), 0x0123456789abcdef);
}

TEST(remote_8_bytes)
{
    with_areas(sums_of_8_bytes);
}
#endif

/* -- Sums of several words, and what was counted since ----------------------------------------- */

static PERCPU_DEFINE(int16_t, taken) = 100;

static void takes(size_t bound)
{
    int16_t base = 0;
    int16_t n = (int16_t)percpu_area_num();

    (void)bound;
    SAME_TYPE(percpu_take_sum(taken, &base), int16_t);
    check_eq(percpu_take_sum(taken, &base), (int16_t)(100 * n));
    check_eq(percpu_take_sum(taken, &base), 0);
    SET_ALL(taken, 30000); /* wraps */
    check_eq(percpu_take_sum_at(percpu_addr(taken), &base), (int16_t)(29900 * n));
    percpu_sub(taken, 7);
    check_eq(percpu_take_sum(taken, &base), -7);
    check_eq(base, (int16_t)(30000 * n - 7));
}

TEST(take_sum_loses_nothing)
{
    with_areas(takes);
}

static PERCPU_DEFINE(int64_t[9], row) = {-5, -1, 0, 1, 2, 3, 4, 5, 6};

static bool row_is(int64_t first, int64_t by, unsigned count)
{
    static const int64_t initial[9] = {-5, -1, 0, 1, 2, 3, 4, 5, 6};
    bool is = true;

    for (unsigned i = 0; i < 9; i++)
        is = is && percpu_read(row[i]) == initial[i] + (i < count ? first + by * i : 0);
    return is;
}

/* Each word gets its own operand, whatever its sign, and the words behind get none. */
static void each_of_words(size_t bound)
{
    int evaluated = 0;

    (void)bound;
    percpu_add_each(row, 10, 11);
    check(row_is(10, 1, 2));
    percpu_add_each(row, -10, -11);
    percpu_add_each_at(percpu_addr(row), 10, 8, 6);
    check(row_is(10, -2, 3));
    percpu_add_each(row, -10, -8, -6);
    percpu_add_each(row, 1, 1, 1, 1);
    check(row_is(1, 0, 4));
    percpu_add_each_at(&percpu_addr(row)[0][0], -1, -1, -1, -1);
    percpu_add_each(row, 1, 2, 3, 4, 5);
    check(row_is(1, 1, 5));
    percpu_add_each(row, -1, -2, -3, -4, -5, 0);
    check(row_is(0, 0, 6));
    percpu_add_each(row, 7, 6, 5, 4, 3, 2);
    check(row_is(7, -1, 6));
    percpu_add_each(row, -7, -6, -5, -4, -3, -2, 9);
    percpu_add_each(row, 2, 2, 2, 2, 2, 2, -7);
    check(row_is(2, 0, 7));
    percpu_add_each(row, -3, -3, -3, -3, -3, -3, -3, INT64_MIN);
    check_eq(percpu_read(row[7]), INT64_MIN + 5);
    percpu_add_each(row, -1, -2, -3, -4, -5, -6, -7, INT64_MIN);
    check(row_is(-2, -1, 7));
    percpu_add_each(row, ++evaluated, UINT64_MAX);
    check_eq(evaluated, 1);
    check_eq(percpu_read(row[0]), -5 - 2 + 1);
    check_eq(percpu_read(row[1]), -1 - 3 - 1);
}

TEST(add_to_several_words)
{
    with_areas(each_of_words);
}

#if REMOTE_8_BYTES
struct words {
    uint64_t first;
    int64_t second, third;
    uint32_t other;
};
static const struct words three = {UINT64_MAX, -3, 1, 5};
static PERCPU_DEFINE(struct words, words) = {UINT64_MAX, -3, 1, 5};
static PERCPU_DEFINE(uint64_t[2], pair_of_words) = {1, 2};

static void sums_of_words(size_t bound)
{
    uint64_t n = percpu_area_num(), out[4] = {9, 9, 9, 9};
    volatile size_t count = 3;

    (void)bound;
    percpu_inc(words.third);
    percpu_sum_words(words, 2, out);
    check_eq(out[0], n * three.first);
    check_eq(out[1], n * (uint64_t)three.second);
    check_eq(out[2], 9);
    percpu_sum_words_at(percpu_addr(words), count, out);
    check_eq(out[2], n + 1);
    check_eq(out[3], 9);
    percpu_sum_words(pair_of_words, 2, out);
    check_eq(out[0], n);
    check_eq(out[1], 2 * n);
    percpu_sum_words_at(&percpu_addr(words)->second, count - 1, out);
    check_eq(out[0], n * (uint64_t)three.second);
    check_eq(out[1], n + 1);
    percpu_sum_words(words, 0, out);
    check_eq(out[1], n + 1);
}

TEST(sum_of_several_words)
{
    with_areas(sums_of_words);
}
#endif

/* -- A record that is published by its flag ---------------------------------------------------- */

static PERCPU_DEFINE(word, published);
static volatile word record;
#ifndef RECORDS
#define RECORDS 2000
#endif

static void publish_or_read(size_t cpu, void *unused)
{
    word seen = 0;

    (void)unused;
    if (cpu == 0) {
        for (word n = 1; n <= RECORDS; n++) {
            record = n;
            percpu_write_release(published, n);
        }
        percpu_write_release_at(percpu_addr(published), RECORDS + 1);
    } else if (cpu == 1) {
        while (seen <= RECORDS) {
            percpu_for_each(other) { /* rseq: any copy may be the writer's */
                word now = percpu_remote_read_acquire(published, other);

                check(record >= now || now > RECORDS);
                if (now > seen)
                    seen = now;
            }
            wait_a_little();
        }
        check(percpu_remote_read_acquire_at(percpu_addr(published), 0) <= RECORDS + 1);
    }
}

static void publishes(size_t bound)
{
    if (bound > 1)
        on_bound(publish_or_read, NULL);
}

TEST(release_and_acquire)
{
    with_areas(publishes);
}

/* -- Addresses --------------------------------------------------------------------------------- */

static void addresses(size_t bound)
{
    for (size_t cpu = 0; cpu < bound; cpu++) {
        check_eq(percpu_remote_ptr(count, cpu), percpu_area_base(cpu) + percpu_offset(count));
        check_eq(percpu_remote_ptr(stats.queue[2], cpu),
                 percpu_area_base(cpu) + percpu_offset(stats.queue[2]));
    }
    check_eq(percpu_symbol_offset(__PERCPU_count), percpu_offset(count));
#ifdef PERCPU_PLATFORM_RSEQ
    check_eq(percpu_remote_ptr(count, 0), percpu_addr(count));
#else
    check_eq(percpu_symbol_vma(count), percpu_addr(count));
#endif
    check_eq(percpu_offset(stats.queue[2]),
             percpu_offset(stats) + offsetof(struct stats, queue[2]));
    check_eq(percpu_symbol_vma(stats) - percpu_symbol_vma(count),
             percpu_offset(stats) - percpu_offset(count));
#ifndef PERCPU_PLATFORM_SINGLE
    check(percpu_offset(count) + sizeof(word) <= percpu_area_size());
    check_eq(percpu_read_reg(), percpu_area_base(0));
#ifdef PERCPU_ZERO_VMA
    check_eq(percpu_symbol_vma(count), percpu_offset(count));
#endif
#endif
}

TEST(offsets_and_addresses)
{
    with_areas(addresses);
}

/* -- Untorn: a reader never sees half of one value and half of another ------------------------- */

#define PATTERN ((word) - 1 / 0xff) /* 0x0101...01 */
static PERCPU_DEFINE(word, torn) = 0x5a * PATTERN;
static volatile bool stop_writing;

static void tear(size_t cpu, void *data)
{
    size_t writer = *(const size_t *)data;

    if (cpu == writer) {
        for (word i = 0; !stop_writing; i++) {
            percpu_write(torn, (i & 0xff) * PATTERN);
            percpu_reset_to_init(torn);
        }
    } else if (cpu == 0) {
        for (int i = 0; i < 20000; i++) {
            word v = percpu_remote_read(torn, writer);
            if (v != (v & 0xff) * PATTERN) {
                check_eq(v, (v & 0xff) * PATTERN);
                break;
            }
        }
        stop_writing = true;
    }
}

static void tear_all(size_t bound)
{
    size_t writer = bound - 1;

    stop_writing = false;
    if (writer != 0)
        on_bound(tear, &writer);
}

TEST(remote_reads_are_untorn)
{
    with_areas(tear_all);
}
