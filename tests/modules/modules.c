/* SPDX-License-Identifier: MIT */
/*
 * usage: modules LIBRARY-A LIBRARY-B ROUNDS
 * thread: modules with per-CPU variables in one process; with PROGRAM_TOO the program is one, with
 * EARLY library A, linked to it, initialises. Exit status 0 when all holds, 3 where the register
 * does not hold the distance from a library to the areas.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../rseq/dlopen.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { THREADS = 8, UPDATES = 20 };

/* As many CPUs on every machine. */
long sysconf(int name)
{
    static long (*real)(int);

    if (name == _SC_NPROCESSORS_CONF)
        return THREADS;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sysconf");
    return real(name);
}

#ifdef PROGRAM_TOO
extern const struct module module_p;
enum { MODULES = 3 };
#else
enum { MODULES = 2 };
#endif
static const struct module *all[3]; /* a, b, the program */

static pthread_barrier_t step;
static long rounds;

/* Each thread claims by one module and gives back by another; every module sees it. */
static void *use(void *number)
{
    size_t cpu = (size_t)number;

    for (long round = 0; round < rounds; round++) {
        size_t first = (cpu + (size_t)round) % MODULES;

        pthread_barrier_wait(&step);
        check_eq((uint64_t)all[first]->claim(cpu), 0, "claim");
        for (int i = 0; i < UPDATES; i++)
            for (int by = 0; by < MODULES; by++)
                for (int of = 0; of < MODULES; of++)
                    all[by]->work(all[of]->address());
        for (int by = 0; by < MODULES; by++)
            for (int of = 0; of < MODULES; of++)
                check_eq((uint64_t)all[by]->is_on(cpu, all[of]->address()), 1, "on its CPU");
        all[(first + 1) % MODULES]->release();
        check_eq((uint64_t)all[first]->claim(cpu), 0, "claim again");
        all[first]->release();
        pthread_barrier_wait(&step);
        pthread_barrier_wait(&step);
    }
    return NULL;
}

/* In each of its copies a variable of `hits` got that many updates. */
static void check_sums(uint64_t updates)
{
    for (int of = 0; of < MODULES; of++) {
        for (int in = 0; in < MODULES; in++)
            check_eq(all[in]->sum(all[of]->address()), THREADS * (100 + updates * 2 * MODULES),
                     "sum");
        check_eq(all[of]->table_sum(0), THREADS, "first of the table");
        check_eq(all[of]->table_sum(3), THREADS * (11 + (uint64_t)of + updates * MODULES),
                 "last of the table");
        check_eq((uint64_t)all[of]->is_aligned(), 1, "alignment and initial values");
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    unsigned before = 0;

    if (argc != 4)
        return 2;
    rounds = atol(argv[3]);
    pthread_barrier_init(&step, NULL, THREADS + 1);
    for (size_t t = 0; t < THREADS; t++)
        if (pthread_create(&threads[t], NULL, use, (void *)t) != 0)
            return 1;
#ifdef PROGRAM_TOO
    all[2] = &module_p;
#endif
    for (long round = 0; round < rounds; round++) {
        void *a = open_library(argv[1], "module_a", &all[0]);
        void *b = NULL;

        /* One module comes before there are areas, and one after. */
        if (round == 0) {
#ifdef LINKED
            check_eq((uint64_t)all[0]->init(), 0, "areas are there already");
#else
            int areas = all[MODULES == 3 ? 2 : 0]->init();

            if (areas == -6 /* PERCPU_EDELTA */ && !(getauxval(AT_HWCAP2) & 2))
                exit(3); /* x86_64 without FSGSBASE */
            check_eq((uint64_t)areas, THREADS, "areas");
#endif
        }
        b = open_library(argv[2], "module_b", &all[1]);
        if (round == 0) {
            for (int in = 0; in < MODULES; in++) {
                check_eq((uint64_t)all[in]->init(), 0, "no other areas");
                check_eq(all[in]->areas(), THREADS, "number of areas");
            }
            check_sums(0);
        }
        if (round == 2)
            before = mappings();
        pthread_barrier_wait(&step);
        pthread_barrier_wait(&step);
        check_sums((uint64_t)(round + 1) * UPDATES);
        pass_on(all[0], all[1]);
        pass_on(all[1], all[MODULES - 1]);
        dlclose(b);
        dlclose(a);
        pthread_barrier_wait(&step);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    if (rounds > 2)
        check_eq(mappings() <= before, 1, "no more mappings than in round 2");

    /* On one CPU: back to 100. */
    check_eq((uint64_t)all[0]->claim(3), 0, "claim");
    for (int by = 0; by < MODULES; by++)
        for (int of = 0; of < MODULES; of++) {
            uint64_t sum = all[of]->sum(all[of]->address());
            uint64_t each = (uint64_t)2 * MODULES * rounds * UPDATES;
            all[by]->reset(all[of]->address());
            check_eq(all[by]->sum(all[of]->address()), sum - (by == 0 ? each : 0), "reset");
        }

    /* The end of the areas is the end for all, and new ones have initial values. */
    for (int by = 0; by < MODULES; by++) {
        check_eq((uint64_t)all[by]->fini(), 0, "fini");
        for (int in = 0; in < MODULES; in++)
            check_eq(all[in]->claim(0) < 0, 1, "no areas");
        check_eq((uint64_t)all[MODULES - 1 - by]->init(), THREADS, "areas again");
        check_sums(0);
        check_eq((uint64_t)all[by]->claim(7), 0, "claim");
        check_eq((uint64_t)all[MODULES - 1 - by]->is_on(7, all[by]->address()), 1, "on its CPU");
        pass_on(all[by], all[0]);
    }
    printf("# %u mappings\n", mappings());
    return failures != 0;
}
