/* SPDX-License-Identifier: MIT */
/*
 * The heap of dynamic memory: what its algorithm (heap.c) offers to the interface (alloc.c).
 * Callers hold the lock of alloc.c.
 */
#ifndef PERCPU_HEAP_H
#define PERCPU_HEAP_H

#include "internal.h"

#if __STDC_HOSTED__ && !defined(PERCPU_PLATFORM_BARE)
#define HOSTED 1
#else
#define HOSTED 0
#endif

/* Freestanding single without a port cannot mask interrupts: it needs PERCPU_ALLOC_LOCK. */
#if HOSTED || defined(PERCPU_ALLOC_LOCK) || defined(percpu__irq_save)
#define PERCPU__HAS_HEAP 1
#endif

typedef uint32_t granule; /* a granule's number; 0 is none */
#define NONE 0

#define GRANULE sizeof(uint64_t)
#define WORD_BITS (sizeof(unsigned long) * 8)

/* Lists of free runs: one for each size up to 31 granules, then 32 for each power of two. */
enum { COLUMN_BITS = 5, COLUMNS = 1 << COLUMN_BITS, ROWS = 28 };

/*
 * rseq: a block is a piece of the platform's memory, which is added when the other blocks have no
 * room. The blocks' granule numbers begin BLOCK_NUMBERS apart, so that a number tells the block. An
 * object has at most OBJECT_MAX granules.
 */
#ifdef PERCPU_PLATFORM_RSEQ
enum { BLOCKS = UINTPTR_MAX > 0xffffffff ? 512 : 64, HASH_SLOTS = 4 * BLOCKS };
enum { BLOCK_NUMBERS = 1 << 19 };
#define OBJECT_MAX (((size_t)1 << 20) / GRANULE)
#else
enum { BLOCKS = PERCPU_ALLOC_BLOCKS + 1 };
#define OBJECT_MAX (UINT32_MAX / 2)
#endif

struct block {
    uintptr_t home;          /* address of its first granule's home copy */
    unsigned long *bits;     /* a word of start bits, a word of busy bits, and so on */
    size_t metadata;         /* bytes of `bits` */
    size_t bytes;            /* of one CPU */
    bool is_in_area;         /* its copies lie in the areas, and go with them */
    bool is_systems;         /* pages can be returned to the system */
    granule first, top, end; /* granules' numbers */
};

extern struct percpu__heap {
    bool is_ready;
    unsigned blocks;
    struct block block[BLOCKS];
    uintptr_t delta; /* home copy minus per-CPU pointer */
    size_t align;
    size_t objects;
    size_t used;     /* granules of objects */
    size_t returned; /* granules of free runs whose pages were returned */
    uint32_t rows;   /* a bit for each row that has free runs */
    uint32_t columns[ROWS];
    granule list[ROWS][COLUMNS];
#ifdef PERCPU_PLATFORM_RSEQ
    uint16_t hash[HASH_SLOTS]; /* hash table by address: a block's index plus 1; 0: free */
#endif
} percpu__heap PERCPU__HIDDEN;

/*
 * Returns an object's address in the home copy, or 0. *used is how many of its first granules may
 * hold something.
 */
uintptr_t percpu__heap_take(uint32_t size, size_t align, uint32_t *used) PERCPU__HIDDEN;

/*
 * Finds the object that begins at p. Returns its size in granules, or 0 and in *wrong the reason.
 */
uint32_t percpu__heap_find(uintptr_t p, struct block **block, granule *g,
                           const char **wrong) PERCPU__HIDDEN;

void percpu__heap_give_back(struct block *b, granule g, uint32_t size) PERCPU__HIDDEN;

#ifdef PERCPU__HAS_SHARED
/*
 * The mark of an object in shared pages, which has LARGE granules or more. It is taken away before
 * the object is given back.
 */
void percpu__heap_mark(const struct block *b, granule g, bool is_shared) PERCPU__HIDDEN;
bool percpu__heap_is_shared(const struct block *b, granule g, uint32_t size) PERCPU__HIDDEN;
#endif

/* Bytes of the bits for `granules` granules and for the sentinel. */
size_t percpu__heap_metadata(size_t granules) PERCPU__HIDDEN;

/*
 * Adds a block of zeroed memory, of more than least_block() granules: the memory of areas always
 * has more, being whole cache lines. Returns -PERCPU_EOVERFLOW if fewer numbers are left than there
 * are granules, -PERCPU_ENOMEM if there is no memory for the block's bits.
 */
int percpu__heap_add_block(uintptr_t home, size_t size, bool is_systems) PERCPU__HIDDEN;

void percpu__heap_usage(struct percpu_alloc_usage *all) PERCPU__HIDDEN;

/* PERCPU_DEBUG: the per-CPU pointer of an object, or 0. */
uintptr_t percpu__heap_any_object(void) PERCPU__HIDDEN;

void percpu__heap_reset(void) PERCPU__HIDDEN;

#endif
