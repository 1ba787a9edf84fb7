/* SPDX-License-Identifier: MIT */
/*
 * What operations cost in a process without rseq(2), beside an atomic addition to one word. The
 * program tests/rseq/no-rseq.c runs it with a filter that answers ENOSYS.
 *
 * usage: without [REPETITIONS]     (default 25, at least 9)
 */
#define _GNU_SOURCE
#include "table.h"

#include <percpu/list.h>

#include <stdio.h>

static PERCPU_DEFINE(uint64_t, counter);
static PERCPU_DEFINE(struct percpu_list, list);
static struct percpu_list_node node;
static _Alignas(PERCPU_CACHE_LINE) uint64_t word;

static inline void pop_and_push(void)
{
    struct percpu_list_node *first = percpu_list_pop(list);

    percpu_list_push(list, first ? first : &node);
}

static inline void block(void)
{
    percpu_with_current(counter, p)
        ++*p;
}

LOOP(atomic, 8, , __atomic_fetch_add(unknown(&word), 1, __ATOMIC_RELAXED))
LOOP(inc, 8, , percpu_inc(counter))
LOOP(lists, 1, , pop_and_push())
LOOP(blocks, 1, , block())

static const struct way ways[] = {
    {"atomic addition through a pointer", LAYOUT_NAMES(atomic)},
    {"`percpu_inc`", LAYOUT_NAMES(inc)},
    {"a list's pop and push", LAYOUT_NAMES(lists)},
    {"`percpu_with_current`", LAYOUT_NAMES(blocks)},
};

int main(int argc, char **argv)
{
    size_t repetitions = bench_repetitions(argc > 1 ? argv[1] : NULL, 25);

    if (percpu_has_sequences()) {
        fprintf(stderr, "without: this process has sequences; run it by no-rseq\n");
        return 1;
    }
#ifdef PERCPU_PLATFORM_RSEQ
    printf("%s\n\n", percpu_info());
#endif
    table("without rseq(2)", ways, COUNT(ways), repetitions);
    return 0;
}
