/* SPDX-License-Identifier: MIT */
/*
 * What an update of one 64-bit counter costs, beside its alternatives, on one thread. All are
 * measured in turns in one run, since machines drift; what counts is the ratio to the plain
 * increment. Code placement alone can move a figure by tens of percent.
 *
 * usage: bench [REPETITIONS]     (default 15, at least 9)
 */
#include <percpu/percpu.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

#define INCREMENTS 20000000u
#define UNROLL 8

static PERCPU_DEFINE(uint64_t, counter);
static uint64_t plain_counter, atomic_counter, locked_counter;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* A pointer that the compiler knows nothing about: no increments are merged. */
static uint64_t *plain(void)
{
    uint64_t *p = &plain_counter;
    __asm__ volatile("" : "+r"(p));
    return p;
}

static inline void with_current(void)
{
    percpu_with_current(counter, p) {
        ++*p;
    }
}

#define REPEAT8(x) x x x x x x x x

#define LOOP(name, before, operation)                                                              \
    static void name(unsigned n)                                                                   \
    {                                                                                              \
        before;                                                                                    \
        for (unsigned i = 0; i < n; i += UNROLL) {                                                 \
            REPEAT8(operation;)                                                                    \
        }                                                                                          \
    }

LOOP(do_plain, uint64_t *p = plain(), ++*p; __asm__ volatile("" : "+m"(*p)))
LOOP(do_inc, , percpu_inc(counter))
LOOP(do_read_write, , percpu_write(counter, percpu_read(counter) + 1))
LOOP(do_add_return, , (void)percpu_add_return(counter, 1))
LOOP(do_with_current, , with_current())
LOOP(do_atomic, , __atomic_fetch_add(&atomic_counter, 1, __ATOMIC_RELAXED))

static void do_mutex(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        pthread_mutex_lock(&mutex);
        locked_counter++;
        pthread_mutex_unlock(&mutex);
    }
}

static const struct way {
    const char *name;
    void (*run)(unsigned n);
} ways[] = {
    {"plain increment through a pointer", do_plain},
    {"percpu_inc", do_inc},
    {"percpu_write(percpu_read + 1)", do_read_write},
    {"percpu_add_return", do_add_return},
    {"percpu_with_current", do_with_current},
    {"atomic increment, uncontended", do_atomic},
    {"mutex, uncontended", do_mutex},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    long repetitions = argc > 1 ? strtol(argv[1], NULL, 10) : 15;
    struct utsname machine;
    double *ns;
    int error;

    if (repetitions < 9 || repetitions > 1000) {
        fprintf(stderr, "usage: bench [REPETITIONS]   from 9 to 1000\n");
        return 2;
    }
    error = percpu_init_in_place();
    if (error > 0)
        error = percpu_init_reg(0);
    if (error < 0 || uname(&machine) != 0) {
        fprintf(stderr, "bench: %s\n", percpu_strerror(error));
        return 1;
    }
    ns = calloc(WAYS * (size_t)repetitions, sizeof(*ns));
    if (!ns) {
        fprintf(stderr, "bench: no memory for %ld repetitions\n", repetitions);
        return 1;
    }

    for (long r = -1; r < repetitions; r++) /* the first round warms up */
        for (size_t w = 0; w < WAYS; w++) {
            double start = now();
            ways[w].run(INCREMENTS);
            if (r >= 0)
                ns[w * (size_t)repetitions + (size_t)r] = (now() - start) / INCREMENTS;
        }

    printf("ns per increment, %ld repetitions in turns; %s %s, compiler %s\n\n%-36s%9s%9s%9s%9s\n",
           repetitions, machine.sysname, machine.machine, __VERSION__, "", "min", "median", "max",
           "ratio");
    for (size_t w = 0; w < WAYS; w++) {
        double *all = ns + w * (size_t)repetitions, *base = ns;
        qsort(all, (size_t)repetitions, sizeof(*all), compare);
        printf("%-36s%9.3f%9.3f%9.3f%9.2f\n", ways[w].name, all[0], all[repetitions / 2],
               all[repetitions - 1], all[repetitions / 2] / base[repetitions / 2]);
    }
    free(ns);
    return 0;
}
