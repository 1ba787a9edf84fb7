/* SPDX-License-Identifier: MIT */
/* The areas: who has one, where, and how they come to be. Not on single, which has none. */
#include "internal.h"

#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)

/* The library's own variable. It marks the template and, in each area, says whose area it is. */
__attribute__((aligned(PERCPU_CACHE_LINE))) PERCPU_DEFINE(struct percpu__head, percpu__head) = {
    .delta = 0,
    .cpu = PERCPU__NO_CPU,
    .magic = PERCPU__MAGIC,
};

uintptr_t percpu__delta[PERCPU_MAX_CPUS];
size_t percpu__limit; /* the highest CPU number with an area, plus 1; written last */

static size_t area_count;

/* What the first percpu_init*() was called with, for the report of a second one. */
static uintptr_t first_base;
static size_t first_count;

/* -- One initialises, the others wait --------------------------------------------------- */

enum { IDLE, BUSY, READY };
static int state = IDLE;

static bool take(int seen)
{
    if (percpu__atomics_work())
        return __atomic_compare_exchange_n(&state, &seen, BUSY, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED);
    __atomic_store_n(&state, BUSY, __ATOMIC_RELAXED); /* the caller is alone: see percpu.h */
    return true;
}

/* Returns IDLE or READY, what it was; the caller has it to itself. */
static int lock(void)
{
    for (;;) {
        int seen = __atomic_load_n(&state, __ATOMIC_RELAXED);
        if (seen != BUSY && take(seen))
            return seen;
        percpu__wait();
    }
}

static void unlock(int next)
{
    __atomic_store_n(&state, next, __ATOMIC_RELEASE);
}

/* -- Arithmetic -------------------------------------------------------------------------- */

static size_t stride(void)
{
    size_t align = percpu__template_align();
    return (percpu__template_size() + align - 1) & ~(align - 1);
}

static uintptr_t area_of(size_t cpu)
{
    return percpu__template_start() + percpu__delta[cpu];
}

static bool has_area(size_t cpu)
{
    return cpu < __atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&percpu__delta[cpu], __ATOMIC_ACQUIRE) != PERCPU__ABSENT;
}

struct percpu_layout percpu_area_layout_expected(size_t cpu_count)
{
    struct percpu_layout layout = {0, 0};
    size_t size;
    if (cpu_count == 0 || __builtin_mul_overflow(stride(), cpu_count, &size) ||
        size > SIZE_MAX - percpu__template_align())
        return layout;
    layout.size = size;
    layout.align = percpu__template_align();
    return layout;
}

/* -- Making areas ------------------------------------------------------------------------- */

static bool overlap(uintptr_t a, uintptr_t a_end, uintptr_t b, uintptr_t b_end)
{
    return a < b_end && b < a_end;
}

/* May `count` areas lie at base? 0 or a negative error. */
static int check_memory(uintptr_t base, size_t count)
{
    struct percpu_layout layout = percpu_area_layout_expected(count);
    uintptr_t end, image, image_end;

    if (base == 0)
        return -PERCPU_ENULL;
    if (count == 0)
        return -PERCPU_ECOUNT;
    if (layout.size == 0 || __builtin_add_overflow(base, layout.size, &end))
        return -PERCPU_EOVERFLOW;
    if (count > PERCPU_MAX_CPUS)
        return -PERCPU_ECOUNT;
    if (base & (layout.align - 1))
        return -PERCPU_EALIGN;
    percpu__template_image(&image, &image_end);
    if (overlap(base, end, image, image_end))
        return -PERCPU_EOVERLAP;
    return 0;
}

static int check_deltas(uintptr_t base, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!percpu__delta_fits(base + i * stride() - percpu__template_start()))
            return -PERCPU_EDELTA;
    return 0;
}

static void make_area(size_t cpu, uintptr_t base)
{
    uintptr_t delta = base - percpu__template_start();
    struct percpu__head *head = (struct percpu__head *)((uintptr_t)&__PERCPU_percpu__head + delta);

    percpu__template_copy(base);
    head->delta = delta;
    head->cpu = cpu;
    __atomic_store_n(&percpu__delta[cpu], delta, __ATOMIC_RELEASE);
}

/* Both ways to initialise all areas. In place base and count are 0. Returns as percpu_init(). */
static int init(bool in_place, uintptr_t base, size_t count)
{
    int error;

    if (lock() == READY) {
        unlock(READY);
#ifdef PERCPU_DEBUG
        if (first_base != base || first_count != count)
            percpu_panic("percpu: a second percpu_init*() with other arguments changes nothing");
#endif
        return 0;
    }

    error = percpu__template_check();
    if (!error && in_place) {
        count = percpu__slots();
        error = percpu__slots_take(count, stride(), &base);
    } else if (!error) {
        error = check_memory(base, count);
    }
    if (!error) {
        error = check_deltas(base, count);
        if (error && in_place)
            percpu__slots_give_back();
    }
    if (error) {
        unlock(IDLE);
        return error;
    }

    for (size_t cpu = 0; cpu < count; cpu++)
        make_area(cpu, base + cpu * stride());
    first_base = in_place ? 0 : base;
    first_count = in_place ? 0 : count;
    area_count = count;
    __atomic_store_n(&percpu__limit, count, __ATOMIC_RELEASE);
    unlock(READY);
    return (int)count;
}

int percpu_init_in_place(void)
{
    return init(true, 0, 0);
}

int percpu_init(void *base, size_t cpu_count)
{
    return init(false, (uintptr_t)base, cpu_count);
}

int percpu_init_cpu(size_t cpu, void *base)
{
    int error = 0;
    int was = lock();

    if (was == READY && has_area(cpu)) {
        unlock(was);
        return 0;
    }
    if (cpu >= PERCPU_MAX_CPUS)
        error = -PERCPU_ERANGE;
    if (!error && was == IDLE)
        error = percpu__template_check();
    if (!error)
        error = check_memory((uintptr_t)base, 1);
    if (!error)
        error = check_deltas((uintptr_t)base, 1);
    for (size_t other = 0; !error && other < percpu__limit; other++)
        if (has_area(other) && overlap((uintptr_t)base, (uintptr_t)base + stride(), area_of(other),
                                       area_of(other) + stride()))
            error = -PERCPU_EOVERLAP;
    if (error) {
        unlock(was);
        return error;
    }

    for (size_t gap = percpu__limit; gap < cpu; gap++)
        percpu__delta[gap] = PERCPU__ABSENT;
    make_area(cpu, (uintptr_t)base);
    area_count++;
    if (cpu >= percpu__limit)
        __atomic_store_n(&percpu__limit, cpu + 1, __ATOMIC_RELEASE);
    unlock(READY);
    return 1;
}

int percpu_fini(void)
{
    int was = lock();
    int error = was == READY ? percpu__reg_release_all() : -PERCPU_ENOTINIT;

    if (error) {
        unlock(was);
        return error;
    }
    __atomic_store_n(&percpu__limit, 0, __ATOMIC_RELEASE);
    area_count = 0;
    percpu__slots_give_back();
    unlock(IDLE);
    return 0;
}

/* -- The register -------------------------------------------------------------------------- */

int percpu_init_reg(size_t cpu)
{
    if (__atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) == 0)
        return -PERCPU_ENOTINIT;
    if (!has_area(cpu))
        return -PERCPU_ERANGE;
    return percpu__reg_claim(cpu, percpu__delta[cpu]);
}

/* -- Questions ------------------------------------------------------------------------------ */

size_t percpu_area_num(void)
{
    return __atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) != 0 ? area_count : percpu__slots();
}

size_t percpu_area_size(void)
{
    return percpu__template_size();
}

uintptr_t percpu_area_base(size_t cpu)
{
    return has_area(cpu) ? area_of(cpu) : 0;
}

uintptr_t percpu__offset(uintptr_t vma)
{
    return vma - percpu__template_start();
}

/* -- PERCPU_DEBUG ----------------------------------------------------------------------------- */

void percpu__check_current(void)
{
    if (__atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) == 0)
        percpu_panic("percpu: access before percpu_init() or percpu_init_in_place()");
    else if (!percpu__reg_valid())
        percpu_panic("percpu: access on a CPU (or thread) that has not called percpu_init_reg()");
}

#endif
