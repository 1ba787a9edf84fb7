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

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
extern const struct module JOIN(module_, NAME);
const struct module JOIN(module_, NAME) = {
    address, work, sum, table_sum, reset, areas, percpu_info, alloc, free_object, objects,
};
