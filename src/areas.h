/* SPDX-License-Identifier: MIT */
/*
 * bare, thread: the state of the areas, and arithmetic on it. On thread each module of a process
 * has these functions; they work on the state of the owner, the module whose template the areas are
 * copies of.
 */
#ifndef PERCPU_AREAS_H
#define PERCPU_AREAS_H

#include "internal.h"
#ifdef PERCPU_PLATFORM_THREAD
#include "fork.h"
#endif

#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)

#ifdef PERCPU_PLATFORM_THREAD
/* A module's template, and where its variables have their copies. */
struct percpu__module {
    const char *name;
    uintptr_t start, size; /* of its template */
    size_t align;          /* of its segments; the owner's: of its template */
    uintptr_t head;        /* address of its percpu__head */
    void (*copy)(uintptr_t area);
    uintptr_t first; /* per-CPU pointer of the template */
    const struct percpu__module *next;
};
#endif

/*
 * The state of the areas' memory for objects. On thread in place it is RESERVE_UNUSED at first,
 * since every area has such memory without being asked for it.
 */
enum {
    RESERVE_ASKED_FOR,
    RESERVE_UNUSED, /* given up when a CPU without it is added */
    RESERVE_USED,
    RESERVE_GONE,
};

enum { IDLE, STARTING, READY };

struct percpu__areas {
    int state; /* of the initialisation; on thread, which has a lock, never STARTING */
    size_t count;
    size_t reserve; /* bytes for objects, behind the template, that every area has */
    int reserve_state;
    const struct percpu__alloc_hooks *hooks;
    /*
     * The delta of a CPU that is being added: set before `hooks` is read, until the CPU has its
     * area.
     */
    uintptr_t arriving;
    size_t module_room; /* thread, in place: bytes before each area for other modules' variables */
    /* PERCPU_DEBUG: what the first percpu_init*() was called with. */
    uintptr_t first_base;
    size_t first_count;
#ifdef PERCPU_PLATFORM_THREAD
    struct percpu__fork_lock lock;
    struct percpu__module owner;
    uintptr_t image, image_end;           /* of the owner's template */
    uintptr_t load_address;               /* where the owner is loaded */
    const struct percpu__module *modules; /* all but the owner */
    size_t max_cpus;                      /* of the owner: its tables have so many entries */
    size_t modules_size;                  /* bytes that `modules` take before each area */
#endif
};

#ifdef PERCPU_PLATFORM_THREAD
extern struct percpu__areas *percpu__areas PERCPU__HIDDEN; /* the owner's; null before the start */

/*
 * The distance of areas is a multiple of this, the strictest alignment that other modules may need.
 */
#define PERCPU__MODULE_ALIGN ((size_t)1 << (sizeof(uintptr_t) == 8 ? 21 : 16))
#else
extern struct percpu__areas percpu__areas[1] PERCPU__HIDDEN; /* an array: used like a pointer */
#define PERCPU__MODULE_ALIGN ((size_t)1)
#endif

static inline size_t percpu__max_cpus(void)
{
#ifdef PERCPU_PLATFORM_THREAD
    return percpu__areas->max_cpus;
#else
    return PERCPU_MAX_CPUS;
#endif
}

/* -- The owner's template ---------------------------------------------------------------------- */

static inline uintptr_t percpu__owner_start(void)
{
#ifdef PERCPU_PLATFORM_THREAD
    return percpu__areas->owner.start;
#else
    return percpu__template_start();
#endif
}

static inline size_t percpu__owner_size(void)
{
#ifdef PERCPU_PLATFORM_THREAD
    return percpu__areas->owner.size;
#else
    return percpu__template_size();
#endif
}

static inline size_t percpu__owner_align(void)
{
#ifdef PERCPU_PLATFORM_THREAD
    return percpu__areas->owner.align;
#else
    return percpu__template_align();
#endif
}

/* Does [first, end) overlap the memory that the template is read from? */
static inline bool percpu__overlaps_owner(uintptr_t first, uintptr_t end)
{
    uintptr_t image, image_end;
#ifdef PERCPU_PLATFORM_THREAD
    image = percpu__areas->image;
    image_end = percpu__areas->image_end;
#else
    percpu__template_image(&image, &image_end);
#endif
    return percpu__overlap(first, end, image, image_end);
}

/* -- Arithmetic -------------------------------------------------------------------------------- */

enum { PERCPU__RESERVE_ALIGN = 4096 };

static inline size_t percpu__align_with(size_t room)
{
    size_t align = percpu__owner_align();
    return room != 0 && align < PERCPU__RESERVE_ALIGN ? PERCPU__RESERVE_ALIGN : align;
}

/* Where objects begin in an area: not in a cache line of variables. */
static inline size_t percpu__reserve_offset(void)
{
    return (percpu__owner_size() + PERCPU_CACHE_LINE - 1) & ~(size_t)(PERCPU_CACHE_LINE - 1);
}

/* The size of an area with `room` bytes for objects; 0: it does not fit the address space. */
static inline size_t percpu__stride_with(size_t room)
{
    size_t align = percpu__align_with(room),
           size = room != 0 ? percpu__reserve_offset() : percpu__owner_size();

    if (__builtin_add_overflow(size, room, &size) || size > SIZE_MAX - align)
        return 0;
    return (size + align - 1) & ~(align - 1);
}

static inline size_t percpu__stride(void)
{
    return percpu__stride_with(percpu__areas->reserve);
}

static inline uintptr_t percpu__area_of(size_t cpu)
{
    return percpu__owner_start() + PERCPU__DELTAS[cpu];
}

static inline struct percpu__head *percpu__head_at(uintptr_t delta)
{
#ifdef PERCPU_PLATFORM_THREAD
    return (struct percpu__head *)(percpu__areas->owner.head + delta);
#else
    /* A data word reaches VMA 0 from a distant image, where an instruction's address may not. */
    static const volatile uintptr_t head_vma = (uintptr_t)&__PERCPU_percpu__head;

    return (struct percpu__head *)(head_vma + delta);
#endif
}

static inline bool percpu__has_area(size_t cpu)
{
    return cpu < __atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&PERCPU__DELTAS[cpu], __ATOMIC_ACQUIRE) != PERCPU__ABSENT;
}

/* Changes reserve_state from RESERVE_UNUSED to `next`; true for the one caller that does. */
static inline bool percpu__reserve_becomes(int next)
{
    int unused = RESERVE_UNUSED;
    if (!PERCPU__SLOTS_FRESH)
        return false; /* never RESERVE_UNUSED; and caches may be off, where atomics fail */
    return __atomic_compare_exchange_n(&percpu__areas->reserve_state, &unused, next, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* -- Other modules: platform/thread_module.c --------------------------------------------------- */

#ifdef PERCPU_PLATFORM_THREAD
void percpu__make_variables(const struct percpu__module *m, size_t cpu) PERCPU__HIDDEN;
size_t percpu__module_room(size_t room) PERCPU__HIDDEN;

/* Called around fork(); pairs nest. */
void percpu__areas_before_fork(void) PERCPU__HIDDEN;
void percpu__areas_after_fork(void) PERCPU__HIDDEN;
void percpu__areas_in_child(void) PERCPU__HIDDEN;
#else
static inline size_t percpu__module_room(size_t room)
{
    (void)room;
    return 0;
}
#endif

/* Enters the initialisation, one caller at a time. Returns the state before it: IDLE or READY. */
int percpu__init_enter(void) PERCPU__HIDDEN;
void percpu__init_leave(int next) PERCPU__HIDDEN;

#endif

#endif
