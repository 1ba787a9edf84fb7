/* SPDX-License-Identifier: MIT */
/*
 * Dynamic memory: two-level segregated fit (Masmano et al., ECRTS 2004), in constant time.
 *
 * One allocation takes the same bytes of every CPU's copy, so that metadata exists once: for the
 * home copy, the first CPU's. A per-CPU pointer is an object's address in the home copy minus
 * `delta`.
 *
 * Memory is counted in granules of 8 bytes, each with a number of its own over all blocks. Two bits
 * for each granule lie outside of it:
 *
 *   start  something begins here: an object, or a free run
 *   busy   an object begins or ends here; also in the second granule of an object that is shared
 *
 * So a pointer can be checked, the neighbours of an object found, and objects need no headers. Free
 * runs are linked, through their own bytes in the home copy. Granules from `top` on were never
 * used: they hold zeros and have no bits set, except at `top`, where both bits mark the sentinel.
 */
#if __STDC_HOSTED__ && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "heap.h"

#ifdef PERCPU__HAS_HEAP

#include "heap_runs.h"

#if HOSTED
#include <sys/mman.h>
#include <unistd.h>
#endif

struct percpu__heap percpu__heap;

/* -- Taking ------------------------------------------------------------------------------------ */

/* Granules from g to the first one that is aligned in the home copy. */
static size_t padding_of(const struct block *b, granule g, size_t align)
{
    return (-home_of(b, g) & (align - 1)) / GRANULE;
}

/* The first of at most `tries` runs of a list that the object fits into. */
static granule find_in(struct list list, uint32_t size, size_t align, unsigned tries)
{
    granule g = percpu__heap.list[list.row][list.column];

    for (; g != NONE && tries != 0; tries--) {
        const struct block *b = block_of(g);
        check_run(b, g);
        if (run_size(b, g) >= (uint64_t)size + padding_of(b, g, align))
            return g;
        g = run_at(b, g)->next;
    }
    return NONE;
}

/*
 * Moves to the first list from this one on that is not empty, by the bit masks; false: none is
 * left.
 */
static bool next_list(struct list *list)
{
    uint32_t ones = 0;

    if (list->column < COLUMNS)
        ones = percpu__heap.columns[list->row] & (~0u << list->column);
    if (!ones) {
        uint32_t rows = percpu__heap.rows & (~0u << (list->row + 1));
        if (!rows)
            return false;
        list->row = lowest_bit(rows);
        ones = percpu__heap.columns[list->row];
    }
    list->column = lowest_bit(ones);
    return true;
}

/* A run of a list in which every run has at least this size. */
static granule find_larger(uint64_t size)
{
    struct list list;

    if (size >= COLUMNS)
        size += ((uint32_t)1 << (highest_bit((unsigned long)size) - COLUMN_BITS)) - 1;
    if (size > UINT32_MAX)
        return NONE;
    list = list_of((uint32_t)size);
    return next_list(&list) ? percpu__heap.list[list.row][list.column] : NONE;
}

/* Tries every run that may be large enough, in linear time: when nothing else is left. */
static granule find_anywhere(uint32_t size, size_t align)
{
    for (struct list list = list_of(size); next_list(&list); list.column++) {
        granule g = find_in(list, size, align, UINT32_MAX);
        if (g != NONE)
            return g;
    }
    return NONE;
}

/* A run that was taken out of its list. */
struct found {
    struct block *block;
    granule g;
    uint32_t size, dirty;
    granule top; /* granules from here on hold zeros */
};

/* Takes the free run before `top`, if there is one, and as much behind `top` as is missing. */
static bool grow_block(struct block *b, uint32_t size, size_t align, struct found *f)
{
    uint32_t free_before = run_before(b, b->top);
    granule from = b->top - free_before;
    uint64_t need = (uint64_t)size + padding_of(b, from, align);

    if (b->end - from < need)
        return false;
#ifdef PERCPU_PLATFORM_RSEQ
    if (!percpu__dynamic_grow(b->home, home_of(b, from + (granule)need)))
        return false;
#endif
    *f = (struct found){b, from, free_before, 0, b->top};
    if (free_before) {
        check_run(b, from);
        f->dirty = run_dirty(b, from, free_before);
        remove_run(b, from, free_before);
    }
    if (need > free_before) {
        clear_bit(b, b->top, BUSY);
        if (free_before)
            clear_bit(b, b->top, START);
        b->top = from + (granule)need;
        set_bit(b, b->top, START);
        set_bit(b, b->top, BUSY);
        f->size = (uint32_t)need;
        f->dirty += (uint32_t)need - free_before;
    }
    return true;
}

#ifdef PERCPU_PLATFORM_RSEQ
static bool add_piece(void)
{
    uintptr_t home;

    if (percpu__heap.blocks == BLOCKS)
        return false;
    home = percpu__dynamic_piece();
    if (home == 0)
        return false;
    if (percpu__heap_add_block(home, PIECE, true) == 0)
        return true;
    percpu__dynamic_give_back(home);
    return false;
}

/* Tries the newest block first: the others were full before it was added. */
static bool grow(uint32_t size, size_t align, struct found *f)
{
    unsigned blocks = percpu__heap.blocks;

    for (unsigned i = 0; i < blocks; i++)
        if (grow_block(&percpu__heap.block[i == 0 ? blocks - 1 : i - 1], size, align, f))
            return true;
    return add_piece() && grow_block(&percpu__heap.block[blocks], size, align, f);
}
#else
static bool grow(uint32_t size, size_t align, struct found *f)
{
    for (unsigned i = 0; i < percpu__heap.blocks; i++)
        if (grow_block(&percpu__heap.block[i], size, align, f))
            return true;
    return false;
}
#endif

static bool find(uint32_t size, size_t align, struct found *f)
{
    enum { TRIES = 4 };
    size_t lead = align > GRANULE ? align / GRANULE - 1 : 0;
    granule g = find_in(list_of(size), size, align, TRIES);

    if (g == NONE)
        g = find_larger((uint64_t)size + lead);
    if (g == NONE && grow(size, align, f))
        return true;
    if (g == NONE)
        g = find_anywhere(size, align);
    if (g == NONE)
        return false;
    f->block = block_of(g);
    check_run(f->block, g);
    f->g = g;
    f->size = run_size(f->block, g);
    f->dirty = run_dirty(f->block, g, f->size);
    f->top = f->block->top;
    remove_run(f->block, g, f->size);
    return true;
}

uintptr_t percpu__heap_take(uint32_t size, size_t align, uint32_t *used)
{
    struct found f;
    uint32_t lead, rest;
    granule g;

    if (!find(size, align, &f))
        return 0;
    lead = (uint32_t)padding_of(f.block, f.g, align); /* less than f.size */
    rest = f.size - lead - size;
    g = f.g + lead;
    if (lead)
        add_run(f.block, f.g, lead, smaller(lead, f.dirty));
    set_bit(f.block, g, START);
    set_bit(f.block, g, BUSY);
    set_bit(f.block, g + size - 1, BUSY);
    if (rest) {
        set_bit(f.block, g + size, START);
        add_run(f.block, g + size, rest, smaller(rest, f.dirty));
    }
    percpu__heap.objects++;
    percpu__heap.used += size;
    *used = f.top <= g ? 0 : smaller(size, f.top - g);
    return home_of(f.block, g);
}

/* -- Giving back ------------------------------------------------------------------------------- */

#if HOSTED

/* Smaller runs are not returned, since each page that is used again costs a fault. */
enum { RETURN_GRANULES = 256 * 1024 / 8 };

/*
 * Returns the whole pages of a run to the system, on every CPU; the pages hold zeros then. At the
 * end of a block `top` moves back, as if the pages had never been used. The result is the size of
 * the rest of the run.
 */
static uint32_t return_pages(struct block *b, granule g, uint32_t size, uint32_t *dirty)
{
    uintptr_t from = home_of(b, g) + sizeof(struct run), end = home_of(b, g + size);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bool is_last = g + size == b->top;

    /*
     * The bytes from `top` to the end of its page hold zeros, so that this page can be returned,
     * too.
     */
    from = (from + page - 1) & ~(uintptr_t)(page - 1);
    end = is_last ? (end + page - 1) & ~(uintptr_t)(page - 1)
                  : (end - sizeof(uint32_t)) & ~(uintptr_t)(page - 1);
    if (from >= end)
        return size;
    percpu_for_each(cpu) {
        uintptr_t copy = percpu__copy_on(from - percpu__heap.delta, cpu);
        if (madvise((void *)copy, end - from, MADV_DONTNEED) != 0)
            return size;
    }
    if (!is_last) {
        *dirty = size - (uint32_t)((end - from) / GRANULE);
        return size;
    }
    clear_bit(b, b->top, START);
    clear_bit(b, b->top, BUSY);
    b->top = b->first + (granule)((from - b->home) / GRANULE);
    set_bit(b, b->top, START);
    set_bit(b, b->top, BUSY);
    *dirty = b->top - g;
    return b->top - g;
}

#endif

void percpu__heap_give_back(struct block *b, granule g, uint32_t size)
{
    uint32_t other = run_before(b, g), dirty = size;

    percpu__heap.objects--;
    percpu__heap.used -= size;
    clear_bit(b, g, BUSY);
    clear_bit(b, g + size - 1, BUSY);
    if (other) {
        clear_bit(b, g, START);
        g -= other;
        check_run(b, g);
        dirty += run_dirty(b, g, other);
        remove_run(b, g, other);
        size += other;
    }
    if (!is_set(b, g + size, BUSY)) {
        other = run_size(b, g + size);
        dirty += run_dirty(b, g + size, other);
        remove_run(b, g + size, other);
        clear_bit(b, g + size, START);
        size += other;
    }
#if HOSTED
    /* At the end of a block `top` also moves back over pages that were returned before. */
    if (b->is_systems &&
        (dirty >= RETURN_GRANULES || (g + size == b->top && size - dirty >= RETURN_GRANULES)))
        size = return_pages(b, g, size, &dirty);
#endif
    add_run(b, g, size, dirty);
}

/* -- Blocks ------------------------------------------------------------------------------------ */

size_t percpu__heap_metadata(size_t granules)
{
    return (granules / WORD_BITS + 1) * 2 * sizeof(unsigned long);
}

int percpu__heap_add_block(uintptr_t home, size_t size, bool is_systems)
{
    struct block *b = &percpu__heap.block[percpu__heap.blocks];
#ifdef PERCPU_PLATFORM_RSEQ
    granule first = percpu__heap.blocks * BLOCK_NUMBERS + 1;
#else
    granule first = percpu__heap.blocks ? b[-1].end + 1 : 1;
#endif
    size_t granules = size / GRANULE, metadata = percpu__heap_metadata(granules);

    if (granules > UINT32_MAX - 2 - first)
        return -PERCPU_EOVERFLOW;
#if HOSTED
    b->bits = mmap(NULL, metadata, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b->bits == MAP_FAILED)
        return -PERCPU_ENOMEM;
#else
    granules -= metadata / GRANULE;
    b->bits = (unsigned long *)(home + granules * GRANULE);
#endif
    b->metadata = metadata;
    b->bytes = size;
    b->is_systems = is_systems;
    b->home = home;
    b->first = b->top = first;
    b->end = first + (granule)granules;
    set_bit(b, first, START);
    set_bit(b, first, BUSY);
    percpu__heap.blocks++;
#ifdef PERCPU_PLATFORM_RSEQ
    add_to_hash(b);
#endif
    return 0;
}

/* -- Objects, usage, reset --------------------------------------------------------------------- */

uint32_t percpu__heap_find(uintptr_t p, struct block **block, granule *g, const char **wrong)
{
    uintptr_t home = p + percpu__heap.delta, at;
    struct block *b = block_at(home);
    granule from;

    *wrong = "was never allocated";
    if (!b)
        return 0;
    at = home - b->home;
    *g = b->first + (granule)(at / GRANULE);
    if (at % GRANULE == 0 && is_set(b, *g, START) && is_set(b, *g, BUSY)) {
        *block = b;
        return next_start(b, *g) - *g;
    }
    from = start_before(b, *g);
    *wrong = is_set(b, from, BUSY) ? "lies inside of an object" : "is free already";
    return 0;
}

#ifdef PERCPU__HAS_SHARED
void percpu__heap_mark(const struct block *b, granule g, bool is_shared)
{
    (is_shared ? set_bit : clear_bit)(b, g + 1, BUSY);
}

bool percpu__heap_is_shared(const struct block *b, granule g, uint32_t size)
{
    return size >= LARGE && is_set(b, g + 1, BUSY);
}
#endif

void percpu__heap_usage(struct percpu_alloc_usage *all)
{
    size_t reserved = 0, committed = 0, metadata = 0; /* granules, granules, bytes */
    uint32_t largest = 0;

    for (unsigned i = 0; i < percpu__heap.blocks; i++) {
        const struct block *b = &percpu__heap.block[i];
        uint32_t run = b->end - b->top + run_before(b, b->top);

        reserved += b->end - b->first;
        committed += (b->is_systems ? b->top : b->end) - b->first;
        metadata += b->is_systems ? percpu__heap_metadata(b->top - b->first) : b->metadata;
        if (run > largest)
            largest = run;
    }
    if (percpu__heap.rows) {
        unsigned row = highest_bit(percpu__heap.rows);
        granule g = percpu__heap.list[row][highest_bit(percpu__heap.columns[row])];
        for (; g != NONE; g = run_at(block_of(g), g)->next) {
            uint32_t run = run_size(block_of(g), g);
            if (run > largest)
                largest = run;
        }
    }
#ifdef PERCPU_PLATFORM_RSEQ
    /* Pieces that the heap can still add count, too. */
    reserved = percpu__heap.is_ready ? BLOCKS * (PIECE / GRANULE) : 0;
    if (percpu__heap.is_ready && (percpu__heap.blocks < BLOCKS || largest > OBJECT_MAX))
        largest = OBJECT_MAX;
#endif
    all->objects = percpu__heap.objects;
    all->used = percpu__heap.used * GRANULE;
    all->reserved = reserved * GRANULE;
    all->committed = (committed - percpu__heap.returned) * GRANULE;
    all->metadata = metadata;
    all->largest_free = (size_t)largest * GRANULE;
}

#ifdef PERCPU_DEBUG
uintptr_t percpu__heap_any_object(void)
{
    for (unsigned i = 0; i < percpu__heap.blocks && percpu__heap.objects != 0; i++) {
        const struct block *b = &percpu__heap.block[i];
        for (granule g = b->first; g < b->top; g = next_start(b, g))
            if (is_set(b, g, BUSY))
                return home_of(b, g) - percpu__heap.delta;
    }
    return 0;
}
#endif

#ifndef PERCPU_PLATFORM_RSEQ
void percpu__heap_reset(void)
{
#if HOSTED
    for (unsigned i = 0; i < percpu__heap.blocks; i++)
        munmap(percpu__heap.block[i].bits, percpu__heap.block[i].metadata);
#endif
    percpu__zero((uintptr_t)&percpu__heap, sizeof(percpu__heap));
}
#endif

#endif
