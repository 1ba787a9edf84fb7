/* SPDX-License-Identifier: MIT */
/* Dynamic memory: the interface, and areas that come and go. */
#if __STDC_HOSTED__ && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "areas.h"
#include "heap.h"

#ifdef PERCPU__HAS_HEAP

#include "alloc_lock.h"

#ifdef PERCPU__HAS_SHARED
#include <unistd.h>
#endif

/* -- The calls --------------------------------------------------------------------------------- */

#ifndef PERCPU_PLATFORM_RSEQ
static int new_area(uintptr_t delta, uintptr_t base, uintptr_t end);
static void fini(void);
static const struct percpu__alloc_hooks hooks = {new_area, fini};
#endif

/* Called when the heap is needed. Returns 0 if the heap is ready, else a negative error. */
static int prepare_heap(void)
{
    struct percpu__memory memory;
    int error = 0;

    if (percpu__heap.is_ready)
        return 0;
#ifndef PERCPU_PLATFORM_RSEQ
    percpu__alloc_tell(&hooks); /* first: a CPU may be `arriving` */
#endif
    if (!percpu__dynamic_memory(&memory))
        return -PERCPU_ENOTINIT;
    percpu__heap.delta = memory.delta;
    percpu__heap.align = memory.align;
    if (memory.size != 0)
        error = percpu__heap_add_block(memory.home, memory.size, memory.is_systems);
    if (error == -PERCPU_ENOMEM)
        return error;
    percpu__heap.block[0].is_in_area = percpu__heap.blocks != 0;
    percpu__heap.is_ready = true;
    return 0;
}

static void PERCPU *alloc(size_t bytes, size_t align)
{
    size_t size = bytes / GRANULE + (bytes % GRANULE != 0);
    uintptr_t state, p = 0;
    uint32_t used = 0;

    if (size == 0 || size > OBJECT_MAX || align == 0 || (align & (align - 1)))
        return NULL;
    state = lock();
    if (prepare_heap() == 0 && align <= percpu__heap.align)
        p = percpu__heap_take((uint32_t)size, align, &used);
    if (p)
        p -= percpu__heap.delta;
    unlock(state);
    /* Zeroed without the lock: nobody else has the object, and new areas are made of zeros. */
    if (used)
        percpu_for_each(cpu)
            percpu__zero(percpu__copy_on((uintptr_t)p, cpu), (size_t)used * GRANULE);
    return (void PERCPU *)p;
}

/* Reports "percpu: CALL(0x123): WHAT"; p is not 0. The eighth report after this reuses the text. */
static void report_object(const char *call, uintptr_t p, const char *what)
{
    static char texts[8][120];
    static unsigned count;
    char *text = texts[__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED) % 8], *end = text;
    const char *parts[] = {"percpu: ", call, "(0x", NULL, "): ", what};

    for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (parts[i])
            for (const char *c = parts[i]; *c; c++)
                *end++ = *c;
        else
            for (unsigned shift = sizeof(p) * 8; shift > 0;)
                if (p >> (shift -= 4))
                    *end++ = "0123456789abcdef"[p >> shift & 15];
    }
    *end = 0;
    percpu__report(text);
}

/* Gives an object back that was found. False: it is shared, and there is no private memory. */
static bool release(uintptr_t p, struct block *b, granule g, uint32_t size)
{
#ifdef PERCPU__HAS_SHARED
    if (percpu__heap_is_shared(b, g, size)) {
        /* First: the heap's links in free runs are this process's. */
        if (!percpu__unshare(p, (size_t)size * GRANULE))
            return false;
        percpu__heap_mark(b, g, false);
    }
#endif
#ifdef PERCPU__WATCHED
    percpu__watch_freed(p, (size_t)size * GRANULE);
#endif
    (void)p;
    percpu__heap_give_back(b, g, size);
    return true;
}

static void free_object(void PERCPU *object)
{
    uintptr_t p = (uintptr_t)object, state;
    const char *wrong;
    struct block *b;
    uint32_t size;
    granule g;

    if (!p)
        return;
    state = lock();
    size = percpu__heap_find(p, &b, &g, &wrong);
    if (size && !release(p, b, g, size)) {
        wrong = "no private memory is left for the place of shared memory";
        size = 0;
    }
    unlock(state);
    if (!size)
        report_object("percpu_free", p, wrong);
}

#ifdef PERCPU__HAS_SHARED
/* An object of whole pages, for which shared ones are then mapped. */
static void PERCPU *alloc_shared(size_t bytes, size_t align)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t size = (bytes + page - 1) & ~(page - 1); /* 0 beyond SIZE_MAX */
    void PERCPU *object = alloc(size, align != 0 && page % align == 0 ? page : align);
    uintptr_t p = (uintptr_t)object, state;
    enum percpu__pages pages;
    const char *wrong;
    struct block *b;
    granule g;

    if (!object)
        return NULL;
    /* With the lock: a child that another thread forks has the object with a mark, or private. */
    state = lock();
    pages = percpu__share(p, size);
    if (pages == PERCPU__PAGES_SHARED && percpu__heap_find(p, &b, &g, &wrong))
        percpu__heap_mark(b, g, true);
    unlock(state);
    if (pages == PERCPU__PAGES_PRIVATE)
        free_object(object);
    return pages == PERCPU__PAGES_SHARED ? object : NULL;
}
#endif

static size_t size_of(const void PERCPU *object)
{
    uintptr_t p = (uintptr_t)object, state;
    const char *wrong;
    struct block *b;
    uint32_t size;
    granule g;

    if (!p)
        return 0;
    state = lock();
    size = percpu__heap_find(p, &b, &g, &wrong);
    unlock(state);
    if (!size)
        report_object("percpu_alloc_size", p, wrong);
    return (size_t)size * GRANULE;
}

static struct percpu_alloc_usage stats(void)
{
    struct percpu_alloc_usage all, copy;
    uintptr_t state = lock();

    (void)prepare_heap();
    percpu__heap_usage(&all);
    unlock(state);
    /* Member by member: at -Os GCC for riscv32 calls memcpy() for the structure. */
    copy.objects = all.objects;
    copy.used = all.used;
    copy.reserved = all.reserved;
    copy.committed = all.committed;
    copy.metadata = all.metadata;
    copy.largest_free = all.largest_free;
    return copy;
}

/* -- More memory, late CPUs, the end ----------------------------------------------------------- */

#ifndef PERCPU_PLATFORM_RSEQ

/* The address of a block's copy on the CPU with this delta. */
static uintptr_t block_copy(const struct block *b, uintptr_t delta)
{
    return b->home - percpu__heap.delta + delta;
}

/* Does [at, end) overlap the template, an area, or a CPU's copy of a block? */
static bool is_in_use(uintptr_t at, uintptr_t end)
{
    if (percpu__areas_overlap(at, end))
        return true;
    for (unsigned i = 0; i < percpu__heap.blocks; i++)
        percpu_for_each(cpu) {
            uintptr_t copy = block_copy(&percpu__heap.block[i], percpu__copy_on(0, cpu));
            if (percpu__overlap(at, end, copy, copy + percpu__heap.block[i].bytes))
                return true;
        }
    return false;
}

/* A block must have more granules than this: without mmap() the bits lie at its end. */
static size_t least_block(void)
{
    return HOSTED ? 0 : percpu__heap_metadata(1) / GRANULE + 1;
}

static int check_block(uintptr_t p, size_t size)
{
    percpu_for_each(cpu) {
        uintptr_t at = percpu__copy_on((uintptr_t)p, cpu), end;
        if (__builtin_add_overflow(at, size, &end))
            return -PERCPU_EOVERFLOW;
        if (is_in_use(at, end))
            return -PERCPU_EOVERLAP;
        percpu_for_each(other) {
            uintptr_t copy = percpu__copy_on((uintptr_t)p, other);
            if (other != cpu && percpu__overlap(at, end, copy, copy + size))
                return -PERCPU_EOVERLAP;
        }
    }
    return 0;
}

static int try_add_block(uintptr_t base, size_t size)
{
    uintptr_t state, p;
    int error;

    if (base == 0)
        return -PERCPU_ENULL;
    state = lock();
    error = prepare_heap();
    unlock(state);
    if (error)
        return error;
    if (percpu__next_cpu(0) != 0)
        return -PERCPU_ERANGE;
    if (base % GRANULE != 0)
        return -PERCPU_EALIGN;
    if (percpu__heap.blocks == BLOCKS)
        return -PERCPU_ENOMEM;
    size -= size % GRANULE;
    if (size / GRANULE <= least_block())
        return -PERCPU_EOVERFLOW;
    p = base - percpu__copy_on(0, 0);
    error = check_block(p, size);
    if (error)
        return error;
    percpu_for_each(cpu)
        percpu__zero(percpu__copy_on((uintptr_t)p, cpu), size);
    state = lock();
    error = percpu__heap_add_block(p + percpu__heap.delta, size, false);
    unlock(state);
    return error;
}

static int add_block_of_caller(void *base, size_t size)
{
    int error;

    percpu__areas_lock();
    error = try_add_block((uintptr_t)base, size);
    percpu__areas_unlock();
    return error;
}

static int check_area(uintptr_t delta, uintptr_t base, uintptr_t end)
{
    uintptr_t distance = delta - percpu__heap.delta;

    if (percpu__heap.blocks == 0) {
        while (distance & (percpu__heap.align - 1))
            percpu__heap.align /= 2;
        return 0;
    }
    if (distance & (percpu__heap.align - 1))
        return -PERCPU_EALIGN;
    for (unsigned i = 0; i < percpu__heap.blocks; i++) {
        const struct block *b = &percpu__heap.block[i];
        uintptr_t copy = block_copy(b, delta);

        if (is_in_use(base, end))
            return -PERCPU_EOVERLAP;
        if (b->is_in_area)
            continue;
        if (is_in_use(copy, copy + b->bytes) || percpu__overlap(base, end, copy, copy + b->bytes))
            return -PERCPU_EOVERLAP;
    }
    return 0;
}

/* A heap that is not ready sees the new area later, in percpu__dynamic_memory(). */
static int new_area(uintptr_t delta, uintptr_t base, uintptr_t end)
{
    uintptr_t state = lock();
    unsigned blocks = percpu__heap.is_ready ? percpu__heap.blocks : 0;
    int error = percpu__heap.is_ready ? check_area(delta, base, end) : 0;

    unlock(state);
    if (error)
        return error;
    for (unsigned i = 0; i < blocks; i++)
        if (!percpu__heap.block[i].is_in_area)
            percpu__zero(block_copy(&percpu__heap.block[i], delta), percpu__heap.block[i].bytes);
    return 0;
}

static void fini(void)
{
#ifdef PERCPU_DEBUG
    uintptr_t p = percpu__heap_any_object();

    if (p)
        report_object("percpu_fini", p, "was never given back");
#endif
    percpu__heap_reset();
}

#endif

/* -- The calls of the process ------------------------------------------------------------------ */

#ifdef PERCPU__HAS_MODULES
#if defined(PERCPU__HAS_SHARED)
#define OF_PLATFORM alloc_shared
#elif defined(PERCPU_PLATFORM_RSEQ)
#define OF_PLATFORM NULL
#else
#define OF_PLATFORM add_block_of_caller
#endif
static const struct percpu__allocator own_calls = {alloc, free_object, size_of, stats, OF_PLATFORM};
#define ALLOCATOR(call, own_call) percpu__allocator(&own_calls)->call
#else
#define ALLOCATOR(call, own_call) own_call
#endif

void PERCPU *percpu_alloc_bytes(size_t size, size_t align)
{
    return ALLOCATOR(alloc, alloc)(size, align);
}

void percpu_free(void PERCPU *p)
{
    ALLOCATOR(free, free_object)(p);
}

size_t percpu_alloc_size(const void PERCPU *p)
{
    return ALLOCATOR(size, size_of)(p);
}

struct percpu_alloc_usage percpu_alloc_stats(void)
{
    return ALLOCATOR(stats, stats)();
}

#ifdef PERCPU__HAS_SHARED
void PERCPU *percpu_alloc_shared(size_t size, size_t align)
{
    return ALLOCATOR(alloc_shared, alloc_shared)(size, align);
}
#endif

#ifndef PERCPU_PLATFORM_RSEQ
int percpu_alloc_add_block(void *base, size_t size)
{
    return ALLOCATOR(add_block, add_block_of_caller)(base, size);
}
#endif

#endif
