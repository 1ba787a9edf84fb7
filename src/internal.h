/* SPDX-License-Identifier: MIT */
/* What areas.c needs of a platform. Addresses of the template are link addresses (VMA). */
#ifndef PERCPU_INTERNAL_H
#define PERCPU_INTERNAL_H

#include <percpu/alloc.h>
#include <percpu/percpu.h>

/* First address, bytes, and strictest alignment (a power of two, at least 64) of the template. */
uintptr_t percpu__template_start(void) PERCPU__HIDDEN;
size_t percpu__template_size(void) PERCPU__HIDDEN;
size_t percpu__template_align(void) PERCPU__HIDDEN;

/* 0, or a negative error: it is not linked, loaded or as fresh as it must be. */
int percpu__template_check(void) PERCPU__HIDDEN;

/*
 * Calls percpu_panic(), which may return. From inside of percpu_panic() on the same CPU (hosted: in
 * the same thread) it traps instead.
 */
PERCPU__CALLED void percpu__report(const char *message);

/* PERCPU_RESTART: puts the table of sequences in order. False: it is no such table. */
bool percpu__restart_ready(void) PERCPU__HIDDEN;

/* Where the template can be read. For overlap checks. */
void percpu__template_image(uintptr_t *first, uintptr_t *end) PERCPU__HIDDEN;

/* Hosted: are there variables in [first, end) of it? Elsewhere there may be nothing to read. */
bool percpu__template_overlaps(uintptr_t first, uintptr_t end) PERCPU__HIDDEN;

/* Copy the template into an area, nothing else. */
void percpu__template_copy(uintptr_t area) PERCPU__HIDDEN;

/*
 * Copies `size` bytes that do not overlap, or are the same. On bare and freestanding single it does
 * not call memcpy(): areas are made and variables reset before caches are on, where a kernel's own
 * memcpy() may use unaligned accesses, vector registers or cache instructions that do not work yet.
 */
void percpu__copy(uintptr_t to, uintptr_t from, size_t size) PERCPU__HIDDEN;

/*
 * The memory of percpu_init_in_place(). percpu__slots() says how many areas there will be, also
 * before initialisation; percpu__slots_reserve() how many bytes of each are for dynamic memory at
 * most; percpu__slots_take() answers a negative error or 0 and the base, a multiple of align.
 */
size_t percpu__slots(void) PERCPU__HIDDEN;
size_t percpu__slots_reserve(void) PERCPU__HIDDEN;
#ifdef PERCPU_PLATFORM_THREAD
#define PERCPU__SLOTS_FRESH true /* zeros that take no memory yet */
#else
#define PERCPU__SLOTS_FRESH false
#endif
int percpu__slots_take(size_t count, size_t stride, size_t align, uintptr_t *base) PERCPU__HIDDEN;
void percpu__slots_give_back(void) PERCPU__HIDDEN;

/* May the register hold this delta? */
bool percpu__delta_fits(uintptr_t delta) PERCPU__HIDDEN;

/*
 * percpu_init_reg(): claim the CPU and set the register; 0, a negative error, or that a
 * percpu_fini() came between: look again whether there are areas.
 */
enum { PERCPU__CLAIM_AGAIN = 1 };
int percpu__reg_claim(size_t cpu, uintptr_t delta) PERCPU__HIDDEN;
/*
 * percpu_fini(): 0, and the calling CPU's claim is gone, or a negative error. After 0 nobody gets a
 * claim until percpu__reg_reopen(), which comes when the areas are gone.
 */
int percpu__reg_release_all(void) PERCPU__HIDDEN;
void percpu__reg_reopen(void) PERCPU__HIDDEN;
/* PERCPU_DEBUG: was the register of the calling CPU set to a live area? */
PERCPU__CALLED bool percpu__reg_valid(void);

/* percpu_down() of CPU `cpu`, which nobody plays any more (thread), whoever calls. */
void percpu__left(size_t cpu) PERCPU__HIDDEN;

/* Another CPU holds the lock: let it go on. */
void percpu__wait(void) PERCPU__HIDDEN;

/* rseq, single: percpu_init*() is called, and answers this. */
int percpu__init_existing(void) PERCPU__HIDDEN;

/* -- Dynamic memory: between alloc.c, areas.c and the platforms -------------------------------- */

/* Zeroes `size` bytes, a multiple of 8, at a multiple of 8. Writes nothing where zeros are. */
void percpu__zero(uintptr_t at, size_t size) PERCPU__HIDDEN;

/* What areas have for objects, as addresses of the home copy: the first CPU's that has an area. */
struct percpu__memory {
    uintptr_t home;
    size_t size;     /* may be 0 */
    uintptr_t delta; /* home copy minus per-CPU pointer */
    size_t align;    /* what the distance of any two copies is a multiple of */
    bool is_systems; /* private, anonymous: pages can be returned */
};

/*
 * Asked between percpu_init*() and percpu_fini(), by the first allocation, after
 * percpu__alloc_tell(); again where there was no memory for the books. False: there are no areas
 * yet.
 */
bool percpu__dynamic_memory(struct percpu__memory *memory) PERCPU__HIDDEN;

#ifdef PERCPU_PLATFORM_RSEQ
#define PIECE_HEAD 64
#define PIECE ((size_t)PERCPU__SLOT_SIZE - PIECE_HEAD)

/*
 * A new piece of memory for objects, of PIECE bytes for each CPU: the address of its first byte in
 * the home copy, or 0 where there is none. It can be given back before percpu__dynamic_grow() was
 * called for it.
 */
uintptr_t percpu__dynamic_piece(void) PERCPU__HIDDEN;
void percpu__dynamic_give_back(uintptr_t home) PERCPU__HIDDEN;

/* Its memory up to `end` is going to be used, on every CPU; false: there is none. */
bool percpu__dynamic_grow(uintptr_t home, uintptr_t end) PERCPU__HIDDEN;
#endif

/*
 * Callbacks that alloc.c registers at its first allocation, so that programs that never allocate
 * do not link it. new_area(): the CPU with this delta is to get an area, at [base,
 * end); 0 or a negative error. fini(): no object is used any more. Both are called with the lock of
 * the areas held: the heap's own comes after it, everywhere.
 */
struct percpu__alloc_hooks {
    int (*new_area)(uintptr_t delta, uintptr_t base, uintptr_t end);
    void (*fini)(void);
};
void percpu__alloc_tell(const struct percpu__alloc_hooks *hooks) PERCPU__HIDDEN;

/* Keep percpu_init_cpu() out, so that areas stay as they are; not from interrupt handlers. */
void percpu__areas_lock(void) PERCPU__HIDDEN;
void percpu__areas_unlock(void) PERCPU__HIDDEN;

/* Does [base, end) overlap the template, or an area? */
bool percpu__areas_overlap(uintptr_t base, uintptr_t end) PERCPU__HIDDEN;

/* -- Modules: the program and shared libraries that each embed the library --------------------- */

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_THREAD)
#define PERCPU__HAS_MODULES 1
#endif

/*
 * Any module may allocate, and any other free: one of them, the first to do either, does it for
 * all. Given one's own calls, returns those of the process.
 */
struct percpu__allocator {
    void PERCPU *(*alloc)(size_t size, size_t align);
    void (*free)(void PERCPU *p);
    size_t (*size)(const void PERCPU *p);
    struct percpu_alloc_usage (*stats)(void);
    int (*add_block)(void *base, size_t size);
};
const struct percpu__allocator *
percpu__allocator(const struct percpu__allocator *mine) PERCPU__HIDDEN;

/* The address on a CPU that has an area of what `p`, a per-CPU pointer, designates. */
static inline uintptr_t percpu__copy_on(uintptr_t p, size_t cpu)
{
    return percpu__remote_raw((const void *)p, PERCPU__POINTER, cpu);
}

static inline bool percpu__overlap(uintptr_t a, uintptr_t a_end, uintptr_t b, uintptr_t b_end)
{
    return a < b_end && b < a_end;
}

#endif
