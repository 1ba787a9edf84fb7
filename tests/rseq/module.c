/* SPDX-License-Identifier: MIT */
/* A module that embeds percpu: a shared library, or part of the program. MODULE is its number. */
#include <percpu/alloc.h>
#include <percpu/percpu.h>

#include "module.h"

#ifndef MODULE
#define MODULE 0
#define NAME none
#endif

static PERCPU_DEFINE(uint64_t, hits) = 100;
/* Declared, and so hidden: the modules' variables have the same name. */
PERCPU_DECLARE(uint32_t[4], table);
PERCPU_DEFINE(uint32_t[4], table) = {1, 2, 3, MODULE};

#ifdef NAMES_ANOTHERS
PERCPU_DECLARE(uint64_t, of_another);
#endif

static uint64_t PERCPU *address(void)
{
    return percpu_addr(hits);
}

static void work(uint64_t PERCPU *anothers)
{
    percpu_inc(hits);
    percpu_add(table[3], 1);
    percpu_inc_at(anothers);
    percpu_with_current_at(anothers, p) {
        *(volatile uint64_t *)p; /* an owned area is there to read */
    }
#ifdef NAMES_ANOTHERS
    percpu_inc(of_another);
#endif
}

static uint64_t sum(uint64_t PERCPU *anothers)
{
    return percpu_sum_at(anothers);
}

static uint64_t table_sum(unsigned index)
{
    return percpu_sum(table[index]);
}

static void reset(uint64_t PERCPU *anothers)
{
    percpu_reset_to_init_at(anothers);
}

static uint64_t PERCPU *alloc(void)
{
    return percpu_alloc_bytes(sizeof(uint64_t), sizeof(uint64_t));
}

static void free_object(uint64_t PERCPU *object)
{
    percpu_free(object);
}

static size_t objects(void)
{
    return percpu_alloc_stats().objects;
}

static size_t areas(void)
{
    return percpu_area_num();
}

#ifdef PERCPU_PLATFORM_THREAD
#ifdef OF_BOTH
PERCPU_DEFINE(uint64_t, of_both) = 1;
#endif
#ifndef WORDS
#define WORDS 1000
#endif
/* A template of several pages, which are not all zeros; its parts are aligned differently. */
static __attribute__((aligned(ALIGN))) PERCPU_DEFINE(uint64_t[WORDS], strict) = {
    [WORDS - 1] = MODULE
};
static PERCPU_DEFINE_ISOLATED(uint64_t, alone) = MODULE;

static int init(void)
{
    return percpu_init_in_place();
}

static int fini(void)
{
    return percpu_fini();
}

static int claim(size_t cpu)
{
    return percpu_init_reg(cpu);
}

static void release(void)
{
    percpu_write_reg(0);
}

static int is_on(size_t cpu, uint64_t PERCPU *anothers)
{
    return percpu_cpu_id() == cpu && percpu_read_reg() == percpu_area_base(cpu) &&
           percpu_current_ptr_at(anothers) == percpu_remote_ptr_at(anothers, cpu) &&
           percpu_current_ptr(hits) == percpu_remote_ptr(hits, cpu) &&
           percpu_current_ptr_at(percpu_addr(hits)) == percpu_remote_ptr(hits, cpu) &&
           percpu_remote_read_at(anothers, cpu) == percpu_read_at(anothers) &&
           percpu_remote_ptr(hits, percpu_area_num()) == NULL &&
           percpu_area_base(cpu) + percpu_offset(hits) ==
               (uintptr_t)percpu_remote_ptr_raw(hits, cpu);
}

static int is_aligned(void)
{
    percpu_for_each(cpu) {
        if ((uintptr_t)percpu_remote_ptr(strict, cpu) % ALIGN != 0 ||
            (uintptr_t)percpu_remote_ptr(alone, cpu) % PERCPU_CACHE_LINE != 0 ||
            percpu_remote_read(strict[WORDS - 1], cpu) != MODULE ||
            percpu_remote_read(alone, cpu) != MODULE)
            return 0;
    }
    return 1;
}
#endif

#ifdef EARLY
/* Before the program's constructors. */
__attribute__((constructor)) static void use_early(void)
{
    uint64_t PERCPU *object;

#ifdef PERCPU_PLATFORM_THREAD
    if (percpu_init_in_place() <= 0 || percpu_init_reg(0) != 0 || !is_on(0, percpu_addr(hits)))
        __builtin_trap();
#endif
    percpu_inc(hits);
    percpu_reset_to_init(hits);
    object = alloc();
    if (percpu_area_num() == 0 || percpu_area_base(0) == 0 || !object)
        __builtin_trap();
    percpu_inc_at(object);
    percpu_free(object);
#ifdef PERCPU_PLATFORM_THREAD
    percpu_write_reg(0);
#endif
}
#endif

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
extern const struct module JOIN(module_, NAME);
const struct module JOIN(module_, NAME) = {
    .address = address,
    .work = work,
    .sum = sum,
    .table_sum = table_sum,
    .reset = reset,
    .areas = areas,
    .alloc = alloc,
    .free = free_object,
    .objects = objects,
#ifdef PERCPU_PLATFORM_THREAD
    .init = init,
    .fini = fini,
    .claim = claim,
    .release = release,
    .is_on = is_on,
    .is_aligned = is_aligned,
#else
    .info = percpu_info,
#endif
};
