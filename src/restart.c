/* SPDX-License-Identifier: MIT */
/* PERCPU_RESTART: where an interrupted sequence begins. */
#include "internal.h"

#ifdef PERCPU_RESTART

/* Distances from each member to the sequence's first instruction and to the one after its last. */
struct entry {
    int32_t begin, end;
};

/* Set by the linker, since the section's name is a C identifier. Weak: there may be no sequence. */
extern const struct entry __start_percpu_restart[] __attribute__((weak)) PERCPU__HIDDEN;
extern const struct entry __stop_percpu_restart[] __attribute__((weak)) PERCPU__HIDDEN;
static const struct entry *const volatile table_start = __start_percpu_restart;
static const struct entry *const volatile table_stop = __stop_percpu_restart;

static uintptr_t begin_of(const struct entry *e)
{
    return (uintptr_t)&e->begin + (uintptr_t)(intptr_t)e->begin;
}

static uintptr_t end_of(const struct entry *e)
{
    return (uintptr_t)&e->end + (uintptr_t)(intptr_t)e->end;
}

/*
 * In quarters, and without branches that depend on pc: nobody could predict them, and the three
 * entries of a step are loaded together. 7 steps for 10,000 entries.
 */
static uintptr_t restart_in(const struct entry *e, size_t n, uintptr_t pc)
{
    if (n == 0 || pc <= begin_of(e) || pc >= end_of(e + n - 1))
        return pc;
    /* The last sequence that begins at or before pc is one of the n from e. */
    while (n >= 4) {
        size_t quarter = n / 4, quarters = 0;
        quarters += begin_of(e + quarter) <= pc;
        quarters += begin_of(e + 2 * quarter) <= pc;
        quarters += begin_of(e + 3 * quarter) <= pc;
        e += quarter * quarters;
        n -= 3 * quarter;
    }
    for (; n > 1; n--)
        e += begin_of(e + 1) <= pc;
    return pc < end_of(e) ? begin_of(e) : pc;
}

uintptr_t percpu_restart_pc(uintptr_t pc)
{
    const struct entry *start = table_start;
    return restart_in(start, (size_t)(table_stop - start), pc);
}

/* The linker keeps the table in the order of the code; entries made by hand may spoil that. */
bool percpu__restart_sorted(void)
{
    const struct entry *stop = table_stop;
    for (const struct entry *e = table_start; e != stop; e++)
        if (begin_of(e) >= end_of(e) || (e + 1 != stop && end_of(e) > begin_of(e + 1)))
            return false;
    return true;
}

#else

bool percpu__restart_sorted(void)
{
    return true;
}

#endif
