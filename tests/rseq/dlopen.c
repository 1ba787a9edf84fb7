/* SPDX-License-Identifier: MIT */
/*
 * usage: dlopen LIBRARY-A LIBRARY-B ROUNDS
 * Modules with per-CPU variables in one process; with PROGRAM_TOO the program is one. Exit status 0
 * when all holds.
 */
#include "dlopen.h"

#include <pthread.h>

enum { THREADS = 8, UPDATES = 20 };

static const struct module *a, *b;
static pthread_barrier_t step;
static long rounds;

/* Between two waits the libraries are closed: a thread wakes, and sleeps again. */
static void *use(void *unused)
{
    (void)unused;
    for (long round = 0; round < rounds; round++) {
        pthread_barrier_wait(&step);
        for (int i = 0; i < UPDATES; i++) {
            a->work(b->address());
            b->work(a->address());
        }
        pthread_barrier_wait(&step);
        pthread_barrier_wait(&step);
    }
    return NULL;
}

#ifdef PROGRAM_TOO
extern const struct module module_p;
#endif

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    unsigned before = 0;
    size_t areas = 0;
    uint64_t want;

    if (argc != 4)
        return 2;
    rounds = atol(argv[3]);
    pthread_barrier_init(&step, NULL, THREADS + 1);
    for (int t = 0; t < THREADS; t++)
        if (pthread_create(&threads[t], NULL, use, NULL) != 0)
            return 1;
    for (long round = 0; round < rounds; round++) {
        void *library_a = open_library(argv[1], "module_a", &a);
        void *library_b = open_library(argv[2], "module_b", &b);

        if (round == 0) {
            areas = a->areas();
            check_eq(b->areas(), areas, "areas");
            check_eq(a->sum(a->address()), 100 * areas, "initial value in a");
            check_eq(a->sum(b->address()), 100 * areas, "initial value in b");
            check_eq(a->table_sum(3), 11 * areas, "initial table in a");
            check_eq(b->table_sum(3), 12 * areas, "initial table in b");
        }
        if (round == 2)
            before = mappings();
        pthread_barrier_wait(&step);
        pthread_barrier_wait(&step);
        want = 100 * areas + (uint64_t)(round + 1) * THREADS * UPDATES * 2;
        check_eq(a->sum(a->address()), want, "a's variable in a");
        check_eq(b->sum(a->address()), want, "a's variable in b");
        check_eq(a->sum(b->address()), want, "b's variable in a");
        check_eq(b->sum(b->address()), want, "b's variable in b");
        check_eq(a->table_sum(3),
                 (uint32_t)(11 * areas + (uint64_t)(round + 1) * THREADS * UPDATES), "a's table");
        pass_on(a, b);
        pass_on(b, a);
        dlclose(library_b);
        dlclose(library_a);
        pthread_barrier_wait(&step);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    if (rounds > 2)
        check_eq(mappings() <= before, 1, "no more mappings than in round 2");
#ifdef PROGRAM_TOO
    /* Every pair of modules: the same variable, whoever names it. */
    const struct module *all[] = {&module_p, a, b};
    check_eq(module_p.sum(module_p.address()), 100 * areas, "initial value in the program");
    for (int of = 0; of < 3; of++)
        for (int by = 0; by < 3; by++) {
            uint64_t sum = all[of]->sum(all[of]->address());
            all[by]->work(all[of]->address());
            for (int in = 0; in < 3; in++)
                check_eq(all[in]->sum(all[of]->address()), sum + 1 + (of == by), "pairs");
        }
    pass_on(&module_p, a);
    pass_on(b, &module_p);
    for (int by = 0; by < 3; by++) /* on one CPU's area, whichever */
        for (int of = 0; of < 3; of++) {
            all[by]->reset(all[of]->address());
            check_eq(all[of]->table_sum(0), areas, "first of the table");
        }
    check_eq(module_p.info() == a->info() && a->info() == b->info(), 1, "one process");
#endif
    printf("# %s, %u mappings\n", a->info(), mappings());
    return failures != 0;
}
