/* SPDX-License-Identifier: MIT */
/*
 * Dynamic memory: two-level segregated fit (Masmano et al., ECRTS 2004), in constant time.
 *
 * One allocation takes the same bytes of every CPU's copy, so that the books are kept once. They
 * are about the home copy, the first CPU's; a per-CPU pointer is `delta` below an object's address
 * there.
 *
 * Memory is counted in granules of 8 bytes, each with a number of its own over all blocks. Two bits
 * for each lie outside of it:
 *
 *   start  something begins here: an object, or a free run
 *   busy   an object begins or ends here
 *
 * So a pointer can be checked, the neighbours of an object found, and objects need no headers. Free
 * runs are linked, through their own bytes in the home copy. Granules from `top` on were never
 * used: they hold zeros and no books are kept of them, but start and busy are set at top itself.
 */
#if __STDC_HOSTED__ && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "internal.h"

#if __STDC_HOSTED__ && !defined(PERCPU_PLATFORM_BARE)
#define HOSTED 1
#include "fork.h"
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#else
#define HOSTED 0
#endif

/* A freestanding single system without a port has no way to mask interrupts but its own lock. */
#if HOSTED || defined(PERCPU_ALLOC_LOCK) || defined(percpu__irq_save)

typedef uint32_t granule; /* a number; 0 is none */
#define NONE 0

#define GRANULE sizeof(uint64_t)
#define BITS (sizeof(unsigned long) * 8)

/* Free runs by size: up to 31 granules one list for each, then 32 lists for each power of two. */
enum { COLUMN_BITS = 5, COLUMNS = 1 << COLUMN_BITS, ROWS = 28 };

#ifdef PERCPU_PLATFORM_RSEQ
enum { BLOCKS = 1 };
#else
enum { BLOCKS = PERCPU_ALLOC_BLOCKS + 1 };
#endif

struct block {
    uintptr_t home;          /* address of its first granule's home copy */
    unsigned long *bits;     /* a word of start bits, a word of busy bits, and so on */
    size_t metadata;         /* bytes of these */
    size_t bytes;            /* of one CPU */
    bool is_in_area;         /* and goes with it */
    bool is_systems;         /* pages can be returned */
    granule first, top, end; /* numbers */
};

static struct {
    bool is_ready;
    unsigned blocks;
    struct block block[BLOCKS];
    uintptr_t delta; /* home copy minus per-CPU pointer */
    size_t align;
    size_t objects;
    size_t used;     /* granules of objects */
    size_t returned; /* granules of free runs whose pages the system has */
    uint32_t rows;   /* a bit for each row that has free runs */
    uint32_t columns[ROWS];
    granule list[ROWS][COLUMNS];
} heap;

/* The start of a free run. The last 4 bytes of one are its size, too. */
struct run {
    granule next, previous;
    uint32_t size;  /* not of a single granule */
    uint32_t dirty; /* granules that the system does not have; of LARGE ones only */
} __attribute__((may_alias));
enum { LARGE = 512 };

/* -- The lock ---------------------------------------------------------------------------------- */

#if HOSTED

static struct percpu__fork_lock fork_lock;

#ifdef PERCPU_ALLOC_LOCK
/* The word of the other lock says who has the program's. */
static uintptr_t take_lock(void)
{
    uintptr_t state = percpu_alloc_lock();

    __atomic_store_n(&fork_lock.word, (uintptr_t)pthread_self(), __ATOMIC_RELAXED);
    return state;
}

static void give_lock(uintptr_t state)
{
    __atomic_store_n(&fork_lock.word, 0, __ATOMIC_RELAXED);
    percpu_alloc_unlock(state);
}
#else
static uintptr_t take_lock(void)
{
    percpu__lock_take(&fork_lock);
    return 0;
}

static void give_lock(uintptr_t state)
{
    (void)state;
    percpu__lock_give(&fork_lock);
}
#endif

#elif defined(PERCPU_ALLOC_LOCK)

#define take_lock percpu_alloc_lock
#define give_lock percpu_alloc_unlock

#else

#ifndef PERCPU_PLATFORM_SINGLE
static int locked; /* not a byte: riscv exchanges words */
#endif

static uintptr_t take_lock(void)
{
    uintptr_t state = percpu__irq_save();
#ifndef PERCPU_PLATFORM_SINGLE
    while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
        while (__atomic_load_n(&locked, __ATOMIC_RELAXED))
            percpu__relax();
#endif
    return state;
}

static void give_lock(uintptr_t state)
{
#ifndef PERCPU_PLATFORM_SINGLE
    __atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
#endif
    percpu__irq_restore(state);
}

#endif

#if HOSTED

static uintptr_t lock(void)
{
    return percpu__is_forking(&fork_lock) ? 0 : take_lock();
}

static void unlock(uintptr_t state)
{
    if (!percpu__is_forking(&fork_lock))
        give_lock(state);
}

/* fork() copies the memory as it is: nobody may be at work. Locks in the order of all others. */
static uintptr_t state_in_fork;

static void before_fork(void)
{
#ifdef PERCPU_PLATFORM_THREAD
    if (percpu__areas) /* not before the constructor of this module's thread.c */
        percpu__areas->before_fork();
#endif
    if (percpu__fork_begins(&fork_lock)) {
        state_in_fork = take_lock();
        fork_lock.is_forking = true;
    }
}

static void after_fork(void)
{
    if (percpu__fork_ends(&fork_lock))
        give_lock(state_in_fork);
#ifdef PERCPU_PLATFORM_THREAD
    if (percpu__areas)
        percpu__areas->after_fork();
#endif
}

/* Before there are threads that allocate: one that forks meanwhile must not miss the lock. */
__attribute__((constructor(101))) static void tell_of_forks(void)
{
    if (pthread_atfork(before_fork, after_fork, after_fork) != 0)
        percpu_panic("percpu: pthread_atfork() failed");
}

#else
#define lock take_lock
#define unlock give_lock
#endif

/* -- Bits -------------------------------------------------------------------------------------- */

/*
 * The lowest and the highest one. A kernel may have neither the instructions nor the compiler's
 * library, which the built-in functions then call.
 */
static unsigned lowest(unsigned long x)
{
#if __STDC_HOSTED__
    return (unsigned)__builtin_ctzl(x);
#else
    unsigned n = 0;
    for (unsigned half = BITS / 2; half != 0; half /= 2)
        if (!(x & ((1ul << half) - 1))) {
            n += half;
            x >>= half;
        }
    return n;
#endif
}

static unsigned highest(unsigned long x)
{
#if __STDC_HOSTED__
    return (unsigned)(BITS - 1) - (unsigned)__builtin_clzl(x);
#else
    unsigned n = 0;
    for (unsigned half = BITS / 2; half != 0; half /= 2)
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
    return &b->bits[(g - b->first) / BITS * 2 + kind];
}

static unsigned long bit_of(const struct block *b, granule g)
{
    return 1ul << ((g - b->first) % BITS);
}

static bool is_set(const struct block *b, granule g, enum kind kind)
{
    return *word_of(b, g, kind) & bit_of(b, g);
}

static void set(const struct block *b, granule g, enum kind kind)
{
    *word_of(b, g, kind) |= bit_of(b, g);
}

static void clear(const struct block *b, granule g, enum kind kind)
{
    *word_of(b, g, kind) &= ~bit_of(b, g);
}

/* The next start after g, which there is: at top at the latest. */
static granule next_start(const struct block *b, granule g)
{
    size_t at = g - b->first + 1, index = at / BITS;
    unsigned long ones = b->bits[index * 2 + START] >> (at % BITS);

    if (ones)
        return g + 1 + lowest(ones);
    do
        ones = b->bits[++index * 2 + START];
    while (!ones);
    return b->first + (granule)(index * BITS) + lowest(ones);
}

/* The start at g or before, which there is. */
static granule start_before(const struct block *b, granule g)
{
    size_t at = g - b->first, index = at / BITS;
    unsigned long ones = b->bits[index * 2 + START] & (~0ul >> (BITS - 1 - at % BITS));

    while (!ones)
        ones = b->bits[--index * 2 + START];
    return b->first + (granule)(index * BITS) + highest(ones);
}

/* -- Free runs --------------------------------------------------------------------------------- */

static uintptr_t home_of(const struct block *b, granule g)
{
    return b->home + (uintptr_t)(g - b->first) * GRANULE;
}

static struct block *block_of(granule g)
{
    struct block *b = heap.block;
    while (BLOCKS > 1 && g >= b->end)
        b++;
    return b;
}

static struct run *run_at(const struct block *b, granule g)
{
    return (struct run *)home_of(b, g);
}

/* Somebody wrote to what was free, so that nothing that follows from it can be trusted. */
static void check_run(const struct block *b, granule g)
{
    if (__builtin_expect(!is_set(b, g, START) || is_set(b, g, BUSY), 0)) {
        percpu_panic("percpu: memory was written after percpu_free()");
        __builtin_trap();
    }
}

static uint32_t run_size(const struct block *b, granule g)
{
    return is_set(b, g + 1, START) ? 1 : run_at(b, g)->size;
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
        unsigned power = highest(size);
        list.row = power - COLUMN_BITS + 1;
        list.column = (size >> (power - COLUMN_BITS)) & (COLUMNS - 1);
    }
    return list;
}

static void insert(const struct block *b, granule g, uint32_t size, uint32_t dirty)
{
    struct list list = list_of(size);
    granule *head = &heap.list[list.row][list.column];
    percpu__u64 *granules = (percpu__u64 *)home_of(b, g);

    if (size >= LARGE)
        heap.returned += size - dirty;
    /* In granules, as percpu__zero() reads them: CPUs wait where a load takes two stores' bytes. */
    granules[0] = *head;
    if (size > 1)
        granules[1] = size | (uint64_t)dirty << 32;
    if (size > 1)
        granules[size - 1] = size == 2 ? size | (uint64_t)size << 32 : (uint64_t)size << 32;
    if (*head != NONE)
        run_at(block_of(*head), *head)->previous = g;
    *head = g;
    heap.rows |= 1u << list.row;
    heap.columns[list.row] |= 1u << list.column;
}

static void take_out(const struct block *b, granule g, uint32_t size)
{
    struct list list = list_of(size);
    struct run *run = run_at(b, g);
    granule next = run->next, previous = run->previous;

    if (size >= LARGE)
        heap.returned -= size - run->dirty;
    if (next != NONE)
        run_at(block_of(next), next)->previous = previous;
    if (previous != NONE) {
        run_at(block_of(previous), previous)->next = next;
        return;
    }
    heap.list[list.row][list.column] = next;
    if (next != NONE)
        return;
    heap.columns[list.row] &= ~(1u << list.column);
    if (heap.columns[list.row] == 0)
        heap.rows &= ~(1u << list.row);
}

/* -- Taking ------------------------------------------------------------------------------------ */

/* Granules from g to the first one that is aligned in the home copy. */
static size_t lead_of(const struct block *b, granule g, size_t align)
{
    return (-home_of(b, g) & (align - 1)) / GRANULE;
}

/* The first run, of `tries` at most, of a list that an object fits. */
static granule find_in(struct list list, uint32_t size, size_t align, unsigned tries)
{
    granule g = heap.list[list.row][list.column];

    for (; g != NONE && tries != 0; tries--) {
        const struct block *b = block_of(g);
        check_run(b, g);
        if (run_size(b, g) >= (uint64_t)size + lead_of(b, g, align))
            return g;
        g = run_at(b, g)->next;
    }
    return NONE;
}

/* The first list from this one on that is not empty, by columns and rows; false: none. */
static bool next_list(struct list *list)
{
    uint32_t ones = 0;

    if (list->column < COLUMNS)
        ones = heap.columns[list->row] & (~0u << list->column);
    if (!ones) {
        uint32_t rows = heap.rows & (~0u << (list->row + 1));
        if (!rows)
            return false;
        list->row = lowest(rows);
        ones = heap.columns[list->row];
    }
    list->column = lowest(ones);
    return true;
}

/* A run in whose list each fits. */
static granule find_larger(uint64_t size)
{
    struct list list;

    if (size >= COLUMNS)
        size += ((uint32_t)1 << (highest((unsigned long)size) - COLUMN_BITS)) - 1;
    if (size > UINT32_MAX)
        return NONE;
    list = list_of((uint32_t)size);
    return next_list(&list) ? heap.list[list.row][list.column] : NONE;
}

/* Each run that may fit. For when nothing else is left. */
static granule find_anywhere(uint32_t size, size_t align)
{
    for (struct list list = list_of(size); next_list(&list); list.column++) {
        granule g = find_in(list, size, align, UINT32_MAX);
        if (g != NONE)
            return g;
    }
    return NONE;
}

/* A run that is in no list any more. */
struct found {
    struct block *block;
    granule g;
    uint32_t size, dirty;
    granule top; /* from here on it holds zeros */
};

/* What is free at the end of a block, and as much behind top as it takes. */
static bool grow(uint32_t size, size_t align, struct found *f)
{
    for (unsigned i = 0; i < heap.blocks; i++) {
        struct block *b = &heap.block[i];
        uint32_t before = run_before(b, b->top);
        granule from = b->top - before;
        uint64_t need = (uint64_t)size + lead_of(b, from, align);

        if (b->end - from < need)
            continue;
#ifdef PERCPU_PLATFORM_RSEQ
        if (!percpu__dynamic_grow(home_of(b, from + (granule)need)))
            return false;
#endif
        *f = (struct found){b, from, before, 0, b->top};
        if (before) {
            check_run(b, from);
            f->dirty = run_dirty(b, from, before);
            take_out(b, from, before);
        }
        if (need > before) {
            clear(b, b->top, BUSY);
            if (before)
                clear(b, b->top, START);
            b->top = from + (granule)need;
            set(b, b->top, START);
            set(b, b->top, BUSY);
            f->size = (uint32_t)need;
            f->dirty += (uint32_t)need - before;
        }
        return true;
    }
    return false;
}

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
    take_out(f->block, g, f->size);
    return true;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* An object's address, or 0. `used` is how many of its granules may hold something. */
static uintptr_t take(uint32_t size, size_t align, uint32_t *used)
{
    struct found f;
    uint32_t lead, rest;
    granule g;

    if (!find(size, align, &f))
        return 0;
    lead = (uint32_t)lead_of(f.block, f.g, align); /* less than f.size */
    rest = f.size - lead - size;
    g = f.g + lead;
    if (lead)
        insert(f.block, f.g, lead, smaller(lead, f.dirty));
    set(f.block, g, START);
    set(f.block, g, BUSY);
    set(f.block, g + size - 1, BUSY);
    if (rest) {
        set(f.block, g + size, START);
        insert(f.block, g + size, rest, smaller(rest, f.dirty));
    }
    heap.objects++;
    heap.used += size;
    *used = f.top <= g ? 0 : smaller(size, f.top - g);
    return home_of(f.block, g);
}

/* -- Giving back ------------------------------------------------------------------------------- */

#if HOSTED

/* Not for less than this, since pages that are used again cost a fault each. */
enum { RETURN_GRANULES = 256 * 1024 / 8 };
static size_t page;

/*
 * The system gets the whole pages of a run, on every CPU, and they hold zeros then. What is at the
 * end becomes as if never used. Returns the size of what is left.
 */
static uint32_t return_pages(struct block *b, granule g, uint32_t size, uint32_t *dirty)
{
    uintptr_t from = home_of(b, g) + sizeof(struct run), end = home_of(b, g + size);
    bool is_last = g + size == b->top;

    /* What is behind top, to the end of its page, holds zeros. */
    from = (from + page - 1) & ~(uintptr_t)(page - 1);
    end = is_last ? (end + page - 1) & ~(uintptr_t)(page - 1)
                  : (end - sizeof(uint32_t)) & ~(uintptr_t)(page - 1);
    if (from >= end)
        return size;
    percpu_for_each(cpu) {
        uintptr_t copy = percpu__copy_on(from - heap.delta, cpu);
        if (madvise((void *)copy, end - from, MADV_DONTNEED) != 0)
            return size;
    }
    if (!is_last) {
        *dirty = size - (uint32_t)((end - from) / GRANULE);
        return size;
    }
    clear(b, b->top, START);
    clear(b, b->top, BUSY);
    b->top = b->first + (granule)((from - b->home) / GRANULE);
    set(b, b->top, START);
    set(b, b->top, BUSY);
    *dirty = b->top - g;
    return b->top - g;
}

#endif

static void give_back(struct block *b, granule g, uint32_t size)
{
    uint32_t other = run_before(b, g), dirty = size;

    heap.objects--;
    heap.used -= size;
    clear(b, g, BUSY);
    clear(b, g + size - 1, BUSY);
    if (other) {
        clear(b, g, START);
        g -= other;
        check_run(b, g);
        dirty += run_dirty(b, g, other);
        take_out(b, g, other);
        size += other;
    }
    if (!is_set(b, g + size, BUSY)) {
        other = run_size(b, g + size);
        dirty += run_dirty(b, g + size, other);
        take_out(b, g + size, other);
        clear(b, g + size, START);
        size += other;
    }
#if HOSTED
    /* At the end of a block also to forget what was returned before, piece by piece. */
    if (b->is_systems &&
        (dirty >= RETURN_GRANULES || (g + size == b->top && size - dirty >= RETURN_GRANULES)))
        size = return_pages(b, g, size, &dirty);
#endif
    insert(b, g, size, dirty);
}

/* -- Blocks ------------------------------------------------------------------------------------ */

/* Room for the bits of `granules`, and of one more. */
static size_t metadata_of(size_t granules)
{
    return (granules / BITS + 1) * 2 * sizeof(unsigned long);
}

/*
 * Zeroed memory: more than least_block(), which what an area has is, being cache lines.
 * -PERCPU_EOVERFLOW: it is too large for numbers; -PERCPU_ENOMEM: there is no memory for its bits
 * now.
 */
static int add_block(uintptr_t home, size_t size, bool is_systems)
{
    struct block *b = &heap.block[heap.blocks];
    granule first = heap.blocks ? b[-1].end + 1 : 1;
    size_t granules = size / GRANULE, metadata = metadata_of(granules);

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
    set(b, first, START);
    set(b, first, BUSY);
    heap.blocks++;
    return 0;
}

#ifndef PERCPU_PLATFORM_RSEQ
static int new_area(uintptr_t delta, uintptr_t base, uintptr_t end);
static void fini(void);
static const struct percpu__alloc_hooks hooks = {new_area, fini};
#endif

/* At a call that needs the heap, until it is ready. 0, or a negative error: not yet. */
static int start(void)
{
    struct percpu__memory memory;
    int error = 0;

    if (heap.is_ready)
        return 0;
#ifndef PERCPU_PLATFORM_RSEQ
    percpu__alloc_tell(&hooks); /* first: a CPU may be coming */
#endif
    if (!percpu__dynamic_memory(&memory))
        return -PERCPU_ENOTINIT;
#if HOSTED
    page = (size_t)sysconf(_SC_PAGESIZE);
#endif
    heap.delta = memory.delta;
    heap.align = memory.align;
    if (memory.size != 0)
        error = add_block(memory.home, memory.size, memory.is_systems);
    if (error == -PERCPU_ENOMEM)
        return error;
    heap.block[0].is_in_area = heap.blocks != 0;
    heap.is_ready = true;
    return 0;
}

/* -- The calls --------------------------------------------------------------------------------- */

static void PERCPU *alloc(size_t bytes, size_t align)
{
    size_t size = bytes / GRANULE + (bytes % GRANULE != 0);
    uintptr_t state, p = 0;
    uint32_t used = 0;

    if (size == 0 || size > UINT32_MAX / 2 || align == 0 || (align & (align - 1)))
        return NULL;
    state = lock();
    if (start() == 0 && align <= heap.align)
        p = take((uint32_t)size, align, &used);
    if (p)
        p -= heap.delta;
    unlock(state);
    /* It is nobody else's by now. Where an area is made meanwhile, it is made of zeros. */
    if (used)
        percpu_for_each(cpu)
            percpu__zero(percpu__copy_on((uintptr_t)p, cpu), (size_t)used * GRANULE);
    return (void PERCPU *)p;
}

/* "percpu: CALL(0x123): WHAT". Never of 0. Kept until a handful of further ones has come. */
static void report(const char *call, uintptr_t p, const char *what)
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
            for (unsigned digits = highest(p) / 4 + 1; digits-- > 0;)
                *end++ = "0123456789abcdef"[p >> (digits * 4) & 15];
    }
    *end = 0;
    percpu_panic(text);
}

/* The object that begins at p, or NONE and what is wrong instead. */
static granule object_at(uintptr_t p, struct block **block, const char **wrong)
{
    uintptr_t home = p + heap.delta;

    *wrong = "was never allocated";
    for (unsigned i = 0; i < heap.blocks; i++) {
        struct block *b = &heap.block[i];
        uintptr_t at = home - b->home;
        granule g = b->first + (granule)(at / GRANULE), from;

        if (at >= (uintptr_t)(b->top - b->first) * GRANULE)
            continue;
        if (at % GRANULE == 0 && is_set(b, g, START) && is_set(b, g, BUSY)) {
            *block = b;
            return g;
        }
        from = start_before(b, g);
        *wrong = is_set(b, from, BUSY) ? "lies inside of an object" : "is free already";
        return NONE;
    }
    return NONE;
}

static void free_object(void PERCPU *object)
{
    uintptr_t p = (uintptr_t)object, state;
    const char *wrong;
    struct block *b = NULL;
    granule g;

    if (!p)
        return;
    state = lock();
    g = object_at(p, &b, &wrong);
    if (g != NONE) {
#ifdef PERCPU__WATCHED
        percpu__watch_freed(p, (size_t)(next_start(b, g) - g) * GRANULE);
#endif
        give_back(b, g, next_start(b, g) - g);
    }
    unlock(state);
    if (g == NONE)
        report("percpu_free", p, wrong);
}

static size_t size_of(const void PERCPU *object)
{
    uintptr_t p = (uintptr_t)object, state;
    const char *wrong;
    struct block *b = NULL;
    size_t size = 0;
    granule g;

    if (!p)
        return 0;
    state = lock();
    g = object_at(p, &b, &wrong);
    if (g != NONE)
        size = (size_t)(next_start(b, g) - g) * GRANULE;
    unlock(state);
    if (g == NONE)
        report("percpu_alloc_size", p, wrong);
    return size;
}

static struct percpu_alloc_usage stats(void)
{
    struct percpu_alloc_usage all;
    uintptr_t state = lock();
    size_t reserved = 0, committed = 0, metadata = 0; /* granules, granules, bytes */
    uint32_t largest = 0;

    (void)start();
    for (unsigned i = 0; i < heap.blocks; i++) {
        const struct block *b = &heap.block[i];
        uint32_t run = b->end - b->top + run_before(b, b->top);

        reserved += b->end - b->first;
        committed += (b->is_systems ? b->top : b->end) - b->first;
        metadata += b->is_systems ? metadata_of(b->top - b->first) : b->metadata;
        if (run > largest)
            largest = run;
    }
    if (heap.rows) {
        unsigned row = highest(heap.rows);
        granule g = heap.list[row][highest(heap.columns[row])];
        for (; g != NONE; g = run_at(block_of(g), g)->next) {
            uint32_t run = run_size(block_of(g), g);
            if (run > largest)
                largest = run;
        }
    }
    /* Member by member: a structure of zeros to begin with would be a call of memset(). */
    all.objects = heap.objects;
    all.used = heap.used * GRANULE;
    all.reserved = reserved * GRANULE;
    all.committed = (committed - heap.returned) * GRANULE;
    all.metadata = metadata;
    all.largest_free = (size_t)largest * GRANULE;
    unlock(state);
    return all;
}

/* -- More memory, late CPUs, the end ----------------------------------------------------------- */

#ifndef PERCPU_PLATFORM_RSEQ

static bool overlap(uintptr_t a, uintptr_t a_end, uintptr_t b, uintptr_t b_end)
{
    return a < b_end && b < a_end;
}

/* Where the CPU with this delta has its copy of a block. */
static uintptr_t copy_of(const struct block *b, uintptr_t delta)
{
    return b->home - heap.delta + delta;
}

/* Does [at, end) overlap anything that is there? */
static bool is_taken(uintptr_t at, uintptr_t end)
{
    if (percpu__areas_overlap(at, end))
        return true;
    for (unsigned i = 0; i < heap.blocks; i++)
        percpu_for_each(cpu) {
            uintptr_t copy = copy_of(&heap.block[i], percpu__copy_on(0, cpu));
            if (overlap(at, end, copy, copy + heap.block[i].bytes))
                return true;
        }
    return false;
}

/* Granules that a block needs to be of use. On bare its end is the bits' place. */
static size_t least_block(void)
{
    return HOSTED ? 0 : metadata_of(1) / GRANULE + 1;
}

static int check_block(uintptr_t p, size_t size)
{
    percpu_for_each(cpu) {
        uintptr_t at = percpu__copy_on((uintptr_t)p, cpu), end;
        if (__builtin_add_overflow(at, size, &end))
            return -PERCPU_EOVERFLOW;
        if (is_taken(at, end))
            return -PERCPU_EOVERLAP;
        percpu_for_each(other) {
            uintptr_t copy = percpu__copy_on((uintptr_t)p, other);
            if (other != cpu && overlap(at, end, copy, copy + size))
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
    error = start();
    unlock(state);
    if (error)
        return error;
    if (percpu__next_cpu(0) != 0)
        return -PERCPU_ERANGE;
    if (base % GRANULE != 0)
        return -PERCPU_EALIGN;
    if (heap.blocks == BLOCKS)
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
    error = add_block(p + heap.delta, size, false);
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
    uintptr_t distance = delta - heap.delta;

    if (heap.blocks == 0) {
        while (distance & (heap.align - 1))
            heap.align /= 2;
        return 0;
    }
    if (distance & (heap.align - 1))
        return -PERCPU_EALIGN;
    for (unsigned i = 0; i < heap.blocks; i++) {
        const struct block *b = &heap.block[i];
        uintptr_t copy = copy_of(b, delta);

        if (is_taken(base, end))
            return -PERCPU_EOVERLAP;
        if (b->is_in_area)
            continue;
        if (is_taken(copy, copy + b->bytes) || overlap(base, end, copy, copy + b->bytes))
            return -PERCPU_EOVERLAP;
    }
    return 0;
}

/* A heap that is not ready has not asked yet what is coming. */
static int new_area(uintptr_t delta, uintptr_t base, uintptr_t end)
{
    uintptr_t state = lock();
    unsigned blocks = heap.is_ready ? heap.blocks : 0;
    int error = heap.is_ready ? check_area(delta, base, end) : 0;

    unlock(state);
    if (error)
        return error;
    for (unsigned i = 0; i < blocks; i++)
        if (!heap.block[i].is_in_area)
            percpu__zero(copy_of(&heap.block[i], delta), heap.block[i].bytes);
    return 0;
}

static void fini(void)
{
#ifdef PERCPU_DEBUG
    for (unsigned i = 0; i < heap.blocks && heap.objects != 0; i++) {
        const struct block *b = &heap.block[i];
        for (granule g = b->first; g < b->top; g = next_start(b, g))
            if (is_set(b, g, BUSY)) {
                report("percpu_fini", home_of(b, g) - heap.delta, "was never given back");
                heap.objects = 0; /* one report */
                break;
            }
    }
#endif
#if HOSTED
    for (unsigned i = 0; i < heap.blocks; i++)
        munmap(heap.block[i].bits, heap.block[i].metadata);
#endif
    percpu__zero((uintptr_t)&heap, sizeof(heap));
}

#endif

/* -- The calls of the process ------------------------------------------------------------------ */

#ifdef PERCPU__HAS_MODULES
#ifdef PERCPU_PLATFORM_RSEQ
#define add_block_of_caller NULL
#endif
static const struct percpu__allocator own = {alloc, free_object, size_of, stats,
                                             add_block_of_caller};
#define OF_THE_PROCESS(call, own_call) percpu__allocator(&own)->call
#else
#define OF_THE_PROCESS(call, own_call) own_call
#endif

void PERCPU *percpu_alloc_bytes(size_t size, size_t align)
{
    return OF_THE_PROCESS(alloc, alloc)(size, align);
}

void percpu_free(void PERCPU *p)
{
    OF_THE_PROCESS(free, free_object)(p);
}

size_t percpu_alloc_size(const void PERCPU *p)
{
    return OF_THE_PROCESS(size, size_of)(p);
}

struct percpu_alloc_usage percpu_alloc_stats(void)
{
    return OF_THE_PROCESS(stats, stats)();
}

#ifndef PERCPU_PLATFORM_RSEQ
int percpu_alloc_add_block(void *base, size_t size)
{
    return OF_THE_PROCESS(add_block, add_block_of_caller)(base, size);
}
#endif

#endif
