/* SPDX-License-Identifier: MIT */
/* What the benchmarks share: a clock, statistics, and a sentence about what was measured on. */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * CPU time of this thread, in ns: what other programs run meanwhile is not counted. (What they do
 * to the caches is, and what a hypervisor takes away.)
 */
static inline double cpu_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct spread {
    double min, median, max;
};

/* Sorts. */
static inline struct spread spread(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), bench_compare);
    return (struct spread){values[0], values[count / 2], values[count - 1]};
}

static inline void *bench_alloc(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p) {
        fprintf(stderr, "bench: no memory for %zu times %zu bytes\n", count, size);
        exit(1);
    }
    return p;
}

/* Number of repetitions: the program's argument, or `otherwise`. */
static inline size_t bench_repetitions(const char *argument, size_t otherwise)
{
    char *end;
    unsigned long count = argument ? strtoul(argument, &end, 10) : otherwise;
    if (argument && (*end || count < 9 || count > 1000)) {
        fprintf(stderr, "bench: repetitions: from 9 to 1000, not %s\n", argument);
        exit(2);
    }
    return count;
}

#endif
