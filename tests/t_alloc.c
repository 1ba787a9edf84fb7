/* SPDX-License-Identifier: MIT */
/*
 * Dynamic memory, against a model that is a list of objects. Each body runs once for each kind of
 * memory that the platform has.
 */
#include "areas.h"

#include <percpu/alloc.h>

#include <stdatomic.h>

#if !HARNESS_BARE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#if defined(PERCPU_PLATFORM_BARE) || defined(PERCPU_PLATFORM_THREAD)
#define HAS_AREAS 1
#else
#define HAS_AREAS 0
#endif

#define PAGE ((size_t)4096)
#define RESERVE ((size_t)64 * 1024)

/* -- Memory ------------------------------------------------------------------------------------ */

#if HAS_AREAS || HARNESS_BARE
/* Of this many CPUs: an area with a reserve, and a block as long as that. */
#define CPUS 4
#define SLOT (3 * RESERVE)

static unsigned char *arena(void)
{
#if HARNESS_BARE
    static _Alignas(PAGE) unsigned char bytes[(CPUS + 2) * SLOT];
#else
    static unsigned char *bytes;
    if (!bytes)
        bytes = aligned_alloc(PAGE, (size_t)(CPUS + 2) * SLOT);
    if (!bytes)
        abort();
#endif
    return memset(bytes, 0xa5, (size_t)(CPUS + 2) * SLOT);
}
#endif

static void finish(void)
{
#ifndef PERCPU_PLATFORM_RSEQ
    check_eq(percpu_fini(), 0);
#endif
}

/* In place, or from the system; then in the caller's memory; then in a block. */
static void with_memory(void (*body)(void))
{
#ifdef PERCPU_PLATFORM_RSEQ
    body();
#else
    check(percpu_init_in_place() > 0);
#if HARNESS_BARE && defined(PERCPU_PLATFORM_SINGLE)
    check_eq(percpu_alloc_add_block(arena(), SLOT), 0);
#endif
    body();
    finish();
#endif
#if HAS_AREAS
    struct percpu_layout layout = percpu_area_layout_expected_with(CPUS, RESERVE);
    if (check(layout.size <= (CPUS + 2) * SLOT && layout.align == PAGE)) {
        check_eq(percpu_init_with(arena(), CPUS, RESERVE), CPUS);
        body();
        finish();
    }
    unsigned char *base = arena();
    for (size_t cpu = 0; cpu < CPUS; cpu++)
        check_eq(percpu_init_cpu(cpu, base + cpu * SLOT), 1);
    check(percpu_alloc_bytes(8, 8) == NULL);
    check_eq(percpu_alloc_add_block(base + 2 * RESERVE, RESERVE), 0);
    body();
    finish();
#endif
}

static size_t areas(void)
{
    size_t n = 0;
    percpu_for_each(cpu)
        n++;
    return n;
}

static unsigned char *copy(void PERCPU *p, size_t cpu)
{
    return percpu_remote_ptr_raw_at((unsigned char PERCPU *)p, cpu);
}

static bool same(struct percpu_alloc_usage a, struct percpu_alloc_usage b)
{
    return a.objects == b.objects && a.used == b.used && a.reserved == b.reserved &&
           a.largest_free == b.largest_free;
}

static size_t rounded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* On rseq one object takes 1 MiB at most, and a piece of memory has room for a few of them. */
#ifdef PERCPU_PLATFORM_RSEQ
enum { LARGE = 1 << 20, FILLERS = 2048 };
#else
enum { LARGE = 4 << 20, FILLERS = 1 };
#endif

/* Objects that leave this much free; called again, the first of them is another size. */
static struct {
    void PERCPU *object[FILLERS];
    size_t count, used;
} rest;

static void leave(size_t bytes)
{
    size_t all = 0;

#ifdef PERCPU_PLATFORM_RSEQ
    bool is_full = rest.count > 0;
    while (!is_full && check(rest.count < FILLERS) &&
           ((rest.object[rest.count] = percpu_alloc_bytes(LARGE, 8)) != NULL ||
            ((all = percpu_alloc_stats().largest_free) != 0 &&
             (rest.object[rest.count] = percpu_alloc_bytes(all, 8)) != NULL)))
        rest.count++;
#else
    rest.count = 1;
#endif
    percpu_free(rest.object[0]);
    all = percpu_alloc_stats().largest_free;
    rest.object[0] = percpu_alloc_bytes(all - bytes, 8);
    rest.used = 0;
    for (size_t i = 0; i < rest.count; i++) {
        check(rest.object[i] != NULL);
        rest.used += percpu_alloc_size(rest.object[i]);
    }
    check_eq(percpu_alloc_stats().largest_free, bytes);
}

static void give_rest(void)
{
    while (rest.count > 0)
        percpu_free(rest.object[--rest.count]);
    rest.object[0] = NULL;
    rest.used = 0;
}

/* -- The interface ----------------------------------------------------------------------------- */

struct pair {
    word a, b;
};

static void interface(void)
{
    struct percpu_alloc_usage before = percpu_alloc_stats();
    word PERCPU *w = percpu_alloc(word);
    struct pair PERCPU *pairs = percpu_alloc_array(struct pair, 5);
    unsigned char PERCPU *byte = percpu_alloc_bytes(1, 1);
    word sum = 0;

    check_eq(before.objects, 0);
    check_eq(before.used, 0);
    if (!check(w != NULL && pairs != NULL && byte != NULL))
        return;
    check_eq(percpu_alloc_size(w), 8);
    check_eq(percpu_alloc_size(pairs), rounded(5 * sizeof(struct pair)));
    check_eq(percpu_alloc_size(byte), 8);
    check_eq(percpu_alloc_size(NULL), 0);
    check_eq(percpu_alloc_stats().objects, 3);
    check_eq(percpu_alloc_stats().used, 16 + rounded(5 * sizeof(struct pair)));
    percpu_for_each(cpu) {
        check_eq(percpu_remote_read_at(w, cpu), 0);
        percpu_remote_write_at(w, cpu, cpu + 1);
        percpu_remote_write_at(&pairs[4].b, cpu, 10 * cpu);
        percpu_remote_write_at(byte, cpu, (unsigned char)cpu);
        sum += cpu + 1;
    }
    check_eq(percpu_sum_at(w), sum);
    check_eq(percpu_sum_at(&pairs[4].b), 10 * (sum - areas()));
    check_eq(percpu_sum_at(&pairs[4].a), 0);
    percpu_free(pairs);
    percpu_free(NULL);
    check_eq(percpu_sum_at(w), sum);
    percpu_free(w);
    percpu_free(byte);
    check(same(before, percpu_alloc_stats()));
}

TEST(alloc_interface)
{
    with_memory(interface);
}

/* Operations on the current CPU reach what other CPUs see there. */
static word PERCPU *counter;

static void count(size_t cpu, void *unused)
{
    (void)unused;
    for (word i = 0; i < 100 + cpu; i++)
        percpu_inc_at(counter);
    check_eq(percpu_read_at(counter), 100 + cpu);
    check_eq(percpu_add_return_at(counter, 2), 102 + cpu);
    percpu_with_current_at(counter, p) {
        check_eq(*p, 102 + cpu);
    }
}

static void operations(size_t bound)
{
    counter = percpu_alloc(word);
    if (!counter) { /* percpu_init() without a reserve; a freestanding single system */
        check((HAS_AREAS || HARNESS_BARE) && percpu_alloc_stats().reserved == 0);
        return;
    }
    on_bound(count, NULL);
    for (size_t cpu = 0; cpu < bound; cpu++)
        check_eq(percpu_remote_read_at(counter, cpu), 102 + cpu);
    percpu_free(counter);
}

TEST(alloc_operations)
{
    with_areas(operations);
}

static void refused(void)
{
    static const size_t bad_align[] = {0, 3, 24, 6000, SIZE_MAX};
    struct percpu_alloc_usage before = percpu_alloc_stats();
    volatile size_t many = SIZE_MAX / sizeof(struct pair) + 2; /* times the size: a small number */

    for (size_t i = 0; i < sizeof bad_align / sizeof *bad_align; i++)
        check(percpu_alloc_bytes(8, bad_align[i]) == NULL);
    check(percpu_alloc_bytes(0, 8) == NULL);
    check(percpu_alloc_bytes(SIZE_MAX, 1) == NULL);
    check(percpu_alloc_bytes(SIZE_MAX - 6, 8) == NULL);
    check(percpu_alloc_bytes(SIZE_MAX / 2 + 1, PAGE) == NULL);
    check(percpu_alloc_bytes(before.largest_free + 1, 1) == NULL);
    check(percpu_alloc_bytes(8, SIZE_MAX / 2 + 1) == NULL);
    check(percpu_alloc_array(struct pair, many) == NULL);
    check(percpu_alloc_array(struct pair, SIZE_MAX) == NULL);
    check(percpu_alloc_array(struct pair, 0) == NULL);
    check(same(before, percpu_alloc_stats()));
}

TEST(alloc_refused)
{
    with_memory(refused);
}

/* An alignment that there is, is there on each CPU. */
static void aligned(void)
{
    for (size_t align = 1; align <= (size_t)1 << 24; align *= 2) {
        void PERCPU *p = percpu_alloc_bytes(8, align);

        check(p != NULL || align > PAGE);
        if (p)
            percpu_for_each(cpu)
                check_eq((uintptr_t)copy(p, cpu) & (align - 1), 0);
        percpu_free(p);
    }
}

TEST(alloc_alignments)
{
    with_memory(aligned);
}

#if !HARNESS_BARE || !defined(PERCPU_PLATFORM_SINGLE)
TEST(alloc_without_memory)
{
#if HAS_AREAS
    check(percpu_alloc(word) == NULL); /* before percpu_init*() */
    check_eq(percpu_alloc_add_block(arena(), RESERVE), -PERCPU_ENOTINIT);
    check_eq(percpu_alloc_stats().reserved, 0);
    check(init_here());
    check(percpu_alloc(word) == NULL); /* no reserve */
    check_eq(percpu_alloc_stats().reserved, 0);
    check_eq(percpu_fini(), 0);
#else
    word PERCPU *p = percpu_alloc(word); /* rseq, single: from the start on */
    check(p != NULL);
    percpu_free(p);
#endif
}
#endif

/* -- Against the model ------------------------------------------------------------------------- */

#define MODEL_MAX 128

static struct object {
    void PERCPU *p;
    size_t size;
    unsigned char mark;
} model[MODEL_MAX];
static size_t model_count, model_used;

static uint32_t dice_state;
static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(dice_state >> 8) * sides) >> 24);
}

/* Each byte of each copy, or, of large objects, the ends. */
static bool holds(const struct object *o, bool fresh)
{
    percpu_for_each(cpu) {
        unsigned char want = fresh ? 0 : (unsigned char)(o->mark + cpu);
        const unsigned char *bytes = copy(o->p, cpu);
        for (size_t i = 0; i < o->size; i++) {
            if (bytes[i] != want)
                return false;
            if (!fresh && i == 200 && o->size > 400)
                i = o->size - 200;
        }
    }
    return true;
}

static void mark(struct object *o)
{
    percpu_for_each(cpu)
        memset(copy(o->p, cpu), o->mark + (int)cpu, o->size);
}

static bool apart(const struct object *o)
{
    uintptr_t at = (uintptr_t)o->p;
    for (size_t i = 0; i < model_count; i++)
        if (at < (uintptr_t)model[i].p + model[i].size && (uintptr_t)model[i].p < at + o->size)
            return false;
    return true;
}

static size_t some_size(void)
{
    switch (dice(8)) {
    case 0: return 1 + dice(8);
    case 1: return 64;
    case 2: return 1 + dice(5000);
    default: return 1 + dice(400);
    }
}

static void model_take(void)
{
    struct object *o = &model[model_count];
    size_t align = dice(4) == 0 ? (size_t)1 << dice(13) : 8;

    if (model_count == MODEL_MAX)
        return;
    *o = (struct object){NULL, some_size(), (unsigned char)dice(256)};
    o->p = percpu_alloc_bytes(o->size, align);
    if (!o->p) {
        check(model_count > 0);
        check(align > 8 || percpu_alloc_stats().largest_free < o->size);
        return;
    }
    percpu_for_each(cpu)
        check_eq((uintptr_t)copy(o->p, cpu) & (align - 1), 0);
    check(apart(o));
    check(holds(o, true));
    check_eq(percpu_alloc_size(o->p), rounded(o->size));
    mark(o);
    model_used += rounded(o->size);
    model_count++;
}

static void model_give(size_t i)
{
    check(holds(&model[i], false));
    percpu_free(model[i].p);
    model_used -= rounded(model[i].size);
    model[i] = model[--model_count];
}

static void model_stats(void)
{
    struct percpu_alloc_usage s = percpu_alloc_stats();
    void PERCPU *p;

    check_eq(s.objects, model_count);
    check_eq(s.used, model_used);
    check(s.committed >= s.used && s.committed <= s.reserved);
    check(s.largest_free <= s.reserved - s.used);
    check(percpu_alloc_bytes(s.largest_free + 8, 8) == NULL);
    if (s.largest_free == 0)
        return;
    p = percpu_alloc_bytes(s.largest_free, 8);
    check(p != NULL);
    percpu_free(p);
    check(same(s, percpu_alloc_stats()));
}

static void random_calls(void)
{
    struct percpu_alloc_usage before = percpu_alloc_stats();
    unsigned steps = HARNESS_BARE ? 1000 : 4000;
    bool fills = false;
    /* Where there is much, a part of it, so that it runs out, too. */
    if (before.largest_free > RESERVE)
        leave(RESERVE);

    model_count = 0;
    model_used = rest.used;
    for (unsigned i = 0; i < steps; i++) {
        if (i % 100 == 0)
            fills = !fills;
        if (dice(10) < (fills ? 7u : 4u))
            model_take();
        else if (model_count > 0)
            model_give(dice((uint32_t)model_count));
        if (i % 50 == 0) {
            model_count += rest.count;
            model_stats();
            model_count -= rest.count;
        }
    }
    while (model_count > 0)
        model_give(model_count - 1);
    give_rest();
    check(same(before, percpu_alloc_stats()));
}

TEST(alloc_random)
{
    dice_state = 1;
    with_memory(random_calls);
}

#if !HARNESS_BARE
/* Up to the largest, aligned to pages. Not where there is a reserve of 64 KiB. */
static void large(void)
{
    struct percpu_alloc_usage before = percpu_alloc_stats();

    if (before.reserved < 16u << 20)
        return;
    for (size_t size = 1; size <= LARGE; size = size * 2 + (size * 2 < LARGE)) {
        struct object o = {percpu_alloc_bytes(size, PAGE), size, 7};
        if (!check(o.p != NULL))
            return;
        check(holds(&o, true));
        mark(&o);
        check(holds(&o, false));
        check_eq(percpu_alloc_size(o.p), rounded(size));
        percpu_free(o.p);
        check(same(before, percpu_alloc_stats()));
    }
    /* What is free in large runs goes back to the system. */
    check(percpu_alloc_stats().committed < 2u << 20);
#ifdef PERCPU_PLATFORM_RSEQ
    check(percpu_alloc_bytes(LARGE + 1, 8) == NULL);
    check(same(before, percpu_alloc_stats()));
#endif
}

TEST(alloc_large)
{
    with_memory(large);
}

/* The program's private memory, in bytes. */
static size_t written_memory(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    char line[128];
    size_t kib = 0;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Private_Dirty: %zu kB", &kib) == 1)
            break;
    if (file)
        fclose(file);
    check(kib != 0);
    return kib * 1024;
}

/* A sanitizer writes to memory of its own. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLACK ((size_t)1024 * 1024)
#endif
#endif
#ifndef SLACK
#define SLACK ((size_t)64 * 1024)
#endif

/* What one CPU writes takes memory for that CPU, also where objects are made again. */
TEST(alloc_commits_what_is_written)
{
    enum { N = 50 };
    unsigned char PERCPU *p[N], PERCPU *big;
    size_t before = 0;

#ifndef PERCPU_PLATFORM_RSEQ
    check(percpu_init_in_place() > 0);
#endif
    (void)written_memory();
    /* Round 0 is an emulator's: it translates what runs for the first time, into memory. */
    for (int round = 0; round < 3; round++) {
        if (round < 2)
            before = written_memory();
        for (int i = 0; i < N; i++) {
            p[i] = percpu_alloc_bytes(PAGE, 8);
            check(p[i] != NULL);
            memset(copy(p[i], 0), 1, PAGE);
        }
        check(round == 0 || written_memory() <= before + (size_t)N * PAGE + SLACK);
        for (int i = 0; i < N; i++)
            percpu_free(p[i]);
        big = percpu_alloc_bytes(LARGE, 8);
        memset(copy(big, 0), 1, LARGE);
        check(written_memory() + (size_t)2 * SLACK >= before + LARGE);
        percpu_free(big);
        check(round == 0 || written_memory() <= before + (size_t)2 * SLACK);
    }
    finish();
}
#endif

/* -- Exhaustion -------------------------------------------------------------------------------- */

/* With room for exactly the first n objects, allocation n fails and changes nothing. */
static void exhaustion(void)
{
    enum { N = 24 };
    void PERCPU *p[N];
    size_t sizes[N];
    struct percpu_alloc_usage before = percpu_alloc_stats(), full;

    for (size_t n = 0; n < N; n++)
        sizes[n] = 8 * (1 + (n * 37) % 41);
    for (size_t n = 0, room = 0; n < N; room += sizes[n++]) {
        leave(room);
        for (size_t i = 0; i < n; i++) {
            p[i] = percpu_alloc_bytes(sizes[i], 8);
            check(p[i] != NULL);
        }
        full = percpu_alloc_stats();
        check_eq(full.largest_free, 0);
        check(percpu_alloc_bytes(sizes[n], 8) == NULL);
        check(percpu_alloc_bytes(1, 1) == NULL);
        check(same(full, percpu_alloc_stats()));
        for (size_t i = 0; i < n; i++)
            percpu_free(p[n - 1 - i]);
    }
    give_rest();
    check(same(before, percpu_alloc_stats()));
}

TEST(alloc_exhaustion)
{
    with_memory(exhaustion);
}

/* -- Misuse: reported in every build ----------------------------------------------------------- */

static bool says_address(const char *message, uintptr_t p)
{
    char text[3 + 2 * sizeof p + 2], *end = text + sizeof text;

    *--end = 0;
    *--end = ')';
    do
        *--end = "0123456789abcdef"[p & 15];
    while ((p >>= 4) != 0);
    *--end = 'x';
    *--end = '0';
    return string_contains(message, end);
}

/* percpu_panic() says `what`, and the address. */
static void check_report(void (*call)(void PERCPU *p), void PERCPU *p, const char *what)
{
    struct percpu_alloc_usage before = percpu_alloc_stats();

    panics_begin();
    call(p);
    check_eq(panics_end(what), 1);
    check(says_address(panic_last(), (uintptr_t)p));
    check(same(before, percpu_alloc_stats()));
}

static void call_size(void PERCPU *p)
{
    check_eq(percpu_alloc_size(p), 0);
}

static void misuse(void)
{
    unsigned char PERCPU *a = percpu_alloc_bytes(100, 8), PERCPU *b = percpu_alloc_bytes(200, 8);
    unsigned char PERCPU *c = percpu_alloc_bytes(8, 8);
    unsigned char local;

    check_report(percpu_free, a + 1, "inside of an object");
    check_report(percpu_free, a + 8, "inside of an object");
    check_report(percpu_free, b + 199, "inside of an object");
    check_report(percpu_free, b + 192, "inside of an object"); /* its last granule */
    check_report(call_size, b + 64, "inside of an object");
    check_report(percpu_free, &local, "was never allocated");
#ifndef PERCPU_PLATFORM_RSEQ                                 /* where other tests have been there */
    check_report(percpu_free, c + 8, "was never allocated"); /* behind the last one */
#endif
    percpu_free(b);
    check_report(percpu_free, b, "is free already");
    check_report(call_size, b, "is free already");
    check_report(percpu_free, b + 8, "is free already");
    percpu_free(a);
    check_report(percpu_free, b, "is free already"); /* now in the middle of a run */
    percpu_free(c);
    check_report(percpu_free, c, "is free already");
}

/* A report's text stays for a while: a handler may keep it. */
static void keep_reports(void)
{
    void PERCPU *a = percpu_alloc_bytes(8, 8), PERCPU *b = percpu_alloc_bytes(8, 8);
    const char *of_a;

    percpu_free(a);
    percpu_free(b);
    panics_begin();
    percpu_free(a);
    of_a = panic_last();
    percpu_free(b);
    check(says_address(of_a, (uintptr_t)a) && says_address(panic_last(), (uintptr_t)b));
    check_eq(panics_end("is free already"), 2);
}

TEST(alloc_reports_stay)
{
    with_memory(keep_reports);
}

TEST(alloc_misuse)
{
    with_memory(misuse);
}

#ifndef PERCPU_PLATFORM_RSEQ
TEST(alloc_leak)
{
    void PERCPU *p;

    check(percpu_init_in_place() > 0);
#if HARNESS_BARE && defined(PERCPU_PLATFORM_SINGLE)
    check_eq(percpu_alloc_add_block(arena(), SLOT), 0);
#endif
    percpu_free(percpu_alloc_bytes(40, 8));
    p = percpu_alloc_bytes(24, 16);
    check(percpu_alloc_bytes(24, 16) != NULL); /* of which there is no report */
    panics_begin();
    check_eq(percpu_fini(), 0);
    check_eq(panics_end("percpu_fini"), IN_DEBUG(1));
#ifdef PERCPU_DEBUG
    check(says_address(panic_last(), (uintptr_t)p));
#endif
    /* All is new again. */
    check(p != NULL);
    check(percpu_init_in_place() > 0);
    check_eq(percpu_alloc_stats().objects, 0);
    check_eq(percpu_fini(), 0);
}
#endif

#if !HARNESS_BARE

#ifndef PERCPU_PLATFORM_SINGLE
static void protect(void PERCPU *const *p, size_t n, int protection)
{
    for (size_t i = 0; i < n; i++)
        percpu_for_each(cpu) {
            if (cpu != 0) /* whose copy has the heap's lists in it */
                check_eq(mprotect(copy(p[i], cpu), PAGE, protection), 0);
        }
}

/* An object is zeroed again only where something was written: a write to these pages is a fault. */
TEST(alloc_again_commits_nothing)
{
    enum { N = 50 };
    void PERCPU *p[N], PERCPU *again[N], PERCPU *end;

#ifndef PERCPU_PLATFORM_RSEQ
    check(percpu_init_in_place() > 0);
#endif
    for (int i = 0; i < N; i++)
        p[i] = percpu_alloc_bytes(PAGE, PAGE);
    end = percpu_alloc_bytes(8, 8); /* what is before it stays in lists */
    protect(p, N, PROT_READ);
    for (int i = 0; i < N; i++)
        percpu_free(p[i]);
    for (int i = 0; i < N; i++)
        again[i] = percpu_alloc_bytes(PAGE, PAGE);
    check(memcmp(p, again, sizeof p) == 0);
    protect(p, N, PROT_READ | PROT_WRITE);
    for (int i = 0; i < N; i++)
        percpu_free(again[i]);
    percpu_free(end);
    finish();
}
#endif

/* What the system has got before is forgotten when the end of the block becomes free: its bits. */
TEST(alloc_forgets_the_end)
{
    struct percpu_alloc_usage before;
    void PERCPU *large, PERCPU *end;

#ifndef PERCPU_PLATFORM_RSEQ
    check(percpu_init_in_place() > 0);
#endif
    before = percpu_alloc_stats();
    check(before.reserved > 0); /* though nobody has allocated yet */
    large =
        percpu_alloc_bytes(before.largest_free < 1 << 22 ? before.largest_free / 2 : 1 << 22, 8);
    end = percpu_alloc_bytes(8, 8);
#ifndef PERCPU_PLATFORM_RSEQ /* where other tests have been there */
    check(percpu_alloc_stats().metadata > before.metadata);
#endif
    percpu_free(large);
    percpu_free(end);
    check(percpu_alloc_stats().metadata < before.metadata + PAGE);
    finish();
}

/* Where the system does not take pages, and says so, they hold what they held. */
TEST(alloc_pages_that_stay)
{
    struct sock_filter refuse[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof refuse / sizeof *refuse, refuse};
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        struct object o = {NULL, LARGE, 7};

#ifndef PERCPU_PLATFORM_RSEQ
        (void)!percpu_init_in_place();
#endif
        /* Without filters (qemu-user) the pages go. */
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
            (void)!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
        o.p = percpu_alloc_bytes(LARGE, 8);
        mark(&o);
        percpu_free(o.p);
        o.p = percpu_alloc_bytes(LARGE, 8);
        _exit(!o.p || !holds(&o, true));
    }
    check(child > 0 && waitpid(child, &status, 0) == child);
    check_eq(status, 0);
}

#endif

#if !HARNESS_BARE && !defined(PERCPU_PLATFORM_RSEQ)

enum { TRAPPED = 42 };

/* The trap is no asynchronous signal: it interrupts nothing but the allocator. */
static void trapped(int signal_number)
{
    bool reported =
        panics_end("written after percpu_free") == 1; /* NOLINT(bugprone-signal-handler) */

    (void)signal_number;
    _exit(reported ? TRAPPED : 1);
}

/* What was free is told where the next run is, or, at its end, how long it was. */
static void lie(unsigned char PERCPU *p, size_t offset, uint32_t value)
{
    memcpy(copy(p, 0) + offset, &value, sizeof value);
}

/*
 * Of two free runs of 64 bytes the first is told that the next one is at granule 1, which is an
 * object. Once it is taken that is the head of their list.
 */
static void make_false_head(void)
{
    unsigned char PERCPU *a, PERCPU *b;

    (void)!percpu_alloc_bytes(64, 8);
    a = percpu_alloc_bytes(64, 8);
    (void)!percpu_alloc_bytes(8, 8);
    b = percpu_alloc_bytes(64, 8);
    (void)!percpu_alloc_bytes(8, 8);
    percpu_free(a);
    percpu_free(b);
    lie(b, 0, 1);
    (void)!percpu_alloc_bytes(64, 8);
}

static void take_false_head(void)
{
    make_false_head();
    (void)!percpu_alloc_bytes(64, 8);
}

static void take_larger_false_head(void)
{
    make_false_head();
    (void)!percpu_alloc_bytes(40, 8);
}

/* Nothing else is left where an alignment could be found. */
static void find_false_head(void)
{
    make_false_head();
    for (size_t size = (size_t)1 << 30; size > 64; size /= 2)
        while (percpu_alloc_bytes(size, 8))
            ;
    (void)!percpu_alloc_bytes(64, PAGE);
}

/* The last run is said to be longer than it is, so that it begins within an object. */
static void grow_false_run(void)
{
    unsigned char PERCPU *last;

    (void)!percpu_alloc_bytes(200, 8);
    last = percpu_alloc_bytes(64, 8);
    percpu_free(last);
    lie(last, 60, 16);
    (void)!percpu_alloc_bytes(1000, 8);
}

/* The same of a run before an object that is given back. */
static void join_false_run(void)
{
    unsigned char PERCPU *run, PERCPU *object;

    (void)!percpu_alloc_bytes(200, 8);
    run = percpu_alloc_bytes(64, 8);
    object = percpu_alloc_bytes(64, 8);
    (void)!percpu_alloc_bytes(8, 8);
    percpu_free(run);
    lie(run, 60, 16);
    percpu_free(object);
}

/* Who writes to what is free damages the lists; that ends the program before it damages more. */
TEST(alloc_written_after_free)
{
    static void (*const damage[])(void) = {take_false_head, take_larger_false_head, find_false_head,
                                           grow_false_run, join_false_run};

    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        int status = 0;
        pid_t child = fork();

        if (child == 0) {
            if (percpu_init_in_place() <= 0)
                _exit(2);
            panics_begin();
            signal(SIGILL, trapped);
            signal(SIGTRAP, trapped);
            damage[i]();
            _exit(0);
        }
        check(child > 0 && waitpid(child, &status, 0) == child);
        check(WIFEXITED(status));
        check_eq(WEXITSTATUS(status), TRAPPED);
    }
}

/* Pages of addresses that the process has. */
static size_t pages(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    size_t number = 0;

    check(file && fscanf(file, "%zu", &number) == 1);
    if (file)
        fclose(file);
    return number;
}

TEST(alloc_fini_gives_back)
{
    size_t before = 0;

    for (int round = 0; round < 4; round++) {
        if (round == 1)
            before = pages();
        check(percpu_init_in_place() > 0);
        percpu_free(percpu_alloc(word));
        check_eq(percpu_fini(), 0);
#if HAS_AREAS
        check_eq(percpu_init_with(arena(), CPUS, RESERVE), CPUS);
        percpu_free(percpu_alloc(word));
        check_eq(percpu_fini(), 0);
#endif
    }
    check_eq(pages(), before);
}

/* A page that somebody else has got at this address. */
static void *take_page(uintptr_t at)
{
    return mmap((void *)at, PAGE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

static bool is_mapped(void *page)
{
    unsigned char resident;

    return mincore(page, PAGE, &resident) == 0;
}

/* Once: the next percpu_fini() has nothing to give back, at the old address or at 0. */
TEST(alloc_fini_gives_back_once)
{
    void *low, *page;
    uintptr_t object;

    check(percpu_init_in_place() > 0);
    object = (uintptr_t)percpu_remote_ptr_at(percpu_alloc(word), 0);
    panics_begin();
    check_eq(percpu_fini(), 0);
    check_eq(panics_end("percpu_fini"), IN_DEBUG(1)); /* the object */
    page = take_page(object & ~((uintptr_t)PAGE - 1));
    low = take_page(1 << 20);
    if (!check(page != MAP_FAILED && low != MAP_FAILED))
        return;
#if HAS_AREAS
    check_eq(percpu_init_with(arena(), CPUS, RESERVE), CPUS);
#else
    check_eq(percpu_init_in_place(), 1);
#endif
    check_eq(percpu_fini(), 0);
    check(is_mapped(page));
    check(is_mapped(low));
    check(percpu_init_in_place() > 0);
    check(percpu_alloc(word) != NULL);
    panics_begin();
    check_eq(percpu_fini(), 0);
    check_eq(panics_end("percpu_fini"), IN_DEBUG(1));
    check(is_mapped(page));
    munmap(page, PAGE);
    munmap(low, PAGE);
}

#endif

/* There is no initial value to go back to. */
static void reset(void)
{
    word PERCPU *p = percpu_alloc(word);

    percpu_remote_write_at(p, 0, 7);
    panics_begin();
    percpu_reset_to_init_at(p);
    check_eq(panics_end("designates no variable"), 1);
    check_eq(percpu_remote_read_at(p, 0), 7);
    percpu_free(p);
}

TEST(alloc_reset_to_init)
{
    with_memory(reset);
}

/* -- CPUs that come late, and blocks ----------------------------------------------------------- */

#if HAS_AREAS

/* Every byte that CPU `cpu` has of it. */
static bool all_zero(void PERCPU *p, size_t size, size_t cpu)
{
    const unsigned char *bytes = copy(p, cpu);
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

TEST(alloc_late_cpu)
{
    unsigned char *base = arena();
    void PERCPU *p, PERCPU *later;

    check_eq(percpu_init_with(base, 2, RESERVE), 2);
    p = percpu_alloc_bytes(3000, 64);
    check(p != NULL);
    memset(copy(p, 0), 1, 3000);
    memset(copy(p, 1), 2, 3000);
    check_eq(percpu_init_cpu(5, base + 3 * SLOT), -PERCPU_ERESERVE);
    check_eq(percpu_init_cpu_with(5, base + 3 * SLOT, RESERVE / 2), -PERCPU_ERESERVE);
    check_eq(percpu_init_cpu_with(5, base + 3 * SLOT + 64, RESERVE), -PERCPU_EALIGN);
    check_eq(percpu_area_base(5), 0);
    check_eq(percpu_init_cpu_with(5, base + 3 * SLOT, RESERVE), 1);
    check_eq(percpu_init_cpu_with(3, base + 4 * SLOT, 2 * RESERVE), 1);
    check(all_zero(p, 3000, 5));
    check(all_zero(p, 3000, 3));
    memset(copy(p, 5), 3, 3000);
    later = percpu_alloc_bytes(RESERVE / 2, PAGE);
    check(later != NULL);
    check(all_zero(later, RESERVE / 2, 5));
    check(all_zero(later, RESERVE / 2, 0));
    check_eq(*copy(p, 0), 1);
    check_eq(*copy(p, 1), 2);
    check_eq(*copy(p, 5), 3);
    check_eq(*copy(p, 3), 0);
    percpu_free(p);
    percpu_free(later);
    check_eq(percpu_fini(), 0);
}

/* Objects and variables share no cache line. */
TEST(alloc_not_beside_variables)
{
    size_t line = PERCPU_CACHE_LINE, offset;
    void PERCPU *p;

    check_eq(percpu_init_with(arena(), 2, RESERVE), 2);
    p = percpu_alloc_bytes(8, 8);
    offset = (uintptr_t)copy(p, 1) - percpu_area_base(1);
    check(offset / line > (percpu_area_size() - 1) / line);
    percpu_free(p);
    check_eq(percpu_fini(), 0);
}

#ifdef PERCPU_PLATFORM_THREAD
/* In place there is room for modules before each area: no late CPU and no block lies there. */
TEST(alloc_before_areas_in_place)
{
    uintptr_t before;

    check(percpu_init_in_place() > 0);
    before = percpu_area_base(0) - percpu_area_layout_expected(1).size;
    before &= ~(percpu_area_layout_expected(1).align - 1);
    check_eq(percpu_init_cpu(4000, (void *)before), -PERCPU_EOVERLAP);
    check_eq(percpu_alloc_add_block((void *)(before & ~(uintptr_t)7), 256), -PERCPU_EOVERLAP);
    check_eq(percpu_fini(), 0);
}

/* Nobody asked for the reserve in place: a CPU may come without, as long as nothing lies there. */
TEST(alloc_late_cpu_in_place)
{
    unsigned char *base = arena();
    void PERCPU *p;

    check(percpu_init_in_place() > 0);
    p = percpu_alloc_bytes(8, 8);
    check_eq(percpu_init_cpu(4000, base), -PERCPU_ERESERVE);
    percpu_free(p);
    check_eq(percpu_fini(), 0);

    check(percpu_init_in_place() > 0);
    check_eq(percpu_init_cpu(4000, base), 1);
    check(percpu_alloc_bytes(8, 8) == NULL);
    check_eq(percpu_fini(), 0);
}
#endif

#ifndef PERCPU_ZERO_VMA
static PERCPU_DEFINE(uint64_t[32], beside);
#endif

TEST(alloc_blocks)
{
    unsigned char *base = arena(), *block = base + RESERVE;
    void PERCPU *p, PERCPU *q;
    size_t align = percpu_area_layout_expected(1).align; /* may be more than variables ask for */

    for (size_t cpu = 0; cpu < CPUS; cpu++)
        check_eq(percpu_init_cpu(cpu, base + cpu * SLOT), 1);
    check_eq(percpu_alloc_add_block(NULL, RESERVE), -PERCPU_ENULL);
    check_eq(percpu_alloc_add_block(block + 1, RESERVE), -PERCPU_EALIGN);
    check_eq(percpu_alloc_add_block(block, 7), -PERCPU_EOVERFLOW);
    check_eq(percpu_alloc_add_block(block, SIZE_MAX), -PERCPU_EOVERFLOW);
    check_eq(percpu_alloc_add_block(base, RESERVE), -PERCPU_EOVERLAP);        /* CPU 0's area */
    check_eq(percpu_alloc_add_block(block, SLOT), -PERCPU_EOVERLAP);          /* CPU 1's area */
    check_eq(percpu_alloc_add_block(base + SLOT, RESERVE), -PERCPU_EOVERLAP); /* the same */
#ifndef PERCPU_ZERO_VMA
    check_eq(percpu_alloc_add_block((void *)percpu_symbol_vma(beside), 256), -PERCPU_EOVERLAP);
#endif
    check_eq(percpu_alloc_stats().reserved, 0);
    check_eq(percpu_alloc_add_block(block, RESERVE), 0);
    check_eq(percpu_alloc_add_block(block, RESERVE), -PERCPU_EOVERLAP);
    check_eq(percpu_alloc_add_block(block + RESERVE - 8, RESERVE), -PERCPU_EOVERLAP);
    check_eq(percpu_alloc_add_block(block + RESERVE, PAGE), 0);

    p = percpu_alloc_bytes(RESERVE / 2, PAGE);
    q = percpu_alloc_bytes(PAGE / 2, 8);
    check(p != NULL && q != NULL);
    percpu_for_each(cpu) {
        check_eq((uintptr_t)copy(p, cpu) % PAGE, 0);
        check(all_zero(p, RESERVE / 2, cpu));
        memset(copy(p, cpu), 1, RESERVE / 2);
    }
    /* A late CPU has its blocks where the others have theirs, and they hold zeros. */
    check_eq(percpu_init_cpu(8, base + CPUS * SLOT + (align < PAGE ? align : 64)), -PERCPU_EALIGN);
    check_eq(percpu_init_cpu(8, block), -PERCPU_EOVERLAP); /* in CPU 0's block */
    check_eq(percpu_init_cpu(8, base + CPUS * SLOT), 1);
    check(all_zero(p, RESERVE / 2, 8));
    percpu_free(p);
    percpu_free(q);

    /* As many as there may be. */
    for (size_t i = 2; i < PERCPU_ALLOC_BLOCKS + 1; i++)
        check_eq(percpu_alloc_add_block(block + RESERVE + i * PAGE / 2, PAGE / 2), 0);
    check_eq(percpu_alloc_add_block(block + RESERVE + 24 * PAGE / 2, PAGE / 2), -PERCPU_ENOMEM);
    for (align = 1; align <= PAGE; align *= 2) {
        p = percpu_alloc_bytes(1000, align);
        check(p != NULL);
        percpu_free(p);
    }
    check_eq(percpu_fini(), 0);
}

#endif

#if HAS_AREAS

/* What lies where, in units of RESERVE: areas without a reserve, and one block. */
static void one_block(size_t other_cpu, size_t block)
{
    unsigned char *base = arena();

    check_eq(percpu_init_cpu(0, base), 1);
    if (other_cpu != 0)
        check_eq(percpu_init_cpu(2, base + other_cpu * RESERVE), 1);
    check_eq(percpu_alloc_add_block(base + block * RESERVE, RESERVE), 0);
}

/* A late CPU, and with how much for objects. */
static int late(size_t at, size_t room)
{
    return percpu_init_cpu_with(1, (void *)(percpu_area_base(0) + at * RESERVE), room);
}

TEST(alloc_late_cpu_and_block)
{
    one_block(0, 8);
    check_eq(late(8, 0), -PERCPU_EOVERLAP); /* in CPU 0's block; its own would be at 16 */
    check_eq(late(9, 0), 1);
    check_eq(percpu_fini(), 0);

    one_block(10, 4);
    check_eq(late(6, 0), -PERCPU_EOVERLAP); /* its block would be at 10, CPU 2's area */
    check_eq(late(7, 0), 1);
    check_eq(percpu_fini(), 0);

    one_block(0, 1);
    check_eq(late(6, 2 * RESERVE), -PERCPU_EOVERLAP); /* its block would be at 7, in its own area */
    check_eq(late(6, 0), 1);
    check_eq(percpu_fini(), 0);
}

/* Copies of a block are as far from each other as areas. */
TEST(alloc_block_over_its_own_copy)
{
    unsigned char *base = arena();

    check_eq(percpu_init_cpu(0, base), 1);
    check_eq(percpu_init_cpu(1, base + RESERVE), 1);
    check_eq(percpu_alloc_add_block(base + 3 * RESERVE, 2 * RESERVE), -PERCPU_EOVERLAP);
    check_eq(percpu_alloc_add_block(base + 3 * RESERVE, RESERVE + 8), -PERCPU_EOVERLAP);
    check_eq(percpu_alloc_add_block(base + 3 * RESERVE, RESERVE), 0);
    check_eq(percpu_fini(), 0);
}

TEST(alloc_block_without_cpu_0)
{
    unsigned char *base = arena();

    check_eq(percpu_init_cpu(1, base), 1);
    check_eq(percpu_alloc_add_block(base + RESERVE, RESERVE), -PERCPU_ERANGE);
    check_eq(percpu_init_cpu(0, base + 2 * RESERVE), 1);
    check_eq(percpu_alloc_add_block(base + 5 * RESERVE, RESERVE), 0);
    check_eq(percpu_fini(), 0);
}

/* Of a block whose size is no multiple of 8 the last bytes are left alone. */
TEST(alloc_block_of_any_size)
{
    unsigned char *base = arena(), *end = base + RESERVE + PAGE + 5;

    check_eq(percpu_init_cpu(0, base), 1);
    check_eq(percpu_alloc_add_block(base + RESERVE, PAGE + 5), 0);
    check(percpu_alloc_stats().largest_free <= PAGE);
    check(end[-6] == 0 || HARNESS_BARE); /* there bits are behind the objects */
    for (int i = 1; i <= 5; i++)
        check_eq(end[-i], 0xa5);
    check_eq(percpu_fini(), 0);
}

/* Before there is memory any CPU may come; alignments are then those of the distances. */
TEST(alloc_late_cpu_before_memory)
{
    size_t least = percpu_area_layout_expected(1).align;

    for (int early = 0; early < 2; early++) {
        unsigned char *base = arena();

        check_eq(percpu_init_cpu(0, base), 1);
        if (early)
            check(percpu_alloc_bytes(8, 8) == NULL); /* but now there is a heap */
        check_eq(percpu_init_cpu(1, base + 3 * RESERVE + least), 1);
        check_eq(percpu_alloc_add_block(base + RESERVE, RESERVE), 0);
        for (size_t align = 1; align <= PAGE; align *= 2) {
            void PERCPU *p = percpu_alloc_bytes(8, align);

            check(p != NULL || align > least);
            if (p)
                percpu_for_each(cpu)
                    check_eq((uintptr_t)copy(p, cpu) & (align - 1), 0);
            percpu_free(p);
        }
        check_eq(percpu_fini(), 0);
    }
}

#endif

#if HAS_AREAS && !HARNESS_BARE

static int late_answer, block_answer;

static void *add_late_cpu(void *base)
{
    late_answer = percpu_init_cpu(1, (unsigned char *)base + 4 * RESERVE);
    return NULL;
}

static void *add_a_block(void *base)
{
    block_answer = percpu_alloc_add_block((unsigned char *)base + RESERVE, RESERVE);
    return NULL;
}

static void *alloc_a_few(void *unused)
{
    for (int i = 0; i < 100; i++)
        percpu_free(percpu_alloc_bytes(8, 8));
    return unused;
}

/* A CPU and a block that come at the same time, to where others are at work. */
TEST(alloc_block_and_late_cpu_at_once)
{
    for (int round = 0; round < 20; round++) {
        unsigned char *base = arena();
        pthread_t thread[3];

        check_eq(percpu_init_cpu(0, base), 1);
        check_eq(pthread_create(&thread[0], NULL, add_late_cpu, base), 0);
        check_eq(pthread_create(&thread[1], NULL, add_a_block, base), 0);
        check_eq(pthread_create(&thread[2], NULL, alloc_a_few, NULL), 0);
        for (int i = 0; i < 3; i++)
            pthread_join(thread[i], NULL);
        check_eq(late_answer, 1);
        check_eq(block_answer, 0);
        check_eq(percpu_fini(), 0);
    }
}

/* The system keeps the pages of shared memory, whatever it is told of them: they hold no zeros. */
TEST(alloc_in_shared_memory)
{
    struct percpu_layout layout = percpu_area_layout_expected_with(1, LARGE + PAGE);
    void *memory = mmap(NULL, layout.size + layout.align, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uintptr_t base = ((uintptr_t)memory + layout.align - 1) & ~(layout.align - 1);

    if (!check(memory != MAP_FAILED))
        return;
    check_eq(percpu_init_with((void *)base, 1, LARGE + PAGE), 1);
    for (int round = 0; round < 2; round++) {
        void PERCPU *p = percpu_alloc_bytes(LARGE, 8);

        if (!check(p != NULL))
            break;
        check(all_zero(p, LARGE, 0));
        memset(copy(p, 0), 1, LARGE);
        percpu_free(p);
    }
    check_eq(percpu_fini(), 0);
    munmap(memory, layout.size + layout.align);
}

/* A block whose books have no room is refused, and may come again. */
TEST(alloc_block_without_memory_for_books)
{
    unsigned char *base = arena();
    struct rlimit before, none;

    check_eq(percpu_init_cpu(0, base), 1);
    check_eq(percpu_alloc_add_block(base + RESERVE, PAGE), 0); /* the heap is there */
    getrlimit(RLIMIT_AS, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_AS, &none);
    check_eq(percpu_alloc_add_block(base + 2 * RESERVE, RESERVE), -PERCPU_ENOMEM);
    setrlimit(RLIMIT_AS, &before);
    check(percpu_alloc_bytes(PAGE + 8, 8) == NULL);
    check_eq(percpu_alloc_add_block(base + 2 * RESERVE, RESERVE), 0);
    check(percpu_alloc_bytes(PAGE + 8, 8) != NULL);
    panics_begin();
    check_eq(percpu_fini(), 0);
    check_eq(panics_end("percpu_fini"), IN_DEBUG(1));
}

#endif

/* -- From everywhere at once ------------------------------------------------------------------- */

/*
 * Objects change hands through these. Whoever takes one out finds in each copy what the one who
 * made it wrote there, and gives it back.
 */
#define HANDS 16
static word PERCPU *_Atomic hands[HANDS];
static atomic_uint wrong;

static word value_of(word PERCPU *p, size_t cpu, size_t size)
{
    return (word)(uintptr_t)p * 31 + cpu + size;
}

/* Made, passed on, and another one checked and given back. Returns how many were made. */
static unsigned pass_on(uint32_t *seed)
{
    size_t size;
    word PERCPU *p;
    unsigned made = 0;

    *seed = *seed * 1664525 + 1013904223;
    size = sizeof(word) + (*seed >> 10) % 300;
    p = percpu_alloc_bytes(size, 8);
    if (p) {
        made = 1;
        percpu_for_each(cpu) {
            if (percpu_remote_read_at(p, cpu) != 0)
                wrong++;
            percpu_remote_write_at(p, cpu, value_of(p, cpu, percpu_alloc_size(p)));
        }
    }
    p = atomic_exchange(&hands[(*seed >> 20) % HANDS], p);
    if (p) {
        size = percpu_alloc_size(p);
        percpu_for_each(cpu)
            if (percpu_remote_read_at(p, cpu) != value_of(p, cpu, size))
                wrong++;
        percpu_free(p);
    }
    return made;
}

static void hands_empty(void)
{
    for (size_t i = 0; i < HANDS; i++) {
        percpu_free(hands[i]);
        hands[i] = NULL;
    }
}

#if HARNESS_BARE

static uint32_t tick_seed[TEST_MAX_CPUS];
static atomic_uint alloc_ticks[TEST_MAX_CPUS];
static bool ticking;

static void alloc_tick(void)
{
    size_t cpu = test_cpu();

    if (!ticking)
        return;
    (void)pass_on(&tick_seed[cpu]);
    alloc_ticks[cpu]++;
}

static void alloc_with_ticks(size_t cpu, void *unused)
{
    uint32_t seed = (uint32_t)cpu;

    (void)unused;
    tick_seed[cpu] = (uint32_t)cpu * 77;
    machine_timer_start(2000);
    machine_irq_on();
    while (alloc_ticks[cpu] < 50)
        (void)pass_on(&seed);
    machine_irq_off();
    machine_timer_stop();
}

TEST(alloc_everywhere)
{
    struct percpu_alloc_usage before;

    check(percpu_init_in_place() > 0);
#ifdef PERCPU_PLATFORM_SINGLE
    check_eq(percpu_alloc_add_block(arena(), SLOT), 0);
#endif
    before = percpu_alloc_stats();
    wrong = 0;
    bare_tick = alloc_tick;
    ticking = true;
#ifdef PERCPU_PLATFORM_SINGLE
    on_cpu(0, alloc_with_ticks, NULL);
#else
    on_cpus(alloc_with_ticks, NULL);
#endif
    ticking = false;
    bare_tick = NULL;
    check_eq(wrong, 0);
    hands_empty();
    check(same(before, percpu_alloc_stats()));
    check_eq(percpu_fini(), 0);
}

#else

static void *alloc_thread(void *data)
{
    uint32_t seed = (uint32_t)(uintptr_t)data;
    unsigned made = 0;

    for (int i = 0; i < 20000; i++)
        made += pass_on(&seed);
    return (void *)(uintptr_t)made;
}

static void threads(void)
{
    enum { THREADS = 8 };
    pthread_t thread[THREADS];
    struct percpu_alloc_usage before = percpu_alloc_stats();

    wrong = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        check_eq(pthread_create(&thread[i], NULL, alloc_thread, (void *)(i * 1000)), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *made = NULL;
        pthread_join(thread[i], &made);
        check_eq((uintptr_t)made, 20000);
    }
    check_eq(wrong, 0);
    hands_empty();
    check(same(before, percpu_alloc_stats()));
}

TEST(alloc_everywhere)
{
    with_memory(threads);
}

static atomic_bool asking;

static void *ask(void *unused)
{
    void PERCPU *mine = percpu_alloc_bytes(24, 8);

    while (asking)
        if (percpu_alloc_stats().used > percpu_alloc_stats().reserved ||
            percpu_alloc_size(mine) != 24)
            wrong++;
    percpu_free(mine);
    return unused;
}

/* Questions come while others are at work. */
static void questions(void)
{
    pthread_t asks, works;

    wrong = 0;
    asking = true;
    check_eq(pthread_create(&asks, NULL, ask, NULL), 0);
    check_eq(pthread_create(&works, NULL, alloc_thread, NULL), 0);
    pthread_join(works, NULL);
    asking = false;
    pthread_join(asks, NULL);
    check_eq(wrong, 0);
    hands_empty();
}

TEST(alloc_stats_meanwhile)
{
    with_memory(questions);
}

/* -- fork() ------------------------------------------------------------------------------------ */

static atomic_bool forking;

static void *alloc_while_forking(void *data)
{
    uint32_t seed = (uint32_t)(uintptr_t)data;

    while (forking)
        (void)pass_on(&seed);
    return NULL;
}

/* A child finds the heap in order, whatever other threads were about to do. */
TEST(alloc_fork)
{
    pthread_t thread[2];
    word PERCPU *p;

#ifndef PERCPU_PLATFORM_RSEQ
    check(percpu_init_in_place() > 0);
#endif
    p = percpu_alloc(word);
    percpu_remote_write_at(p, 0, 5);
    forking = true;
    for (uintptr_t i = 0; i < 2; i++)
        check_eq(pthread_create(&thread[i], NULL, alloc_while_forking, (void *)i), 0);
    for (int i = 0; i < 20; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            uint32_t seed = 1;
            for (int k = 0; k < 100; k++)
                (void)pass_on(&seed);
            percpu_remote_write_at(p, 0, percpu_remote_read_at(p, 0) + 1);
            percpu_free(p);
            _exit(percpu_remote_read_at(p, 0) == 5);
        }
        if (check(child > 0 && waitpid(child, &status, 0) == child))
            check_eq(status, 0);
    }
    forking = false;
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    check_eq(percpu_remote_read_at(p, 0), 5);
    percpu_free(p);
    hands_empty();
    finish();
}

#endif
