/* SPDX-License-Identifier: MIT */
/* Back to the linked value, in every mode, whoever wrote before. */
#include "areas.h"

struct config {
    word limit;
    char name[24];
    int *target;
};

static int somewhere;
static PERCPU_DEFINE(word, level) = 5;
static PERCPU_DEFINE(int8_t, tiny) = -3;
static PERCPU_DEFINE(uint64_t, wide) = 0x123456789abcdef0;
static PERCPU_DEFINE(struct config, config) = {10, "initial", &somewhere};
static PERCPU_DEFINE(uint16_t[100], table) = {[0] = 1, [50] = 50, [99] = 99};
static PERCPU_DEFINE(word, zero);

static void check_initial(size_t cpu, void *unused)
{
    struct config *c = percpu_current_ptr(config);
    uint16_t *t = *percpu_current_ptr(table);
    unsigned sum = 0;

    (void)cpu;
    (void)unused;
    check_eq(percpu_read(level), 5);
    check_eq(percpu_read(tiny), -3);
    check_eq(percpu_read(wide), 0x123456789abcdef0);
    check_eq(percpu_read(zero), 0);
    check_eq(c->limit, 10);
    check_eq(memcmp(c->name, "initial", 8), 0);
    check_eq(c->name[23], 0);
    check_eq(c->target, &somewhere);
    for (int i = 0; i < 100; i++)
        sum += t[i];
    check(t[0] == 1 && t[50] == 50 && t[99] == 99 && sum == 150);
}

static void spoil(size_t cpu, void *unused)
{
    (void)unused;
    percpu_write(level, 100 + cpu);
    percpu_write(tiny, 99);
    percpu_write(wide, 0);
    percpu_write(zero, (word)-1);
    percpu_with_current(config, c) {
        memset(c, 0xff, sizeof *c);
    }
    memset(*percpu_current_ptr(table), 0xff, sizeof(uint16_t[100]));
}

static void reset(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    percpu_reset_to_init(level);
    check_eq(percpu_read(level), 5);
    percpu_reset_to_init(tiny);
    percpu_reset_to_init_at(percpu_addr(wide));
    percpu_reset_to_init(config);
    percpu_reset_to_init(table);
    percpu_reset_to_init(zero);
    check_eq(guards_held(), 0);
}

/* CPU 0 goes first: in place its area may be where the values were linked. */
static void reset_all(size_t bound)
{
    check_initial(0, NULL);
    spoil(0, NULL);
    if (bound > 1)
        on_cpu(bound - 1, check_initial, NULL);
    on_bound(spoil, NULL);
    on_bound(reset, NULL);
    on_bound(check_initial, NULL);
    spoil(0, NULL);
    reset(0, NULL);
    on_bound(check_initial, NULL);
}

TEST(reset_restores_the_linked_value)
{
    with_areas(reset_all);
}

static PERCPU_DEFINE(word[4], few) = {1, 2, 3, 4};
static PERCPU_DEFINE(struct config, part) = {1, "part", NULL};

/* A member or an element, nothing beside it. */
static void reset_part(size_t bound)
{
    struct config *c = percpu_current_ptr(part);
    word *f = *percpu_current_ptr(few);

    (void)bound;
    for (int i = 0; i < 4; i++)
        f[i] = 9;
    percpu_reset_to_init(few[2]);
    check(f[0] == 9 && f[1] == 9 && f[2] == 3 && f[3] == 9);
    c->limit = 9;
    memset(c->name, 'x', sizeof c->name);
    percpu_reset_to_init(part.name);
    check_eq(memcmp(c->name, "part", 5), 0);
    check_eq(c->limit, 9);
    percpu_reset_to_init(part.name[1]);
    percpu_reset_to_init(part.limit);
    check_eq(c->limit, 1);
}

TEST(reset_of_a_part)
{
    with_areas(reset_part);
}

/* 8 bytes that are no word: their alignment is that of 4. */
static struct odd {
    uint32_t before;
    struct half {
        uint32_t a, b;
    } halves;
    uint32_t after;
} spoiled = {9, {9, 9}, 9};
static PERCPU_DEFINE(struct odd, odd) __attribute__((aligned(8))) = {1, {2, 3}, 4};

static void reset_odd(size_t bound)
{
    struct odd *o = percpu_current_ptr(odd);

    (void)bound;
    *o = spoiled;
    percpu_reset_to_init(odd.halves);
    check(o->before == 9 && o->halves.a == 2 && o->halves.b == 3 && o->after == 9);
}

TEST(reset_of_misaligned_8_bytes)
{
    with_areas(reset_odd);
}

static PERCPU_DEFINE(word, here) = 1;

static void reset_here(size_t cpu, void *who)
{
    if (cpu == *(const size_t *)who)
        percpu_reset_to_init(here);
}

/* Only on the calling CPU. */
static void reset_one(size_t bound)
{
    size_t who = bound - 1;

    percpu_for_each(cpu)
        percpu_remote_write(here, cpu, 10 + cpu);
    on_bound(reset_here, &who);
    percpu_for_each(cpu)
        check_eq(percpu_remote_read(here, cpu), cpu == who ? 1 : 10 + cpu);
}

TEST(reset_is_of_the_current_cpu)
{
    with_areas(reset_one);
}
