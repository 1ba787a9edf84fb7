/* SPDX-License-Identifier: MIT */
/* PERCPU_RESTART: finds the start of an interrupted sequence. */
#include "internal.h"

#ifdef PERCPU_RESTART

/* Distances from each member to the sequence's first instruction and to the one after its last. */
struct entry {
    intptr_t begin, end;
};

/*
 * The linker defines these symbols, since the section's name is a C identifier. They are strong,
 * although a program may have no sequence: where the table is discarded, or is no section of the
 * image, the link fails.
 */
extern struct entry __start_percpu_restart[] PERCPU__HIDDEN, __stop_percpu_restart[] PERCPU__HIDDEN;
static struct entry *const volatile table_start = __start_percpu_restart;
static struct entry *const volatile table_stop = __stop_percpu_restart;

/*
 * Returns the table, and has an entry of its own in it, so that each link that asks for the bounds
 * has the section. The entry covers the first byte of a nop, its own restart address. Without an
 * instruction clang 14 for riscv64 fails if the label comes first in a section.
 */
static inline struct entry *table(void)
{
    __asm__ volatile(PERCPU__RESTART_BEGIN "nop\n\t" PERCPU__RESTART_ENTRY(".Lpercpu_begin%= + 1")
                     :
                     :);
    return table_start;
}

static uintptr_t begin_of(const struct entry *e)
{
    return (uintptr_t)&e->begin + (uintptr_t)(intptr_t)e->begin;
}

static uintptr_t end_of(const struct entry *e)
{
    return (uintptr_t)&e->end + (uintptr_t)(intptr_t)e->end;
}

/*
 * Searches n entries, at least one, by quarters and without branches that depend on pc, which could
 * not be predicted; the three entries of a step are loaded together. 7 steps for 10,000 entries.
 */
static uintptr_t search_sorted(const struct entry *e, size_t n, uintptr_t pc)
{
    if (pc <= begin_of(e) || pc >= end_of(e + n - 1))
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

/* Searches a table in any order. */
static uintptr_t search_unordered(const struct entry *e, size_t n, uintptr_t pc)
{
    for (; n > 0; n--, e++)
        if (begin_of(e) <= pc && pc < end_of(e))
            return begin_of(e);
    return pc;
}

/*
 * The order of the table, which becomes SORTED before the first area is made: a CPU with an area
 * sees SORTED. Only handlers that interrupt the sort see BEING_SORTED; they return to the sort.
 */
enum { AS_LINKED, BEING_SORTED, SORTED };
static int table_order = AS_LINKED;

static void set_order(int now)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&table_order, now, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

uintptr_t percpu_restart_pc(uintptr_t pc)
{
    const struct entry *start = table();
    size_t n = (size_t)(table_stop - start);
    int order = __atomic_load_n(&table_order, __ATOMIC_RELAXED);

    if (order == SORTED)
        return search_sorted(start, n, pc);
    return order == AS_LINKED ? search_unordered(start, n, pc) : pc;
}

/* -- Order: scripts, symbol ordering and ld -r put functions elsewhere than their entries ------ */

/* Entries hold distances from themselves, so moving one changes them. */
static void swap(struct entry *a, struct entry *b)
{
    uintptr_t from_b_to_a = (uintptr_t)a - (uintptr_t)b;
    struct entry was = *a;

    a->begin = (intptr_t)((uintptr_t)b->begin - from_b_to_a);
    a->end = (intptr_t)((uintptr_t)b->end - from_b_to_a);
    b->begin = (intptr_t)((uintptr_t)was.begin + from_b_to_a);
    b->end = (intptr_t)((uintptr_t)was.end + from_b_to_a);
}

/* Restores the heap, in which no child is above its parent, where it is violated at `at` only. */
static void sift(struct entry *e, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && begin_of(e + child) < begin_of(e + child + 1))
            child++;
        if (begin_of(e + at) >= begin_of(e + child))
            return;
        swap(e + at, e + child);
    }
}

/* Heapsort: in place, without recursion, and no order of entries makes it slow. */
static void sort(struct entry *e, size_t n)
{
    for (size_t at = n / 2; at-- > 0;)
        sift(e, at, n);
    for (; n > 1; n--) {
        swap(e, e + n - 1);
        sift(e, 0, n - 1);
    }
}

/*
 * Does each entry describe code? Not in a table that was not loaded: zero distances lead to the
 * table itself. An empty table lacks even this file's entry, by the fault of a linker script.
 */
static bool are_entries(const struct entry *start, const struct entry *stop)
{
    uintptr_t size = (uintptr_t)stop - (uintptr_t)start;

    if (size == 0 || size % sizeof(*start) != 0)
        return false;
    for (const struct entry *e = start; e != stop; e++)
        if (begin_of(e) >= end_of(e) || begin_of(e) - (uintptr_t)start < size)
            return false;
    return true;
}

/* Two entries for the same code are in order: the linker may have made one function of two. */
static bool in_order(const struct entry *e, size_t n)
{
    for (; n > 1; n--, e++)
        if (end_of(e) > begin_of(e + 1) &&
            (begin_of(e) != begin_of(e + 1) || end_of(e) != end_of(e + 1)))
            return false;
    return true;
}

bool percpu__restart_ready(void)
{
    struct entry *start = table(), *stop = table_stop;
    size_t n = (size_t)(stop - start);

    if (!are_entries(start, stop))
        return false;
    if (!in_order(start, n)) {
        set_order(BEING_SORTED);
        sort(start, n);
        if (!in_order(start, n)) {
            set_order(AS_LINKED);
            return false;
        }
    }
    set_order(SORTED);
    return true;
}

/* -- Is the hook called? ----------------------------------------------------------------------- */

#if defined(PERCPU__SEQUENCES) && !defined(PERCPU__RESTART_WAIT)
#error "percpu: this port's restart.h has no PERCPU__RESTART_WAIT: docs/porting-to.md"
#endif

/*
 * The architecture's text adds 1 to `begun` and loops until the counter has moved by 2. An
 * interrupted sequence keeps its registers, so `begun` counts the starts of the sequence. (Other
 * sequences may not change an input.) There are three attempts, since one interrupt may move the
 * counter by 2, between the read of the counter and the sequence.
 */
int percpu_restart_selftest(const volatile unsigned long *ticks)
{
#ifdef PERCPU__RESTART_WAIT
    for (int attempt = 0; attempt < 3; attempt++) {
        unsigned long first = *ticks, now, begun = 0;

        __asm__ volatile(PERCPU__RESTART_BEGIN PERCPU__RESTART_WAIT PERCPU__RESTART_END
                         : [begun] "+&r"(begun), [now] "=&r"(now)
                         : [ticks] "r"(ticks), [first] "r"(first)
                         : "cc", "memory");
        if (begun > 1)
            return 0;
    }
    return -PERCPU_ERESTART;
#else
    (void)ticks;
    return 0;
#endif
}

#endif
