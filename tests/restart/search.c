/* SPDX-License-Identifier: MIT */
/*
 * src/restart.c, in a program of the host: the search against a walk through the table, and what
 * percpu_init() makes of a table. ENTRIES are entries, READY is whether they can be put in order.
 */
#define PERCPU__DEFINE_CONFIG 1
#include "../../src/restart.c"
#include "../life/step.h"
#include "harness.h"

#include <sys/mman.h>

__asm__(".pushsection .text\n"
        "1:\tnop\n\tnop\n2:\tnop\n\tnop\n3:\tnop\n4:\tnop\n"
        ".pushsection percpu_restart,\"aw\",@progbits\n"
        ".balign 8\n"
        ".irp at, " ENTRIES "\n"
        ".if \\at == 0\n.quad 0, 0\n.endif\n" /* as in a table that was not loaded */
        ".if \\at == 1\n.quad 1b - ., 2b - .\n.endif\n"
        ".if \\at == 2\n.quad 2b - ., 3b - .\n.endif\n"
        ".if \\at == 3\n.quad 3b - ., 3b - .\n.endif\n" /* empty */
        ".if \\at == 4\n.quad 1b - ., 4b - .\n.endif\n" /* over 1 and 2 */
        ".if \\at == 5\n.quad 4b - ., 3b - .\n.endif\n" /* ends before it begins */
        ".if \\at == 7\n.quad 1b - ., 3b - .\n.endif\n" /* over 1 and 2, to the end of 2 */
        ".if \\at == 6\n.long 1b - ., 2b - .\n.endif\n" /* half an entry */
        ".endr\n"
        ".popsection\n"
        ".popsection");

/* How many program counters that the table describes do not lead to a sequence's begin. */
static unsigned not_moved(void)
{
    unsigned wrong = 0;

    for (const struct entry *e = table_start; e != table_stop; e++)
        for (uintptr_t pc = begin_of(e); pc < end_of(e); pc++)
            wrong += percpu_restart_pc(pc) != begin_of(e);
    return wrong;
}

/* What the table says of program counters, before it is sorted. */
static struct {
    uintptr_t pc, begin;
} known[64];
static size_t n_known;
static unsigned moved_elsewhere;

static void remember(void)
{
    for (const struct entry *e = table_start; e != table_stop; e++)
        for (uintptr_t pc = begin_of(e); pc < end_of(e) && n_known < 64; pc++) {
            known[n_known].pc = pc;
            known[n_known++].begin = begin_of(e);
        }
}

/* A handler, between two instructions of the sorting. */
static int at_step(void)
{
    for (size_t i = 0; i < n_known; i++) {
        uintptr_t now = percpu_restart_pc(known[i].pc);
        moved_elsewhere += now != known[i].pc && now != known[i].begin;
    }
    return 1;
}

TEST(a_table_is_put_in_order_or_refused)
{
    bool ready;

    if (READY) {
        check_eq(not_moved(), 0); /* before that, too */
        remember();
    }
    begin_steps();
    ready = percpu__restart_ready();
    end_steps();
    check_eq(ready, READY);
    check_eq(moved_elsewhere, 0);
    check(steps > 10);
    check_eq(table_order, READY ? SORTED : AS_LINKED);
    if (READY) {
        for (const struct entry *e = table_start; e + 1 < table_stop; e++)
            check(begin_of(e) <= begin_of(e + 1));
        check_eq(not_moved(), 0);
    }
    check_eq(percpu__restart_ready(), READY);
}

TEST(a_table_without_entries_is_refused)
{
    check(!are_entries(table_start, table_start));
}

/* A handler that interrupts the sorting on its CPU returns to it, whatever the entries say. */
TEST(nothing_is_moved_while_the_table_is_being_sorted)
{
    int was = table_order;

    set_order(BEING_SORTED);
    for (uintptr_t pc = begin_of(table_start) - 9; pc < begin_of(table_start) + 9; pc++)
        check_eq(percpu_restart_pc(pc), pc);
    set_order(was);
}

/* Sequences of 1 to 4 bytes, 0 to 3 apart, in the code that begins at pc. Returns its end. */
static uintptr_t make(struct entry *table, size_t n, uintptr_t pc)
{
    static unsigned random = 1;

    for (size_t i = 0; i < n; i++) {
        random = random * 1103515245 + 12345;
        pc += random >> 16 & 3;
        table[i].begin = (intptr_t)(pc - (uintptr_t)&table[i].begin);
        pc += 1 + (random >> 20 & 3);
        table[i].end = (intptr_t)(pc - (uintptr_t)&table[i].end);
    }
    return pc;
}

/* Nothing behind it is read, which may be no memory. */
TEST(half_an_entry_is_refused)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct entry *half, *end = (struct entry *)(pages + 4096);
    pid_t child;

    if (!check(pages != MAP_FAILED) || !check_eq(mprotect(end, 4096, PROT_NONE), 0))
        return;
    half = end - 3;
    make(half, 3, (uintptr_t)pages);
    child = fork();
    if (child == 0)
        _exit(are_entries(half, (struct entry *)((uintptr_t)(half + 2) + sizeof(*half) / 2)));
    check(ends_well(child));
    check(are_entries(half, end));
}

TEST(any_order_is_sorted)
{
    static struct entry table[300], sorted[300];
    unsigned random = 1;

    for (size_t n = 0; n <= 300; n += n < 70 ? 1 : 23) {
        unsigned wrong = 0;
        make(table, n, (uintptr_t)table - 4096);
        for (size_t i = 0; i < n; i++) {
            sorted[i].begin = (intptr_t)begin_of(table + i);
            sorted[i].end = (intptr_t)end_of(table + i);
        }
        for (size_t i = n; n % 3 != 0 && i > 1; i--) { /* one in three is in order already */
            random = random * 1103515245 + 12345;
            swap(table + i - 1, table + (random >> 16) % (n % 3 == 1 ? i : 1));
        }
        sort(table, n);
        for (size_t i = 0; i < n; i++)
            wrong += begin_of(table + i) != (uintptr_t)sorted[i].begin ||
                     end_of(table + i) != (uintptr_t)sorted[i].end;
        check_eq(wrong, 0);
        check(in_order(table, n));
    }
}

TEST(the_search_finds_what_a_walk_finds)
{
    static struct entry table[300];
    static char code[sizeof(table)];

    for (size_t n = 1; n <= 300; n += n < 70 ? 1 : 23) {
        unsigned wrong = 0, moved = 0;
        uintptr_t end = make(table, n, (uintptr_t)code + 3);
        for (uintptr_t at = (uintptr_t)code; at < end + 9; at++) {
            uintptr_t answer = search_sorted(table, n, at);
            wrong += answer != search_unordered(table, n, at);
            moved += answer != at;
        }
        check_eq(wrong, 0);
        check(n < 8 || moved > 0);
    }
}
