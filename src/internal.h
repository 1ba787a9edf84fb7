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

/* 0, or a negative error: the template is not linked or loaded as it must be, or was changed. */
int percpu__template_check(void) PERCPU__HIDDEN;

/*
 * Calls percpu_panic(), which may return. From inside of percpu_panic() on the same CPU (hosted: in
 * the same thread) the call traps.
 */
PERCPU__CALLED void percpu__report(const char *message);

/* PERCPU_RESTART: sorts the table of sequences. False: the section is no such table. */
bool percpu__restart_ready(void) PERCPU__HIDDEN;

/* The memory that the template is read from, for overlap checks. */
void percpu__template_image(uintptr_t *first, uintptr_t *end) PERCPU__HIDDEN;

/*
 * Hosted: does [first, end) contain variables of the template? If not, it may be unreadable memory.
 */
bool percpu__template_overlaps(uintptr_t first, uintptr_t end) PERCPU__HIDDEN;

/* Copies the template into an area. The caller sets the area's head. */
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
 * most; percpu__slots_take() returns a negative error, or 0 and in *base a multiple of align.
 */
size_t percpu__slots(void) PERCPU__HIDDEN;
size_t percpu__slots_reserve(void) PERCPU__HIDDEN;
#ifdef PERCPU_PLATFORM_THREAD
#define PERCPU__SLOTS_FRESH true /* slots hold zeros, and take no memory yet */
#else
#define PERCPU__SLOTS_FRESH false
#endif
int percpu__slots_take(size_t count, size_t stride, size_t align, uintptr_t *base) PERCPU__HIDDEN;
void percpu__slots_give_back(void) PERCPU__HIDDEN;

bool percpu__delta_fits(uintptr_t delta) PERCPU__HIDDEN;

/*
 * percpu_init_reg(): claims the CPU and sets the register. Returns 0, a negative error, or
 * PERCPU__CLAIM_AGAIN when a percpu_fini() came between: the caller looks for areas again.
 */
enum { PERCPU__CLAIM_AGAIN = 1 };
int percpu__reg_claim(size_t cpu, uintptr_t delta) PERCPU__HIDDEN;
/*
 * percpu_fini(): releases the calling CPU's claim and returns 0, or a negative error. After 0 no
 * claim succeeds until percpu__reg_reopen(), which is called when the areas are gone.
 */
int percpu__reg_release_all(void) PERCPU__HIDDEN;
void percpu__reg_reopen(void) PERCPU__HIDDEN;
/* PERCPU_DEBUG: was the register of the calling CPU set to a live area? */
PERCPU__CALLED bool percpu__reg_valid(void);

/* Marks CPU `cpu` as down; on thread also for a thread that gives the CPU up. */
void percpu__mark_down(size_t cpu) PERCPU__HIDDEN;

/* One round of a wait for another CPU (or thread) that holds the lock of the areas. */
void percpu__wait(void) PERCPU__HIDDEN;

/*
 * percpu_area_info(): adds what the platform knows of an area to *info, whose members are set. In
 * any context.
 */
struct percpu_area_state;
void percpu__describe_area(size_t cpu, volatile struct percpu_area_state *info) PERCPU__HIDDEN;

/* rseq, single: what each percpu_init*() does and returns. */
int percpu__init_existing(void) PERCPU__HIDDEN;

#ifdef PERCPU_CALL
/*
 * Runs f(arg) on CPU `cpu` with interrupts off; when the CPU is down, on the calling CPU, for one
 * caller at a time. Returns 0, or -PERCPU_ERANGE: the CPU has no area. Contexts: fence.h.
 */
int percpu__on_cpu(size_t cpu, void (*f)(void *arg), void *arg) PERCPU__HIDDEN;
#endif

/* -- Dynamic memory: between alloc.c, areas.c and the platforms -------------------------------- */

/* Zeroes `size` bytes, a multiple of 8, at a multiple of 8. Writes nothing where zeros are. */
void percpu__zero(uintptr_t at, size_t size) PERCPU__HIDDEN;

/*
 * The areas' memory for objects, by addresses in the home copy: that of the first CPU with an area.
 */
struct percpu__memory {
    uintptr_t home;
    size_t size;     /* may be 0 */
    uintptr_t delta; /* home copy minus per-CPU pointer */
    size_t align;    /* divides the distance of any two copies */
    bool is_systems; /* private, anonymous: pages can be returned */
};

/*
 * Called by the first allocation, after percpu__alloc_tell(), and again if there was no memory for
 * the heap's metadata. False: there are no areas yet.
 */
bool percpu__dynamic_memory(struct percpu__memory *memory) PERCPU__HIDDEN;

#ifdef PERCPU_PLATFORM_RSEQ
#define PIECE_HEAD 64
#define PIECE ((size_t)PERCPU__SLOT_SIZE - PIECE_HEAD)

/*
 * Makes a piece of memory for objects, of PIECE bytes for each CPU. Returns the address of its
 * first byte in the home copy, or 0. The piece can be given back until percpu__dynamic_grow() is
 * called for it.
 */
uintptr_t percpu__dynamic_piece(void) PERCPU__HIDDEN;
void percpu__dynamic_give_back(uintptr_t home) PERCPU__HIDDEN;

/* Makes the piece's memory up to `end` accessible on every CPU; false: there is no memory. */
bool percpu__dynamic_grow(uintptr_t home, uintptr_t end) PERCPU__HIDDEN;
#endif

#ifdef PERCPU__HAS_SHARED
/*
 * An object of whole pages gets zeroed pages that children share, on every CPU. The result says
 * what its pages are then: shared, private as before, or, where neither could be had for all CPUs,
 * some of each.
 */
enum percpu__pages { PERCPU__PAGES_SHARED, PERCPU__PAGES_PRIVATE, PERCPU__PAGES_MIXED };
enum percpu__pages percpu__share(uintptr_t p, size_t size) PERCPU__HIDDEN;

/*
 * Such an object gets private pages again, in this process. False: the system refused; the object's
 * bytes are still there, and the call can be repeated.
 */
bool percpu__unshare(uintptr_t p, size_t size) PERCPU__HIDDEN;
#endif

/*
 * Callbacks that alloc.c registers at its first allocation, so that programs that never allocate do
 * not link it. new_area(): the CPU with this delta is to get an area, at [base, end); 0 or a
 * negative error. fini(): no object is used any more. Both are called with the lock of the areas
 * held. Lock order: areas, heap.
 */
struct percpu__alloc_hooks {
    int (*new_area)(uintptr_t delta, uintptr_t base, uintptr_t end);
    void (*fini)(void);
};
void percpu__alloc_tell(const struct percpu__alloc_hooks *hooks) PERCPU__HIDDEN;

/* Keep percpu_init_cpu() out, so that areas stay as they are; not for interrupt handlers. */
void percpu__areas_lock(void) PERCPU__HIDDEN;
void percpu__areas_unlock(void) PERCPU__HIDDEN;

/* Does [base, end) overlap the template, or an area? */
bool percpu__areas_overlap(uintptr_t base, uintptr_t end) PERCPU__HIDDEN;

/* -- Modules: the program and shared libraries that each embed the library --------------------- */

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_THREAD)
#define PERCPU__HAS_MODULES 1
#endif

/*
 * Any module may allocate, and any other may free: the functions of the first module that does
 * either work for all modules. percpu__allocator() takes the calling module's functions and returns
 * those.
 */
struct percpu__allocator {
    void PERCPU *(*alloc)(size_t size, size_t align);
    void (*free)(void PERCPU *p);
    size_t (*size)(const void PERCPU *p);
    struct percpu_alloc_usage (*stats)(void);
#ifdef PERCPU_PLATFORM_RSEQ
    void PERCPU *(*alloc_shared)(size_t size, size_t align); /* NULL with PERCPU_RSEQ_MM_CID */
#else
    int (*add_block)(void *base, size_t size);
#endif
};
const struct percpu__allocator *
percpu__allocator(const struct percpu__allocator *mine) PERCPU__HIDDEN;
/* Are the process's functions another module's? They stay so. */
bool percpu__allocates_elsewhere(const struct percpu__allocator *mine) PERCPU__HIDDEN;

/* The address of the copy of `p`, a per-CPU pointer, on a CPU that has an area. */
static inline uintptr_t percpu__copy_on(uintptr_t p, size_t cpu)
{
    return percpu__remote_raw((const void *)p, PERCPU__POINTER, cpu);
}

static inline bool percpu__overlap(uintptr_t a, uintptr_t a_end, uintptr_t b, uintptr_t b_end)
{
    return a < b_end && b < a_end;
}

#endif
