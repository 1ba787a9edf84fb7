/* SPDX-License-Identifier: MIT */
/* The bits and the free runs of the heap. Part of heap.c. */
#ifndef PERCPU_HEAP_RUNS_H
#define PERCPU_HEAP_RUNS_H

#include "heap_blocks.h"

/* The head of a free run. A run's last 4 bytes are its size, too (a boundary tag). */
struct run {
    granule next, previous;
    uint32_t size;  /* not in a run of one granule */
    uint32_t dirty; /* granules that were not returned to the system; of LARGE runs only */
} __attribute__((may_alias));
enum { LARGE = 512 };

/* -- Bits -------------------------------------------------------------------------------------- */

/*
 * The index of the lowest and of the highest bit that is set. A kernel may have neither the
 * instructions nor the compiler's library, which the built-in functions then call.
 */
static unsigned lowest_bit(unsigned long x)
{
#if __STDC_HOSTED__
    return (unsigned)__builtin_ctzl(x);
#else
    unsigned n = 0;
    for (unsigned half = WORD_BITS / 2; half != 0; half /= 2)
        if (!(x & ((1ul << half) - 1))) {
            n += half;
            x >>= half;
        }
    return n;
#endif
}

static unsigned highest_bit(unsigned long x)
{
#if __STDC_HOSTED__
    return (unsigned)(WORD_BITS - 1) - (unsigned)__builtin_clzl(x);
#else
    unsigned n = 0;
    for (unsigned half = WORD_BITS / 2; half != 0; half /= 2)
        if (x >> half) {
            n += half;
            x >>= half;
        }
    return n;
#endif
}

enum kind { START, BUSY };

static unsigned long *word_of(const struct block *b, granule g, enum kind kind)
{
    return &b->bits[(g - b->first) / WORD_BITS * 2 + kind];
}

static unsigned long bit_of(const struct block *b, granule g)
{
    return 1ul << ((g - b->first) % WORD_BITS);
}

static bool is_set(const struct block *b, granule g, enum kind kind)
{
    return *word_of(b, g, kind) & bit_of(b, g);
}

static void set_bit(const struct block *b, granule g, enum kind kind)
{
    *word_of(b, g, kind) |= bit_of(b, g);
}

static void clear_bit(const struct block *b, granule g, enum kind kind)
{
    *word_of(b, g, kind) &= ~bit_of(b, g);
}

/* The next start after g: the sentinel, at `top`, at the latest. */
static granule next_start(const struct block *b, granule g)
{
    size_t at = g - b->first + 1, index = at / WORD_BITS;
    unsigned long ones = b->bits[index * 2 + START] >> (at % WORD_BITS);

    if (ones)
        return g + 1 + lowest_bit(ones);
    do
        ones = b->bits[++index * 2 + START];
    while (!ones);
    return b->first + (granule)(index * WORD_BITS) + lowest_bit(ones);
}

/* The last start at or before g: the block's first granule always is a start. */
static granule start_before(const struct block *b, granule g)
{
    size_t at = g - b->first, index = at / WORD_BITS;
    unsigned long ones = b->bits[index * 2 + START] & (~0ul >> (WORD_BITS - 1 - at % WORD_BITS));

    while (!ones)
        ones = b->bits[--index * 2 + START];
    return b->first + (granule)(index * WORD_BITS) + highest_bit(ones);
}

/* -- Free runs --------------------------------------------------------------------------------- */

static uintptr_t home_of(const struct block *b, granule g)
{
    return b->home + (uintptr_t)(g - b->first) * GRANULE;
}

static struct run *run_at(const struct block *b, granule g)
{
    return (struct run *)home_of(b, g);
}

/* Traps if no free run begins at g: somebody wrote to a run, whose links could lead anywhere. */
static void check_run(const struct block *b, granule g)
{
    if (__builtin_expect(!is_set(b, g, START) || is_set(b, g, BUSY), 0)) {
        percpu__report("percpu: memory was written after percpu_free()");
        __builtin_trap();
    }
}

static uint32_t run_size(const struct block *b, granule g)
{
    return is_set(b, g + 1, START) ? 1 : run_at(b, g)->size;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t run_dirty(const struct block *b, granule g, uint32_t size)
{
    return size < LARGE ? size : run_at(b, g)->dirty;
}

/* The size of the run that ends before g; 0 for none. */
static uint32_t run_before(const struct block *b, granule g)
{
    if (g == b->first || is_set(b, g - 1, BUSY))
        return 0;
    return is_set(b, g - 1, START) ? 1 : ((const percpu__u32 *)home_of(b, g))[-1];
}

struct list {
    unsigned row, column;
};

static struct list list_of(uint32_t size)
{
    struct list list = {0, size};
    if (size >= COLUMNS) {
        unsigned power = highest_bit(size);
        list.row = power - COLUMN_BITS + 1;
        list.column = (size >> (power - COLUMN_BITS)) & (COLUMNS - 1);
    }
    return list;
}

static void add_run(const struct block *b, granule g, uint32_t size, uint32_t dirty)
{
    struct list list = list_of(size);
    granule *head = &percpu__heap.list[list.row][list.column];
    percpu__u64 *granules = (percpu__u64 *)home_of(b, g);

    if (size >= LARGE)
        percpu__heap.returned += size - dirty;
    /* An 8-byte load after two 4-byte stores stalls (no store forwarding): write whole granules. */
    granules[0] = *head;
    if (size > 1)
        granules[1] = size | (uint64_t)dirty << 32;
    if (size > 1)
        granules[size - 1] = size == 2 ? size | (uint64_t)size << 32 : (uint64_t)size << 32;
    if (*head != NONE)
        run_at(block_of(*head), *head)->previous = g;
    *head = g;
    percpu__heap.rows |= 1u << list.row;
    percpu__heap.columns[list.row] |= 1u << list.column;
}

static void remove_run(const struct block *b, granule g, uint32_t size)
{
    struct list list = list_of(size);
    struct run *run = run_at(b, g);
    granule next = run->next, previous = run->previous;

    if (size >= LARGE)
        percpu__heap.returned -= size - run->dirty;
    if (next != NONE)
        run_at(block_of(next), next)->previous = previous;
    if (previous != NONE) {
        run_at(block_of(previous), previous)->next = next;
        return;
    }
    percpu__heap.list[list.row][list.column] = next;
    if (next != NONE)
        return;
    percpu__heap.columns[list.row] &= ~(1u << list.column);
    if (percpu__heap.columns[list.row] == 0)
        percpu__heap.rows &= ~(1u << list.row);
}

#endif
