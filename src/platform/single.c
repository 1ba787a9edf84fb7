/* SPDX-License-Identifier: MIT */
/* single: one CPU whose area is the variables themselves. */
#include "../internal.h"

#ifdef PERCPU_PLATFORM_SINGLE

__attribute__((aligned(PERCPU_CACHE_LINE))) PERCPU_DEFINE(struct percpu__head, percpu__head) = {
    .magic = PERCPU__MAGIC,
};

uintptr_t percpu__delta[1];
size_t percpu__limit = 1;

static const struct percpu__alloc_hooks *alloc_hooks;

void percpu__alloc_tell(const struct percpu__alloc_hooks *hooks)
{
    alloc_hooks = hooks;
}

static unsigned initialised;  /* a word: GCC for riscv calls functions for atomics on bytes */
static uintptr_t pristine;    /* distance from a variable to its initial value; 0: no copy yet */
static uintptr_t first, size; /* of the variables; valid with pristine */

#if __STDC_HOSTED__
/*
 * Runs before other constructors and main() write: 101 is the first priority that is not libc's.
 * The attribute is at the declaration, since GCC 12 drops the priority of a definition that was
 * declared without one.
 */
__attribute__((constructor(101)))
#endif
static void
keep_initial_values(void);
static void unmap_arena(void); /* dynamic memory */

int percpu__init_existing(void)
{
    if (__atomic_exchange_n(&initialised, 1, __ATOMIC_RELAXED))
        return 0;
    keep_initial_values();
    return 1;
}

int percpu_fini(void)
{
    if (!__atomic_exchange_n(&initialised, 0, __ATOMIC_RELAXED))
        return -PERCPU_ENOTINIT;
    if (alloc_hooks)
        alloc_hooks->fini();
    unmap_arena();
    return 0;
}

uintptr_t percpu_read_reg(void)
{
    return 0;
}

size_t percpu_area_size(void)
{
    return 0;
}

uintptr_t percpu_area_base(size_t cpu)
{
    (void)cpu;
    return 0;
}

void percpu__check_current(void)
{
}

void percpu__areas_lock(void)
{
}

void percpu__areas_unlock(void)
{
}

bool percpu__areas_overlap(uintptr_t base, uintptr_t end)
{
    (void)base;
    (void)end;
    return false;
}

/* The area's base is 0, so an offset is an address. */
uintptr_t percpu__offset(uintptr_t vma)
{
    return vma;
}

/* Returns 0 after a report: the reset then copies the variable to itself. */
uintptr_t percpu__pristine(const void *p)
{
    if (!pristine) {
        percpu__report("percpu: percpu_reset_to_init() before percpu_init(), or no memory was left "
                       "to keep the initial values in");
    } else if ((uintptr_t)p - first >= size) {
        percpu__report("percpu: percpu_reset_to_init_at(): the pointer designates no variable");
        return 0;
    }
    return pristine;
}

#if __STDC_HOSTED__

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

static void *arena;
static size_t arena_size;

static void unmap_arena(void)
{
    if (arena)
        munmap(arena, arena_size);
    arena = NULL;
}

/* Reserves addresses: pages that are not touched take no memory. */
bool percpu__dynamic_memory(struct percpu__memory *memory)
{
    size_t room = UINTPTR_MAX > 0xffffffff ? (size_t)1 << 30 : (size_t)1 << 26;

    for (; !arena && room >= 1 << 16; room /= 2) {
        void *at = mmap(NULL, room, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED)
            continue;
        madvise(at, room, MADV_NOHUGEPAGE);
        arena = at;
        arena_size = room;
    }
    if (!arena)
        return false;
    *memory = (struct percpu__memory){(uintptr_t)arena, arena_size, 0, arena_size, true};
    return true;
}

static void keep_initial_values(void)
{
    void *memory = MAP_FAILED;
    first = percpu__template_start();
    size = percpu__template_size();
    if (!pristine)
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    percpu__template_copy((uintptr_t)memory);
    pristine = (uintptr_t)memory - first;
}

/* Thread-local, since a thread blocks only its own signals. */
static __thread sigset_t outer_mask;
static __thread unsigned depth;

uintptr_t percpu__signals_block(void)
{
    sigset_t all, old;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0)
        percpu__report("percpu: signals could not be blocked");
    if (depth++ == 0)
        outer_mask = old;
    return 0;
}

void percpu__signals_unblock(uintptr_t state)
{
    (void)state;
    if (--depth == 0 && pthread_sigmask(SIG_SETMASK, &outer_mask, NULL) != 0)
        percpu__report("percpu: signals could not be unblocked");
}

#else

static void unmap_arena(void)
{
}

bool percpu__dynamic_memory(struct percpu__memory *memory)
{
    /* Member by member: at -O0 clang calls memcpy() for a structure of constants. */
    memory->home = 0;
    memory->size = 0;
    memory->delta = 0;
    memory->align = ~(SIZE_MAX >> 1);
    memory->is_systems = false;
    return true;
}

/*
 * The symbols of a linker script that includes the fragment of ld/, which has a slot for initial
 * values; without such a script no variable can be reset. The symbols are hidden, and read from
 * data words, as in bare.c.
 */
extern const char _percpu_template[] PERCPU__HIDDEN __attribute__((weak));
extern char _percpu_start[] PERCPU__HIDDEN __attribute__((weak));
extern char _percpu_end[] PERCPU__HIDDEN __attribute__((weak));
extern const char _percpu_load_start[] PERCPU__HIDDEN __attribute__((weak));
extern const char _percpu_load_end[] PERCPU__HIDDEN __attribute__((weak));

static const char *const volatile template_or_null = _percpu_template;
static char *const volatile slot = _percpu_start, *const volatile slot_end = _percpu_end;
static const volatile uintptr_t load_start = (uintptr_t)_percpu_load_start;
static const volatile uintptr_t load_end = (uintptr_t)_percpu_load_end;

static void keep_initial_values(void)
{
    first = load_start;
    size = load_end - first;
    if (pristine || !template_or_null || (size_t)(slot_end - slot) < size)
        return;
    percpu__copy((uintptr_t)slot, (uintptr_t)template_or_null, size);
    pristine = (uintptr_t)slot - first;
}

#endif

#endif
