/* SPDX-License-Identifier: MIT */
/* rseq: the memory of areas, and the functions that answer questions about it. */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef PERCPU__POSSIBLE
#define PERCPU__POSSIBLE "/sys/devices/system/cpu/possible"
#endif

/* One past the highest number of a list such as "0-3,7"; 0: there is no such file. */
static size_t end_of_list(const char *path)
{
    FILE *file = fopen(path, "re");
    size_t number, end = 0;
    int between = ',';

    while (file && (between == ',' || between == '-') && fscanf(file, "%zu", &number) == 1) {
        if (number + 1 > end)
            end = number + 1;
        between = fgetc(file);
    }
    if (file)
        fclose(file);
    return end;
}

/* One past the highest CPU number that this kernel may ever report. */
static size_t possible_cpus(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    size_t count = configured < 1 ? 1 : (size_t)configured, end = end_of_list(PERCPU__POSSIBLE);
    cpu_set_t set;

    if (end > count)
        count = end;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (size_t cpu = count; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &set))
                count = cpu + 1;
    return count < PERCPU_MAX_CPUS ? count : PERCPU_MAX_CPUS - 1;
}

/* -- Pieces ------------------------------------------------------------------------------------ */

/*
 * Reserves the addresses of a piece: a slot per CPU, the last slot, and a guard for the address
 * that a CPU too many would have. Slots become accessible only as far as they are used, so that
 * nothing that counts, locks, dumps or copies memory sees more. A piece takes two mappings per CPU.
 * Returns 0 if there are no addresses.
 */
static uintptr_t map_piece(size_t cpus)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    size_t size = (cpus + 2) * PERCPU__SLOT_SIZE, before;
    char *memory;

    memory = mmap(NULL, size + STRICTEST, PROT_NONE, flags, -1, 0);
    if (memory == MAP_FAILED)
        return 0;
    before = -(uintptr_t)memory & (STRICTEST - 1);
    if (before != 0)
        munmap(memory, before);
    munmap(memory + before + size, STRICTEST - before);
    /* A huge page would commit the memory of 512 pages for one variable. */
    madvise(memory + before, size, MADV_NOHUGEPAGE);
    return (uintptr_t)memory + before;
}

/* Limit of the first piece: a quarter of the addresses that the process may have (ulimit -v). */
static size_t address_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur > SIZE_MAX)
        return SIZE_MAX / 4;
    return (size_t)limit.rlim_cur / 4;
}

/*
 * Where addresses are limited, fewer CPUs have a slot and the others use the last slot: the program
 * and objects need addresses, too.
 */
bool percpu__reserve_areas(void)
{
    struct process *p = percpu__state;
    const size_t most = address_limit();

    for (p->cpus = possible_cpus();; p->cpus /= 2) {
        if (p->cpus == 0 || p->cpus + 2 <= most / PERCPU__SLOT_SIZE)
            p->base = map_piece(p->cpus);
        if (p->base || p->cpus == 0)
            break;
    }
    p->last.piece = p->base;
    p->last.used = SLOT_HEAD;
    p->last.accessible = 0;
    p->mappings = 2 * (p->cpus + 1);
    return p->base != 0;
}

bool percpu__add_modules_piece(void)
{
    struct process *p = percpu__state;
    uintptr_t place = map_piece(p->cpus);

    if (place == 0)
        return false;
    /*
     * The stores are in this order so that in a child forked between two of them the next module
     * takes a new piece.
     */
    __atomic_store_n(&p->last.used, PERCPU__SLOT_SIZE, __ATOMIC_RELEASE);
    __atomic_store_n(&p->last.accessible, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&p->last.piece, place, __ATOMIC_RELEASE);
    __atomic_store_n(&p->last.used, 0, __ATOMIC_RELEASE);
    __atomic_fetch_add(&p->mappings, 2 * (p->cpus + 1), __ATOMIC_RELAXED);
    return true;
}

bool percpu__make_accessible(uintptr_t piece, size_t from, size_t end)
{
    for (size_t cpu = 0; cpu <= percpu__state->cpus; cpu++)
        if (mprotect((char *)piece + percpu__slot(cpu) + from, end - from,
                     PROT_READ | PROT_WRITE) != 0)
            return false;
    return true;
}

/* Of LeakSanitizer, in programs that have it. */
extern void __lsan_register_root_region(const void *, size_t) __attribute__((weak));

void percpu__register_roots(uintptr_t piece, size_t from, size_t end)
{
    if (&__lsan_register_root_region)
        for (size_t cpu = 0; cpu <= percpu__state->cpus; cpu++)
            __lsan_register_root_region((const char *)piece + percpu__slot(cpu) + from, end - from);
}

/* -- Questions --------------------------------------------------------------------------------- */

/* Areas exist already, for the life of the process. */
int percpu__init_existing(void)
{
    return 0;
}

int percpu_fini(void)
{
    return -PERCPU_EBUSY;
}

uintptr_t percpu_read_reg(void)
{
    return percpu__state->base + percpu__slot(percpu_cpu_id());
}

size_t percpu_area_size(void)
{
    return percpu__state->size;
}

uintptr_t percpu_area_base(size_t cpu)
{
    return cpu < percpu__limit ? (uintptr_t)percpu__slot_of(cpu) : 0;
}

/* Inline, so that the size is a constant in the loop. */
PERCPU__INLINE uint64_t sum_of(uintptr_t copy, size_t size)
{
    uint64_t sum = 0;

    for (size_t left = percpu__limit; left > 0; left--, copy += PERCPU__SLOT_SIZE)
        sum += percpu__load_from(copy, size);
    return sum;
}

uint64_t percpu__sum(const volatile void *p, size_t size)
{
    switch (size) {
    case 1: return sum_of((uintptr_t)p, 1);
    case 2: return sum_of((uintptr_t)p, 2);
    case 4: return sum_of((uintptr_t)p, 4);
    default: return sum_of((uintptr_t)p, 8);
    }
}

void percpu__check_current(void)
{
    if (percpu__limit == 0)
        percpu__report("percpu: access before the constructors have run");
}

/* -- For alloc.c ------------------------------------------------------------------------------- */

/* There is no memory at first: the heap asks for pieces when it needs them. */
bool percpu__dynamic_memory(struct percpu__memory *memory)
{
    *memory = (struct percpu__memory){0, 0, 0, STRICTEST, true};
    return percpu__limit != 0;
}

/* The head of a piece of dynamic memory, in slot 0. The head's bytes in other slots are unused. */
struct piece {
    struct piece *next;
    size_t accessible; /* bytes of each slot */
    bool has_objects;  /* such a piece is in the process's list */
};
enum { GROWTH = 65536 };
_Static_assert(sizeof(struct piece) <= PIECE_HEAD && PERCPU__SLOT_SIZE % GROWTH == 0, "");

/*
 * How many bytes of each slot are accessible in a new piece. Where parts of slots would make too
 * many mappings (many CPUs, much memory) all of the piece is accessible: one mapping, if the system
 * does not count untouched pages.
 */
static size_t accessible_at_first(uintptr_t piece)
{
    const size_t slots = percpu__state->cpus + 1;

    if (!percpu__may_map(2 * slots) &&
        mprotect((void *)piece, slots * PERCPU__SLOT_SIZE, PROT_READ | PROT_WRITE) == 0)
        return PERCPU__SLOT_SIZE;
    if (!percpu__make_accessible(piece, 0, GROWTH))
        return 0;
    __atomic_fetch_add(&percpu__state->mappings, 2 * slots, __ATOMIC_RELAXED);
    return GROWTH;
}

uintptr_t percpu__dynamic_piece(void)
{
    struct piece *piece = (struct piece *)map_piece(percpu__state->cpus);
    uintptr_t home = (uintptr_t)piece + PIECE_HEAD;
    size_t accessible;

    if (!piece)
        return 0;
    accessible = accessible_at_first((uintptr_t)piece);
    if (accessible == 0) {
        percpu__dynamic_give_back(home);
        return 0;
    }
    piece->accessible = accessible;
    return home;
}

void percpu__dynamic_give_back(uintptr_t home)
{
    munmap((void *)(home - PIECE_HEAD), (percpu__state->cpus + 2) * PERCPU__SLOT_SIZE);
}

bool percpu__dynamic_grow(uintptr_t home, uintptr_t end)
{
    struct piece *piece = (struct piece *)(home - PIECE_HEAD);
    size_t bytes = (end - (uintptr_t)piece + GROWTH - 1) & ~(size_t)(GROWTH - 1);

    if (!piece->has_objects) {
        percpu__register_roots((uintptr_t)piece, 0, piece->accessible);
        piece->has_objects = true;
        piece->next = percpu__state->pieces;
        __atomic_store_n(&percpu__state->pieces, piece, __ATOMIC_RELEASE);
    }
    if (bytes <= piece->accessible)
        return true;
    if (!percpu__make_accessible((uintptr_t)piece, piece->accessible, bytes))
        return false;
    percpu__register_roots((uintptr_t)piece, piece->accessible, bytes);
    piece->accessible = bytes;
    return true;
}

bool percpu__is_dynamic(uintptr_t place)
{
    const struct piece *piece =
        percpu__state ? __atomic_load_n(&percpu__state->pieces, __ATOMIC_ACQUIRE) : NULL;

    while (piece && place - (uintptr_t)piece - PIECE_HEAD >= PIECE)
        piece = piece->next;
    return piece != NULL;
}

#endif
