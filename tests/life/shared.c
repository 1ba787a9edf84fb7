/* SPDX-License-Identifier: MIT */
/*
 * usage: shared MODE
 * rseq: objects that processes share. What children, and theirs, count in them (count), on one CPU
 * (one), and without sequences where all are told that they are on CPU 0 (stale);
 * what percpu_free() takes away, and from whom (free); sizes and alignments (sizes); what
 * happens when the system refuses memory, the N-th time (refused), and mappings become too many,
 * with 1,024 CPUs (many); objects that threads make and give back while others fork (threads).
 * Linked with --wrap=mmap,--wrap=mremap,--wrap=sched_getcpu.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include "hang.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

enum { CHILDREN = 6, ROUNDS = 200000, PAGE = 4096 };

/* A structure with a word of each size. */
struct counters {
    uint64_t added, exchanged, swapped, mixed;
    uint32_t added_32;
    uint16_t added_16;
    uint8_t added_8, set;
};

/* -- The system -------------------------------------------------------------------------------- */

static int maps_left = -1, moves_left = -1; /* -1: as many as one likes */
static int only_one_fails;                  /* of the moves */
static int stale_cpu = -1;                  /* sched_getcpu()'s answer; -1: what is so */
static const char *reported;

void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (maps_left == 0 || (maps_left > 0 && maps_left-- == 0)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(at, size, protection, flags, file, offset);
}

void *__real_mremap(void *at, size_t size, size_t new_size, int flags, ...);
void *__wrap_mremap(void *at, size_t size, size_t new_size, int flags, ...);
void *__wrap_mremap(void *at, size_t size, size_t new_size, int flags, ...)
{
    va_list more;
    void *to;

    va_start(more, flags);
    to = va_arg(more, void *);
    va_end(more);
    CHECK(flags == (MREMAP_MAYMOVE | MREMAP_FIXED));
    if (moves_left == 0) {
        if (only_one_fails)
            moves_left = -1;
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (moves_left > 0)
        moves_left--;
    return __real_mremap(at, size, new_size, flags, to);
}

int __real_sched_getcpu(void);
int __wrap_sched_getcpu(void);
int __wrap_sched_getcpu(void)
{
    return stale_cpu < 0 ? __real_sched_getcpu() : stale_cpu;
}

void percpu_panic(const char *message)
{
    reported = message;
}

/* -- Counting ---------------------------------------------------------------------------------- */

static struct counters PERCPU *alloc_counters(void)
{
    struct counters PERCPU *c =
        (struct counters PERCPU *)percpu_alloc_shared(sizeof(struct counters), 64);

    CHECK(c);
    return c;
}

/* What one process does, `who` of less than 8. */
static void count(struct counters PERCPU *c, unsigned who)
{
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t old = percpu_read_at(&c->swapped), put = i % 7;

        percpu_inc_at(&c->added);
        percpu_inc_at(&c->added_32);
        percpu_inc_at(&c->added_16);
        percpu_inc_at(&c->added_8);
        percpu_xor_at(&c->mixed, i * 0x9e3779b97f4a7c15u);
        percpu_add_at(&c->exchanged, put - percpu_xchg_at(&c->exchanged, 0));
        while (!percpu_try_cmpxchg_at(&c->swapped, &old, old + 1))
            ;
        if (i % 512 == 0)
            sched_yield();
    }
    percpu_or_at(&c->set, (uint8_t)(1u << who));
}

static void check_counts(struct counters PERCPU *c, uint64_t processes)
{
    uint64_t n = processes * ROUNDS, mixed = 0, expected = 0;
    unsigned set = 0;

    for (uint64_t i = 0; i < ROUNDS; i++)
        expected ^= i * 0x9e3779b97f4a7c15u;
    percpu_for_each(cpu) {
        mixed ^= percpu_remote_read_at(&c->mixed, cpu);
        set |= percpu_remote_read_at(&c->set, cpu);
    }
    CHECK(percpu_sum_at(&c->added) == n);
    CHECK(percpu_sum_at(&c->added_32) == (uint32_t)n);
    CHECK(percpu_sum_at(&c->added_16) == (uint16_t)n);
    CHECK(percpu_sum_at(&c->added_8) == (uint8_t)n);
    CHECK(percpu_sum_at(&c->swapped) == n);
    CHECK(mixed == (processes % 2 ? expected : 0));
    CHECK(set == (1u << processes) - 1);
}

/* Children, of whom the first two have one of their own. */
static void test_count(void)
{
    struct counters PERCPU *c = alloc_counters();
    pid_t children[CHILDREN];

    for (unsigned i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            pid_t own = i < 2 ? fork() : -1;

            end_if_it_hangs();
            count(c, own == 0 ? CHILDREN + i : i);
            _exit(own > 0 && !ends_well(own));
        }
    }
    for (unsigned i = 0; i < CHILDREN; i++)
        CHECK(ends_well(children[i]));
    check_counts(c, CHILDREN + 2);
}

static void test_one(void)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    test_count();
}

/* As when each has moved since it was told. */
static void test_stale(void)
{
    CHECK(strstr(percpu_info(), "atomic instructions"));
    stale_cpu = 0;
    test_count();
}

/* -- Giving back ------------------------------------------------------------------------------- */

static void write_everywhere(uint64_t PERCPU *p, uint64_t value)
{
    percpu_for_each(cpu)
        percpu_remote_write_at(p, cpu, value);
}

static bool is_everywhere(uint64_t PERCPU *p, uint64_t value)
{
    percpu_for_each(cpu)
        if (percpu_remote_read_at(p, cpu) != value)
            return false;
    return true;
}

/* Small objects take what is free, up to the one that lies at p. */
static uint64_t PERCPU *fill_up_to(uint64_t PERCPU *p)
{
    for (int i = 0; i < 2 * PAGE; i++) {
        uint64_t PERCPU *small = percpu_alloc(uint64_t);

        CHECK(small);
        if (small == p)
            return small;
    }
    CHECK(!"an object lies there");
    return NULL;
}

/* The child's objects lie where the shared one was, and are the child's. */
static void free_in_child(uint64_t PERCPU *p)
{
    uint64_t PERCPU *small, *next;

    write_everywhere(p + 1, 4);
    percpu_free(p);
    CHECK(!reported);
    percpu_free(p);
    CHECK(reported && strstr(reported, "is free already"));
    small = fill_up_to(p);
    next = fill_up_to(p + 1);
    CHECK(is_everywhere(small, 0) && is_everywhere(next, 0));
    write_everywhere(small, 5);
    write_everywhere(next, 5);
    percpu_free(small);
    percpu_free(next);
    p = percpu_alloc_array(uint64_t, PAGE / sizeof(uint64_t));
    CHECK(p == small);
    write_everywhere(p, 6);
}

static void in_child(void (*f)(uint64_t PERCPU *p), uint64_t PERCPU *p)
{
    pid_t child = fork();

    if (child == 0) {
        end_if_it_hangs();
        f(p);
        _exit(0);
    }
    CHECK(ends_well(child));
}

static void sees_and_writes(uint64_t PERCPU *p)
{
    CHECK(is_everywhere(p, 3) && is_everywhere(p + 1, 4));
    write_everywhere(p, 7);
}

static void test_free(void)
{
    size_t objects = percpu_alloc_stats().objects;
    uint64_t PERCPU *p = (uint64_t PERCPU *)percpu_alloc_shared(PAGE, 8), *other;

    CHECK(p);
    write_everywhere(p, 3);
    in_child(free_in_child, p);
    in_child(sees_and_writes, p);
    CHECK(is_everywhere(p, 7) && is_everywhere(p + 1, 4));
    percpu_free(p);
    CHECK(!reported && percpu_alloc_stats().objects == objects);
    /* Private again: another child's writes are its own. */
    other = (uint64_t PERCPU *)percpu_alloc_bytes(PAGE, PAGE);
    CHECK(other == p && is_everywhere(p, 0) && is_everywhere(p + 1, 0));
    write_everywhere(p, 3);
    write_everywhere(p + 1, 4);
    in_child(sees_and_writes, p);
    CHECK(is_everywhere(p, 3));
    percpu_free(p);
    CHECK(!reported);
}

/* -- Sizes ------------------------------------------------------------------------------------- */

static void test_sizes(void)
{
    static const size_t sizes[] = {1, 8, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE, 1 << 20};
    static const struct {
        size_t size, align;
    } wrong[] = {{0, 8},
                 {8, 0},
                 {8, 3},
                 {8, 24},
                 {8, 3 * PAGE},
                 {8, 1 << 17},
                 {(1 << 20) + 1, 8},
                 {SIZE_MAX, 8},
                 {SIZE_MAX - 4094, 8},
                 {SIZE_MAX / 2, 8}};
    uint64_t PERCPU *dirty = percpu_alloc_array(uint64_t, (1 << 20) / sizeof(uint64_t));
    struct percpu_alloc_usage before;

    CHECK(dirty);
    for (size_t i = 0; i < 1 << 17; i += 64)
        write_everywhere(dirty + i, ~(uint64_t)0);
    percpu_free(dirty);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        for (size_t align = 1; align <= 65536; align *= 2) {
            size_t pages = (sizes[i] + PAGE - 1) & ~(size_t)(PAGE - 1);
            char PERCPU *p = (char PERCPU *)percpu_alloc_shared(sizes[i], align);

            CHECK(p && percpu_alloc_size(p) == pages);
            percpu_for_each(cpu) {
                const char *copy = percpu_remote_ptr_at(p, cpu);

                CHECK((uintptr_t)copy % align == 0);
                for (size_t at = 0; at < pages; at++)
                    CHECK(copy[at] == 0);
            }
            percpu_free(p);
        }
    before = percpu_alloc_stats();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        CHECK(!percpu_alloc_shared(wrong[i].size, wrong[i].align));
    CHECK(percpu_alloc_stats().objects == before.objects &&
          percpu_alloc_stats().used == before.used);
    CHECK(!reported);
}

/* -- Refusals ---------------------------------------------------------------------------------- */

static void test_refused(void)
{
    uint64_t PERCPU *p = percpu_alloc(uint64_t); /* there is a piece */
    size_t areas = percpu_area_num();
    struct percpu_alloc_usage before = percpu_alloc_stats();

    maps_left = 0;
    CHECK(!percpu_alloc_shared(8, 8));
    maps_left = -1;
    CHECK(percpu_alloc_stats().used == before.used);
    /* All areas but one: their pages are private again. */
    for (int n = 1; n < (int)areas; n++) {
        uint64_t PERCPU *other = (uint64_t PERCPU *)percpu_alloc_bytes(PAGE, PAGE);

        CHECK(other);
        percpu_free(other); /* and comes again */
        only_one_fails = 1;
        moves_left = n;
        CHECK(!percpu_alloc_shared(8, 8));
        only_one_fails = 0;
        CHECK(percpu_alloc_stats().used == before.used);
        CHECK((uint64_t PERCPU *)percpu_alloc_bytes(PAGE, PAGE) == other);
        write_everywhere(other, 3);
        write_everywhere(other + 1, 4);
        in_child(sees_and_writes, other);
        CHECK(is_everywhere(other, 3));
        percpu_free(other);
    }
    /* Some areas, and no more: the object's place is lost. */
    for (int n = 0; n < (int)areas; n++) {
        moves_left = n;
        CHECK(!percpu_alloc_shared(8, 8));
        if (n == 0)
            CHECK(percpu_alloc_stats().used == before.used);
    }
    moves_left = -1;
    percpu_free(p);

    p = (uint64_t PERCPU *)percpu_alloc_shared(8, 8);
    CHECK(p && !reported);
    write_everywhere(p, 3);
    maps_left = 0;
    percpu_free(p);
    CHECK(reported && strstr(reported, "no private memory is left"));
    CHECK(is_everywhere(p, 3) && percpu_alloc_size(p) == PAGE);
    maps_left = -1;
    for (int n = 0; n < (int)areas; n++) {
        reported = NULL;
        moves_left = n;
        percpu_free(p);
        CHECK(reported && strstr(reported, "no private memory is left"));
        CHECK(percpu_alloc_size(p) == PAGE);
    }
    moves_left = -1;
    reported = NULL;
    percpu_free(p);
    CHECK(!reported);
}

static unsigned mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned lines = 0;

    CHECK(maps);
    for (int c; (c = fgetc(maps)) != EOF;)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

static void test_many(void)
{
    enum { MOST = 64 };
    void PERCPU *p[MOST];
    unsigned n = 0, before = mappings();

    CHECK(percpu_area_num() == 1024);
    while (n < MOST && (p[n] = percpu_alloc_shared(8, 8)) != NULL)
        n++;
    CHECK(n > 10 && n < MOST && mappings() - before <= 32768);
    for (int i = 0; i < MOST; i++) { /* what is given back can be had again */
        percpu_free(p[n - 1]);
        p[n - 1] = percpu_alloc_shared(8, 8);
        CHECK(p[n - 1]);
    }
    while (n > 0)
        percpu_free(p[--n]);
    CHECK(!reported && mappings() - before < 8 * 1024);
}

/* -- Threads ----------------------------------------------------------------------------------- */

static volatile int enough;

static void *make_and_give_back(void *unused)
{
    while (!enough) {
        uint64_t PERCPU *p = (uint64_t PERCPU *)percpu_alloc_shared(PAGE, 8);

        CHECK(p && is_everywhere(p, 0) && is_everywhere(p + 511, 0));
        write_everywhere(p, 1);
        write_everywhere(p + 511, 1);
        percpu_free(p);
    }
    return unused;
}

/* A child forked at any moment has a heap in order, and memory that is its own. */
static void allocate_in_child(uint64_t PERCPU *unused)
{
    uint64_t PERCPU *p[8];

    (void)unused;
    for (uint64_t i = 0; i < 8; i++) {
        p[i] = percpu_alloc_array(uint64_t, 512);
        CHECK(p[i] && is_everywhere(p[i], 0) && is_everywhere(p[i] + 511, 0));
        write_everywhere(p[i], i);
        write_everywhere(p[i] + 511, i);
    }
    sched_yield();
    for (uint64_t i = 0; i < 8; i++)
        CHECK(is_everywhere(p[i], i) && is_everywhere(p[i] + 511, i));
    CHECK(!reported);
}

static void test_threads(void)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, make_and_give_back, NULL) == 0);
    for (int i = 0; i < 100; i++)
        in_child(allocate_in_child, NULL);
    enough = 1;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(!reported);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {{"count", test_count}, {"one", test_one},        {"stale", test_stale},
                 {"free", test_free},   {"sizes", test_sizes},    {"refused", test_refused},
                 {"many", test_many},   {"threads", test_threads}};

    end_if_it_hangs();
    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
        if (argc > 1 && strcmp(argv[1], tests[i].name) == 0) {
            tests[i].test();
            return right();
        }
    return 2;
}
