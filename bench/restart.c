/* SPDX-License-Identifier: MIT */
/*
 * What percpu_restart_pc() takes in a kernel of 10,000 sequences. src/restart.c is compiled as a
 * kernel's and run in a program: it is a search in a table, whatever the architecture. Each call
 * waits for the result of the one before it, and the places are random, so that nothing is
 * predicted. The table is in the caches.
 *
 * usage: restart [REPETITIONS]     (default 15, at least 9)
 */
#include "bench.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALLS 65536

/* A table as the macros of detail/restart.h make it, for code that is never run. */
#define SITES 10000
#define SEQUENCE 16 /* bytes */
#define DISTANCE 64
__asm__(".pushsection .text.sites,\"ax\",@progbits\n"
        "sites:\n\t"
        ".rept 10000\n"
        "1:\t.skip 16, 0xcc\n"
        "2:\t.skip 64 - 16, 0xcc\n\t"
        ".pushsection percpu_restart,\"aw\",@0x60706375\n\t"
        ".balign 8\n\t"
        ".quad 1b - ., 2b - .\n\t"
        ".popsection\n\t"
        ".endr\n\t"
        ".popsection");
extern const char sites[];

/* In src/restart.c, whose configuration is named here as the library does. */
uintptr_t percpu_restart_pc(uintptr_t pc);
bool percpu__restart_ready(void);
#define PERCPU__DEFINE_CONFIG 1
#include <percpu/detail/config.h>

static uintptr_t in_a_sequence(size_t site)
{
    return (uintptr_t)sites + site * DISTANCE + SEQUENCE / 2;
}

static uintptr_t between_two(size_t site)
{
    return (uintptr_t)sites + site * DISTANCE + SEQUENCE + 8;
}

static uintptr_t outside(size_t site)
{
    return (uintptr_t)sites - 1 - site;
}

static const struct way {
    const char *name;
    uintptr_t (*pc)(size_t site);
    uintptr_t moved; /* by how much it is wrong not to go back */
} ways[] = {
    {"in a sequence", in_a_sequence, SEQUENCE / 2},
    {"between two", between_two, 0},
    {"outside of all", outside, 0},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static uintptr_t pcs[WAYS][CALLS];
static volatile uintptr_t nothing; /* 0, which the compiler does not know */

/* ns per call. */
static double run(const uintptr_t *pc)
{
    const uintptr_t mask = nothing;
    uintptr_t last = 0;
    double start = cpu_time();

    for (size_t i = 0; i < CALLS; i++)
        last = percpu_restart_pc(pc[i] + (last & mask));
    nothing = last & mask;
    return (cpu_time() - start) / CALLS;
}

int main(int argc, char **argv)
{
    size_t repetitions = bench_repetitions(argc > 1 ? argv[1] : NULL, 15);
    static double ns[WAYS][1000];

    if (!percpu__restart_ready()) {
        fprintf(stderr, "restart: the table is refused\n");
        return 1;
    }
    srand(1);
    for (size_t i = 0; i < CALLS; i++) {
        size_t site = (size_t)rand() % SITES;
        for (size_t w = 0; w < WAYS; w++) {
            pcs[w][i] = ways[w].pc(site);
            if (percpu_restart_pc(pcs[w][i]) != pcs[w][i] - ways[w].moved) {
                fprintf(stderr, "restart: wrong answer for site %zu, %s\n", site, ways[w].name);
                return 1;
            }
        }
    }
    for (size_t w = 0; w < WAYS; w++)
        run(pcs[w]); /* warms up */
    for (size_t r = 0; r < repetitions; r++)
        for (size_t w = 0; w < WAYS; w++)
            ns[w][r] = run(pcs[w]);

    printf("ns per percpu_restart_pc() of %d sequences, %zu repetitions in turns, compiler %s\n\n"
           "%-36s%9s%9s%9s\n",
           SITES, repetitions, __VERSION__, "program counter", "min", "median", "max");
    for (size_t w = 0; w < WAYS; w++) {
        struct spread s = spread(ns[w], repetitions);
        printf("%-36s%9.1f%9.1f%9.1f\n", ways[w].name, s.min, s.median, s.max);
    }
    return 0;
}
