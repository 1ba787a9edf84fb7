/* SPDX-License-Identifier: MIT */
/* The blocks of the heap, by number and by address. Part of heap_runs.h and heap.c. */
#ifndef PERCPU_HEAP_BLOCKS_H
#define PERCPU_HEAP_BLOCKS_H

#include "heap.h"

static struct block *block_of(granule g)
{
#ifdef PERCPU_PLATFORM_RSEQ
    return &percpu__heap.block[g / BLOCK_NUMBERS];
#else
    struct block *b = percpu__heap.block;
    while (g >= b->end)
        b++;
    return b;
#endif
}

#ifdef PERCPU_PLATFORM_RSEQ

/*
 * Hash of the 4 MiB unit that an address lies in. A block lies in two units at most, and has a slot
 * of the hash table for each.
 */
static unsigned hash_slot(uintptr_t address)
{
    return (unsigned)((uint64_t)(address >> 22) * 0x9e3779b97f4a7c15u >> 32) % HASH_SLOTS;
}

static void add_to_hash(const struct block *b)
{
    for (uintptr_t at = b->home >> 22 << 22; at < b->home + b->bytes; at += 1 << 22) {
        unsigned slot = hash_slot(at);

        while (percpu__heap.hash[slot] != 0)
            slot = (slot + 1) % HASH_SLOTS;
        percpu__heap.hash[slot] = (uint16_t)(b - percpu__heap.block + 1);
    }
}

/* The block whose used granules contain the address, or NULL. */
static struct block *block_at(uintptr_t home)
{
    for (unsigned slot = hash_slot(home); percpu__heap.hash[slot] != 0;
         slot = (slot + 1) % HASH_SLOTS) {
        struct block *b = &percpu__heap.block[percpu__heap.hash[slot] - 1];

        if (home - b->home < (uintptr_t)(b->top - b->first) * GRANULE)
            return b;
    }
    return NULL;
}

#else

static struct block *block_at(uintptr_t home)
{
    for (unsigned i = 0; i < percpu__heap.blocks; i++) {
        struct block *b = &percpu__heap.block[i];

        if (home - b->home < (uintptr_t)(b->top - b->first) * GRANULE)
            return b;
    }
    return NULL;
}

#endif

#endif
