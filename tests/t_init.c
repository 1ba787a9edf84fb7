/* SPDX-License-Identifier: MIT */
/* How areas come to be, every error of it, and how they go. t_single.c has single's answers. */
#include "areas.h"

#include <percpu/alloc.h>

#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)

#include <stdatomic.h>

#if !HARNESS_BARE
#include <pthread.h>
#include <sched.h>
#endif

static PERCPU_DEFINE(word, seven) = 7;
static PERCPU_DEFINE(unsigned char[3000], ramp) = {[0] = 1, [1499] = 2, [2999] = 3};
static PERCPU_DEFINE(word, zero);

/* Is everything of CPU `cpu` as it was linked? Uses no register. */
static void check_fresh(size_t cpu)
{
    const unsigned char *bytes = (const unsigned char *)percpu_remote_ptr(ramp, cpu);
    unsigned sum = 0;

    if (!check(bytes != NULL))
        return;
    for (size_t i = 0; i < 3000; i++)
        sum += bytes[i];
    check(bytes[0] == 1 && bytes[1499] == 2 && bytes[2999] == 3 && sum == 6);
    check_eq(percpu_remote_read(seven, cpu), 7);
    check_eq(percpu_remote_read(zero, cpu), 0);
}

static void check_uninitialised(void)
{
    check_eq(percpu_init_reg(0), -PERCPU_ENOTINIT);
    check_eq(percpu_fini(), -PERCPU_ENOTINIT);
    check_eq(percpu_area_base(0), 0);
    check(percpu_remote_ptr(seven, 0) == NULL);
}

/* -- Refused ---------------------------------------------------------------------------------- */

TEST(init_null)
{
    check_eq(percpu_init(NULL, 4), -PERCPU_ENULL);
    check_eq(percpu_init(NULL, 0), -PERCPU_ENULL);
    check_uninitialised();
}

TEST(init_misaligned)
{
    unsigned char *p = area_memory(0, 5);
    size_t align = percpu_area_layout_expected(4).align;

    for (size_t off = 1; off < align; off *= 2)
        check_eq(percpu_init(p + off, 4), -PERCPU_EALIGN);
    check_uninitialised();
}

TEST(peer_cpu_count_0)
{
    check_eq(percpu_init(area_memory(0, 1), 0), -PERCPU_ECOUNT);
    check_uninitialised();
}

TEST(init_too_many_cpus)
{
    check_eq(percpu_init(area_memory(0, 1), (size_t)PERCPU_MAX_CPUS + 1), -PERCPU_ECOUNT);
    check_uninitialised();
}

TEST(init_size_overflow)
{
    unsigned char *p = area_memory(0, 1);

    check_eq(percpu_init(p, SIZE_MAX), -PERCPU_EOVERFLOW);
    check_eq(percpu_init(p, SIZE_MAX / stride() + 1), -PERCPU_EOVERFLOW);
    check_eq(percpu_init(p, SIZE_MAX / stride()), -PERCPU_EOVERFLOW);
    /* The size fits, the end does not. */
    check_eq(percpu_init((void *)(0 - stride()), 2), -PERCPU_EOVERFLOW);
    check_uninitialised();
}

/*
 * The four calls of the interface's own description: each has an error and a sentence of its own.
 */
TEST(init_errors_are_distinct)
{
    unsigned char *p = area_memory(0, 5);
    int error[] = {percpu_init(NULL, 4), percpu_init(p + 1, 4), percpu_init(p, 0),
                   percpu_init(p, SIZE_MAX)};

    for (size_t i = 0; i < 4; i++) {
        check(error[i] < 0);
        for (size_t j = 0; j < i; j++)
            check(error[i] != error[j]);
    }
    check(string_contains(percpu_strerror(error[0]), "null"));
    check(string_contains(percpu_strerror(error[1]), "aligned"));
    check(string_contains(percpu_strerror(error[2]), "CPUs is 0"));
    check(string_contains(percpu_strerror(error[3]), "does not fit"));
    check_uninitialised();
}

/* Where the template can be read. */
static uintptr_t template_image(void)
{
#if HARNESS_BARE
    extern const char _percpu_template[];
    static const volatile uintptr_t image = (uintptr_t)_percpu_template;
    return image;
#else
    return percpu_symbol_vma(seven) - percpu_offset(seven);
#endif
}

TEST(init_over_the_template)
{
    size_t align = percpu_area_layout_expected(1).align;
    uintptr_t first = template_image() & ~(align - 1);
    uintptr_t last = (template_image() + percpu_area_size() - 1) & ~(align - 1);

    check_eq(percpu_init((void *)first, 1), -PERCPU_EOVERLAP);
    check_eq(percpu_init((void *)last, 1), -PERCPU_EOVERLAP);
    check_eq(percpu_init((void *)(first - stride()), 2), -PERCPU_EOVERLAP);
    check_eq(percpu_init_cpu(0, (void *)first), -PERCPU_EOVERLAP);
    check_uninitialised();
    check_eq(init_here(), true);
    check_fresh(0);
    check_eq(percpu_fini(), 0);
}

#if HARNESS_BARE && defined(percpu__reg_holds)
/* A non-canonical GS_BASE of x86_64 would fault. */
TEST(init_too_far_for_the_register)
{
    uintptr_t far = (uintptr_t)1 << 60;
    uintptr_t base = percpu_symbol_vma(seven) - percpu_offset(seven) + far;

    base &= ~(percpu_area_layout_expected(1).align - 1);
    check_eq(percpu_init((void *)base, 1), -PERCPU_EDELTA);
    check_eq(percpu_init_cpu(0, (void *)base), -PERCPU_EDELTA);
    /* The first one could be held, the second one not. */
    base = percpu_symbol_vma(seven) - percpu_offset(seven) + ((uintptr_t)1 << 47) - stride();
    base &= ~(percpu_area_layout_expected(1).align - 1);
    check_eq(percpu_init((void *)base, 3), -PERCPU_EDELTA);
    check_uninitialised();
}
#endif

/* A template that is none: its section was not loaded, or it has been an area. */
TEST(init_without_a_template)
{
    static const volatile uintptr_t vma = (uintptr_t)&__PERCPU_percpu__head;
    volatile struct percpu__head *head =
        (volatile struct percpu__head *)(template_image() + (vma - percpu_symbol_vma(seven)) +
                                         percpu_offset(seven));
    void *p = area_memory(0, 2);

    if (!check_eq(head->magic, PERCPU__MAGIC))
        return;
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            head->magic = 0;
        else
            head->cpu = 0;
        check_eq(percpu_init(p, 2), -PERCPU_ENOTEMPLATE);
        check_eq(percpu_init_in_place(), -PERCPU_ENOTEMPLATE);
        check_eq(percpu_init_cpu(0, p), -PERCPU_ENOTEMPLATE);
        head->magic = PERCPU__MAGIC;
        head->cpu = PERCPU__NO_CPU;
    }
    check_uninitialised();
    check_eq(percpu_init(p, 2), 2);
    check_eq(percpu_fini(), 0);
}

/* -- Layout ------------------------------------------------------------------------------------ */

TEST(layout)
{
    struct percpu_layout one = percpu_area_layout_expected(1);

    check(one.align >= 64 && (one.align & (one.align - 1)) == 0);
    check(one.size >= percpu_area_size() && one.size < percpu_area_size() + one.align);
    check_eq(one.size % one.align, 0);
    check(percpu_area_size() > 3000);
    for (size_t n = 2; n <= PERCPU_MAX_CPUS; n *= 2) {
        check_eq(percpu_area_layout_expected(n).size, n * one.size);
        check_eq(percpu_area_layout_expected(n).align, one.align);
    }
}

TEST(peer_layout_overflow)
{
    size_t counts[] = {0, SIZE_MAX, SIZE_MAX / 64 + 1, SIZE_MAX / stride() + 1, SIZE_MAX / 2 + 1};

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_eq(percpu_area_layout_expected(counts[i]).size, 0);
        check_eq(percpu_area_layout_expected(counts[i]).align, 0);
    }
}

/* Whatever is asked for: 0 and 0, or room for it that can be addressed. */
TEST(layout_with_any_reserve)
{
    size_t size = percpu_area_size();

    for (size_t room = SIZE_MAX; room > SIZE_MAX - 5 * size; room -= 8)
        for (size_t n = 1; n <= 3; n++) {
            struct percpu_layout l =
                percpu_area_layout_expected_with(n, room - (n - 1) * (room / n));

            if (l.size == 0 ? l.align != 0
                            : l.size / n < size || l.size > SIZE_MAX - l.align ||
                                  l.size / n - size < room - (n - 1) * (room / n)) {
                check(false);
                return;
            }
        }
    check_eq(percpu_area_layout_expected_with(1, SIZE_MAX).size, 0);
    check_eq(percpu_init_with(area_memory(0, 1), 1, SIZE_MAX), -PERCPU_EOVERFLOW);
    check_eq(percpu_init_with(area_memory(0, 1), 1, SIZE_MAX - size), -PERCPU_EOVERFLOW);
}

/* -- Initialised ------------------------------------------------------------------------------- */

TEST(init_makes_fresh_areas)
{
    uintptr_t base = (uintptr_t)area_memory(0, test_cpus());

    check_eq(percpu_init((void *)base, test_cpus()), test_cpus());
    check_eq(percpu_area_num(), test_cpus());
    for (size_t cpu = 0; cpu < test_cpus(); cpu++) {
        check_eq(percpu_area_base(cpu), base + cpu * stride());
        check_fresh(cpu);
    }
    check_eq(percpu_area_base(test_cpus()), 0);
    check_eq(percpu_area_base(SIZE_MAX), 0);
    check_eq(percpu_fini(), 0);
    check_uninitialised();
}

TEST(init_in_place_makes_fresh_areas)
{
    size_t before = percpu_area_num();
    int count = percpu_init_in_place();

    check(count > 0);
    check_eq(count, before);
    check_eq(percpu_area_num(), before);
    for (size_t cpu = 0; cpu < before; cpu++) {
        check(percpu_area_base(cpu) != 0);
        check_eq(percpu_area_base(cpu) % percpu_area_layout_expected(1).align, 0);
        check_fresh(cpu);
    }
    check_eq(percpu_area_base(before), 0);
    check_eq(percpu_fini(), 0);
    check_eq(percpu_area_num(), before);
}

#if HARNESS_BARE
/* The fragments reserve what they say, at VMA 0 and at any other, and the areas lie in it. */
TEST(peer_in_place_slots_at_any_vma)
{
    extern const char _percpu_start[], _percpu_end[];
    extern const char _percpu_reserve[];
    static const volatile uintptr_t start = (uintptr_t)_percpu_start, end = (uintptr_t)_percpu_end;
    static const volatile uintptr_t reserve = (uintptr_t)_percpu_reserve;
    size_t count = percpu_area_num(), each = percpu_area_layout_expected_with(1, reserve).size;

    check_eq(end - start, count * each);
    check_eq(percpu_init_in_place(), count);
    check_eq(percpu_area_base(0), start);
    check_eq(percpu_area_base(count - 1) + each, end);
    check_eq(percpu_fini(), 0);
}
#endif

/* The last byte of the caller's memory that is written is the last one of the layout. */
TEST(init_stays_in_its_memory)
{
    unsigned char *p = area_memory(0, 4);
    size_t changed = 0;

    check_eq(percpu_init(p + stride(), 2), 2);
    for (size_t i = 0; i < stride(); i++)
        if (p[i] != 0xa5 || p[3 * stride() + i] != 0xa5)
            changed++;
    check_eq(changed, 0);
    check_eq(percpu_fini(), 0);
}

TEST(init_one_and_init_max)
{
    void *p = area_memory(0, TEST_MAX_CPUS);

    check_eq(percpu_init(p, 1), 1);
    check_eq(percpu_area_base(1), 0);
    check_eq(percpu_fini(), 0);
    check_eq(percpu_init(p, TEST_MAX_CPUS), TEST_MAX_CPUS);
    check_fresh(TEST_MAX_CPUS - 1);
    check_eq(percpu_fini(), 0);
}

TEST(init_reg_errors)
{
    check_eq(percpu_init_reg(0), -PERCPU_ENOTINIT);
    check(init_here());
    check_eq(percpu_init_reg(test_cpus()), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(PERCPU_MAX_CPUS), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(SIZE_MAX), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(0), 0);
    check_eq(percpu_cpu_id(), 0);
    check_eq(percpu_init_reg(test_cpus()), -PERCPU_ERANGE); /* and stays what it is */
    check_eq(percpu_cpu_id(), 0);
    check_eq(percpu_init_reg(0), 0); /* again */
    check_eq(percpu_cpu_id(), 0);
    check_eq(percpu_fini(), 0);
    check_eq(percpu_init_reg(0), -PERCPU_ENOTINIT);
}

TEST(reg_is_an_area_base)
{
    check(init_here());
    check_eq(percpu_init_reg(0), 0);
    check_eq(percpu_read_reg(), percpu_area_base(0));
    percpu_write_reg(percpu_read_reg());
    check_eq(percpu_read_reg(), percpu_area_base(0));
    percpu_write(seven, 8);
    check_eq(percpu_remote_read(seven, 0), 8);
    if (test_cpus() > 1) {
        percpu_write_reg(percpu_area_base(1));
        check_eq(percpu_read_reg(), percpu_area_base(1));
        check_eq(percpu_cpu_id(), 1);
        check_eq(percpu_read(seven), 7);
        percpu_write_reg(percpu_area_base(0));
    }
    check_eq(percpu_read(seven), 8);
    percpu_write_reg(0);
    check_eq(percpu_fini(), 0);
}

#if HARNESS_BARE
/* The raw register: what is added to a variable's link address. */
static void check_delta(size_t cpu, void *unused)
{
    (void)unused;
    if (!check_eq(percpu_init_reg(cpu), 0))
        return;
    check_eq(percpu_read_delta(),
             percpu_area_base(cpu) - (percpu_symbol_vma(seven) - percpu_offset(seven)));
    check_eq(percpu_symbol_vma(zero) + percpu_read_delta(), (uintptr_t)percpu_current_ptr(zero));
    check_eq(percpu_symbol_vma(zero) + percpu_read_delta(),
             (uintptr_t)percpu_remote_ptr(zero, cpu));
    percpu_write_reg(0);
}

TEST(delta_is_the_register)
{
    check(init_here());
    on_cpus(check_delta, NULL);
    check_eq(percpu_fini(), 0);
}
#endif

/* -- Initialised again ------------------------------------------------------------------------- */

static uintptr_t bases[TEST_MAX_CPUS];

static void write_eight(size_t cpu, void *data)
{
    (void)data;
    bases[cpu] = percpu_area_base(cpu);
    percpu_write(seven, 8 + cpu);
}

static void check_eight(size_t cpu, void *data)
{
    (void)data;
    check_eq(percpu_cpu_id(), cpu);
    check_eq(percpu_read(seven), 8 + cpu);
    check_eq(*percpu_current_ptr(seven), 8 + cpu);
    check(percpu_current_ptr(seven) == percpu_remote_ptr(seven, cpu));
    percpu_write(zero, cpu + 1); /* reaches this CPU only */
}

/* Live data stays, local and remote accesses still agree, the template is untouched. */
static void check_still_eight(size_t bound, size_t count)
{
    on_bound(check_eight, NULL);
    check_eq(percpu_area_num(), count);
    for (size_t cpu = 0; cpu < bound; cpu++) {
        check_eq(percpu_area_base(cpu), bases[cpu]);
        check_eq(percpu_remote_read(seven, cpu), 8 + cpu);
        check_eq(percpu_remote_read(zero, cpu), cpu + 1);
    }
    for (size_t cpu = bound; cpu < count; cpu++)
        check_fresh(cpu);
}

static void twice_same_base(size_t bound)
{
    uintptr_t base = percpu_area_base(0);
    size_t count = percpu_area_num();

    on_bound(write_eight, NULL);
    panics_begin(); /* in place the base was the library's choice: another argument */
    check_eq(percpu_init((void *)base, count), 0);
    panics_end("second");
    check_still_eight(bound, count);
}

TEST(peer_init_twice_same_base)
{
    with_areas(twice_same_base);
}

/* Exactly the same call is no mistake: two parts of a program may both make sure. */
TEST(init_twice_the_same_call_is_not_reported)
{
    void *p = area_memory(0, 2);

    check_eq(percpu_init(p, 2), 2);
    check_eq(percpu_init(p, 2), 0);
    check_eq(percpu_fini(), 0);
    check(percpu_init_in_place() > 0);
    check_eq(percpu_init_in_place(), 0);
    check_eq(percpu_fini(), 0);
}

static void twice_other_base(size_t bound)
{
    size_t count = percpu_area_num(), touched = 0;
    unsigned char *other = area_memory(TEST_MAX_CPUS, 2);

    on_bound(write_eight, NULL);
    panics_begin();
    check_eq(percpu_init(other, 2), 0);
    check_eq(percpu_init(other + 1, 2), 0);
    check_eq(percpu_init(NULL, 2), 0);
    check_eq(percpu_init(other, 0), 0);
    check_eq(panics_end("second"), IN_DEBUG(4));
    for (size_t i = 0; i < 2 * stride(); i++)
        touched += other[i] != 0xa5;
    check_eq(touched, 0);
    check_still_eight(bound, count);
}

TEST(peer_init_twice_other_base)
{
    with_areas(twice_other_base);
}

static void twice_in_place(size_t bound)
{
    size_t count = percpu_area_num();

    on_bound(write_eight, NULL);
    panics_begin();
    check_eq(percpu_init_in_place(), 0);
    panics_end("second");
    check_still_eight(bound, count);
}

TEST(init_twice_in_place)
{
    with_areas(twice_in_place);
}

/* What CPU 0 wrote in place must not become everybody's initial value. */
TEST(peer_init_in_place_then_init)
{
    int count = percpu_init_in_place();

    check(count > 0);
    check_eq(percpu_init_reg(0), 0);
    percpu_write(seven, 8);
    (*percpu_current_ptr(ramp))[1499] = 99;
    panics_begin();
    check_eq(percpu_init(area_memory(0, 2), 2), 0);
    check_eq(panics_end("second"), IN_DEBUG(1));
    check_eq(percpu_read(seven), 8);
    for (size_t cpu = 1; cpu < (size_t)count; cpu++)
        check_fresh(cpu);
    check_eq(percpu_fini(), 0);

    check(init_here());
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        check_fresh(cpu);
    check_eq(percpu_fini(), 0);
    check_eq(percpu_init_in_place(), count);
    for (size_t cpu = 0; cpu < (size_t)count; cpu++)
        check_fresh(cpu);
    check_eq(percpu_fini(), 0);
}

/* -- Concurrently ------------------------------------------------------------------------------ */

/* The initialisers: 8 threads on a host, every CPU on a bare machine. */
#if HARNESS_BARE
#define INITIALISERS test_cpus()
#else
#define INITIALISERS ((size_t)8)
#endif

struct race {
    void *base;
    size_t count;
    bool in_place;
    bool some_wrong; /* every second caller's base is misaligned */
    int answer[TEST_MAX_CPUS];
    atomic_size_t started;
};

static void race(size_t n, void *data)
{
    struct race *r = data;
    void *base = r->some_wrong && n % 2 ? (unsigned char *)r->base + 1 : r->base;

    r->answer[n] = r->in_place ? percpu_init_in_place() : percpu_init(base, r->count);
    if (r->answer[n] < 0)
        return;
    check_eq(percpu_area_num(), r->count);
    check_fresh(0);
    check_fresh(r->count / 2);
    check_fresh(r->count - 1);
}

#if HARNESS_BARE
static void run_race(struct race *r)
{
    if (machine_atomics_work()) {
        on_cpus(race, r);
        return;
    }
    for (size_t n = 0; n < INITIALISERS; n++) /* before that, initialisers must not run together */
        race(n, r);
}
#else
static void *racer(void *data)
{
    struct race *r = data;
    size_t n = r->started++;

    while (r->started < INITIALISERS)
        sched_yield();
    race(n, r);
    return NULL;
}

static void run_race(struct race *r)
{
    pthread_t thread[8];

    r->started = 0;
    for (size_t n = 0; n < INITIALISERS; n++)
        if (!check_eq(pthread_create(&thread[n], NULL, racer, r), 0))
            abort();
    for (size_t n = 0; n < INITIALISERS; n++)
        pthread_join(thread[n], NULL);
}
#endif

static void race_many_times(struct race *r)
{
    int rounds = INITIALISERS > 8 ? 3 : 20; /* with more, each takes long enough */

    for (int round = 0; round < rounds; round++) {
        size_t winners = 0, losers = 0;

        if (!r->in_place)
            area_memory(0, r->count);
        panics_begin();
        run_race(r);
        panics_end("second");
        for (size_t n = 0; n < INITIALISERS; n++) {
            winners += r->answer[n] == (int)r->count;
            losers += r->answer[n] == 0;
            if (r->answer[n] < 0) {
                check_eq(r->answer[n], -PERCPU_EALIGN);
                check(r->some_wrong && n % 2);
                losers++;
            }
        }
        check_eq(winners, 1);
        check_eq(losers, INITIALISERS - 1);
        check_eq(percpu_fini(), 0);
    }
}

#if HARNESS_BARE
/* Before caches are on initialisers do not use them, which emulators would let them. */
TEST(atomics_work_where_memory_is_cached)
{
    bool works;

    check_eq(percpu__atomics_work(), machine_atomics_work());
    if (machine_change_caches()) {
        works = percpu__atomics_work();
        machine_change_caches();
        check(!works);
    }
}
#endif

TEST(peer_concurrent_init)
{
    static struct race r;

    r = (struct race){.base = area_memory(0, 4), .count = 4};
    race_many_times(&r);
}

TEST(peer_concurrent_init_in_place)
{
    static struct race r;

    r = (struct race){.in_place = true, .count = percpu_area_num()};
    race_many_times(&r);
}

TEST(concurrent_init_some_wrong)
{
    static struct race r;

    r = (struct race){.base = area_memory(0, 4), .count = 4, .some_wrong = true};
    race_many_times(&r);
}

/* -- Areas one by one -------------------------------------------------------------------------- */

static void late_cpu(size_t cpu, void *data)
{
    (void)cpu;
    (void)data;
    check_eq(percpu_init_reg(5), 0);
    check_eq(percpu_cpu_id(), 5);
    check_eq(percpu_read(seven), 7);
    percpu_write(seven, 9);
    check_eq(*percpu_remote_ptr(seven, 5), 9);
    percpu_write_reg(0);
}

TEST(init_cpu_late_and_sparse)
{
    unsigned char *p = area_memory(0, 16);
    size_t seen = 0;

    check_eq(percpu_init(p, 2), 2);
    check_eq(percpu_init_cpu(5, p + 8 * stride()), 1);
    check_eq(percpu_area_num(), 3);
    check_eq(percpu_area_base(5), p + 8 * stride());
    check_fresh(5);
    check_eq(percpu_init_cpu(5, p + 10 * stride()), 0);
    check_eq(percpu_init_cpu(1, p + 10 * stride()), 0);
    check_eq(percpu_area_base(5), p + 8 * stride());
    for (size_t cpu = 2; cpu < 5; cpu++) {
        check_eq(percpu_area_base(cpu), 0);
        check(percpu_remote_ptr(seven, cpu) == NULL);
        check_eq(percpu_init_reg(cpu), -PERCPU_ERANGE);
    }
    percpu_for_each(cpu) {
        check(cpu == 0 || cpu == 1 || cpu == 5);
        seen += cpu + 1;
    }
    check_eq(seen, 1 + 2 + 6);
    on_cpu(test_cpus() > 1, late_cpu, NULL);
    check_eq(percpu_sum(seven), 7 + 7 + 9);

    check_eq(percpu_init_cpu(3, p + 9 * stride()), 1); /* into the gap */
    check_eq(percpu_area_num(), 4);
    check_fresh(3);
    check_eq(percpu_area_base(4), 0);
    check_eq(percpu_remote_read(seven, 5), 9);
    check_eq(percpu_fini(), 0);
    check_eq(percpu_area_base(5), 0);
}

TEST(init_cpu_first)
{
    unsigned char *p = area_memory(0, 8);

    check_eq(percpu_init_cpu(2, p), 1);
    check_eq(percpu_area_num(), 1);
    check_fresh(2);
    check_eq(percpu_area_base(0), 0);
    check_eq(percpu_init_reg(0), -PERCPU_ERANGE);
    panics_begin();
    check_eq(percpu_init(p + 2 * stride(), 4), 0);
    panics_end("second");
    check_eq(percpu_init_cpu(0, p + stride()), 1);
    check_eq(percpu_area_num(), 2);
    check_eq(percpu_init_reg(0), 0);
    check_eq(percpu_read(seven), 7);
    check_eq(percpu_fini(), 0);
}

TEST(init_cpu_errors)
{
    unsigned char *p = area_memory(0, 8);

    check_eq(percpu_init_cpu(0, NULL), -PERCPU_ENULL);
    check_eq(percpu_init_cpu(0, p + 1), -PERCPU_EALIGN);
    check_eq(percpu_init_cpu(PERCPU_MAX_CPUS, p), -PERCPU_ERANGE);
    check_eq(percpu_init_cpu(SIZE_MAX, p), -PERCPU_ERANGE);
    check_eq(percpu_init_cpu(0, (void *)(0 - stride())), -PERCPU_EOVERFLOW);
    check_uninitialised();
    check_eq(percpu_init(p + stride(), 2), 2);
    check_eq(percpu_init_cpu(4, p + stride()), -PERCPU_EOVERLAP);
    check_eq(percpu_init_cpu(4, p + 2 * stride()), -PERCPU_EOVERLAP);
    check_eq(percpu_init_cpu(PERCPU_MAX_CPUS, p), -PERCPU_ERANGE);
    check_eq(percpu_init_cpu(4, NULL), -PERCPU_ENULL);
    check_eq(percpu_area_num(), 2);
    check_eq(percpu_area_base(4), 0);
    check_eq(percpu_init_cpu(4, p), 1); /* neighbours on both sides */
    check_eq(percpu_init_cpu(5, p + 3 * stride()), 1);
    check_fresh(1);
    check_eq(percpu_fini(), 0);
}

/* -- The end ----------------------------------------------------------------------------------- */

static void dirty(size_t bound)
{
    (void)bound;
    percpu_for_each(cpu) {
        check_fresh(cpu);
        percpu_remote_write(seven, cpu, 70 + cpu);
        memset(*percpu_remote_ptr(ramp, cpu), 0xff, 3000);
    }
}

TEST(fini_and_init_again)
{
    for (int round = 0; round < 3; round++)
        with_areas(dirty);
    check_uninitialised();
}

#endif

/* -- Errors' texts ----------------------------------------------------------------------------- */

TEST(strerror)
{
    const char *unknown = percpu_strerror(-1000), *none = percpu_strerror(0);
    int end = PERCPU_ENULL;

    for (; end < 1000 && percpu_strerror(end) != unknown; end++) {
        check(percpu_strerror(end) == percpu_strerror(-end));
        check(strlen(percpu_strerror(end)) > 8);
        check(!string_contains(percpu_strerror(end), none));
        for (int other = PERCPU_ENULL; other < end; other++)
            check(!string_contains(percpu_strerror(end), percpu_strerror(other)));
    }
    check(end > PERCPU_EOVERLAP); /* none is missing */
    check(percpu_strerror(end) == unknown);
    check(percpu_strerror(1000) == unknown);
    check(strlen(percpu_strerror(-0x7fffffff - 1)) > 0);
    check(strlen(percpu_strerror(0x7fffffff)) > 0);
    check(strlen(none) > 0);
}
