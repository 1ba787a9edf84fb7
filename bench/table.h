/* SPDX-License-Identifier: MIT */
/*
 * Loops, and tables of what they take. Code placement alone moves a figure by tens of percent: each
 * loop is compiled at several places, and the figure is the median over them of the median of each.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench.h"

#include <stdint.h>

#define RUN 500e3 /* ns at least: shorter than what the scheduler gives a thread at once */

/* A pointer that the compiler knows nothing about: no increments are merged. */
static inline uint64_t *unknown(uint64_t *p)
{
    __asm__ volatile("" : "+r"(p));
    return p;
}

/*
 * Loops. Each is compiled LAYOUTS times, with so many nops between a cache line's start and the
 * loop; -falign-loops=1 leaves it there.
 */
#define LAYOUTS 7
#define LAYOUT_NAMES(name) {name##_0, name##_1, name##_2, name##_3, name##_4, name##_5, name##_6}
#define LOOP(name, times, before, operation)                                                       \
    LOOP_AT(name##_0, 0, times, before, operation)                                                 \
    LOOP_AT(name##_1, 9, times, before, operation)                                                 \
    LOOP_AT(name##_2, 18, times, before, operation)                                                \
    LOOP_AT(name##_3, 27, times, before, operation)                                                \
    LOOP_AT(name##_4, 36, times, before, operation)                                                \
    LOOP_AT(name##_5, 45, times, before, operation)                                                \
    LOOP_AT(name##_6, 54, times, before, operation)
#define LOOP_AT(name, nops, times, before, operation)                                              \
    static void name(unsigned n)                                                                   \
    {                                                                                              \
        before;                                                                                    \
        __asm__ volatile(".p2align 6\n\t.rept " #nops "\n\tnop\n\t.endr");                         \
        NO_UNROLL                                                                                  \
        for (unsigned i = 0; i < n; i += (times)) {                                                \
            REPEAT##times(operation;)                                                              \
        }                                                                                          \
    }
#define REPEAT1(x) x
#define REPEAT8(x) x x x x x x x x
#ifdef __clang__
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define NO_UNROLL _Pragma("GCC unroll 1")
#endif

struct way {
    const char *name;
    void (*run[LAYOUTS])(unsigned n);
};

#define MAX_WAYS 16
#define REFERENCES 2 /* the first ways of a table, to which ratios are given */

/* So often that it takes RUN. */
static inline unsigned calibrate(const struct way *way)
{
    for (unsigned n = 1024;; n *= 2) {
        double start = cpu_time();
        way->run[0](n);
        if (cpu_time() - start >= RUN)
            return n;
    }
}

/*
 * In turns, since machines drift: ratios are made of what ran at about the same time, in the same
 * layout.
 */
static inline void table(const char *title, const struct way *ways, size_t count,
                         size_t repetitions)
{
    double *ns = bench_alloc(count * LAYOUTS * repetitions, sizeof(*ns));
    double reference[REFERENCES][LAYOUTS];
    unsigned n[MAX_WAYS];

    for (size_t w = 0; w < count; w++)
        n[w] = calibrate(&ways[w]);
    for (size_t r = 0; r < repetitions; r++)
        for (size_t l = 0; l < LAYOUTS; l++)
            for (size_t w = 0; w < count; w++) {
                double start = cpu_time();
                ways[w].run[l](n[w]);
                ns[(w * LAYOUTS + l) * repetitions + r] = (cpu_time() - start) / n[w];
            }

    printf("| %s | min | median | max | to row 1 | to row 2 |\n|---|---|---|---|---|---|\n", title);
    for (size_t w = 0; w < count; w++) {
        double median[LAYOUTS], ratio[REFERENCES][LAYOUTS], min = 0, max = 0;
        for (size_t l = 0; l < LAYOUTS; l++) {
            struct spread s = spread(ns + (w * LAYOUTS + l) * repetitions, repetitions);
            median[l] = s.median;
            min = l == 0 || s.min < min ? s.min : min;
            max = s.max > max ? s.max : max;
            for (size_t i = 0; i < REFERENCES; i++) {
                if (w == i)
                    reference[i][l] = s.median;
                ratio[i][l] = w < i ? 0 : s.median / reference[i][l];
            }
        }
        printf("| %s | %.3f | %.3f | %.3f |", ways[w].name, min, spread(median, LAYOUTS).median,
               max);
        for (size_t i = 0; i < REFERENCES; i++) {
            struct spread s = spread(ratio[i], LAYOUTS);
            if (w <= i)
                printf(" |");
            else
                printf(" %.2f (%.2f-%.2f) |", s.median, s.min, s.max);
        }
        printf("\n");
    }
    printf("\n");
    free(ns);
}

#define COUNT(ways) (sizeof(ways) / sizeof((ways)[0]))

#endif
