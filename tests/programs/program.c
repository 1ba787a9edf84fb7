/* SPDX-License-Identifier: MIT */
/*
 * usage: program [LIBRARY]
 * A program with per-CPU variables, which may open a shared library that has some, too (library.c).
 * Exit status 0 when all is right.
 */
#include <percpu/alloc.h>

#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 2, UPDATES = 1000 }; /* each */

static int failures;

static void check_eq(unsigned long value, unsigned long want, const char *what)
{
    if (value == want)
        return;
    printf("%s: %lu, not %lu\n", what, value, want);
    failures++;
}

static PERCPU_DEFINE(unsigned long, hits);
static PERCPU_DEFINE(unsigned long, seven) = 7;
static PERCPU_DEFINE_ISOLATED(int, three) = 3;

static unsigned long PERCPU *counter;

/* Each plays a CPU, where threads do. */
static void *work(void *number)
{
#ifdef PERCPU_PLATFORM_THREAD
    check_eq((unsigned long)percpu_init_reg((size_t)number), 0, "percpu_init_reg()");
#else
    (void)number;
#endif
    for (int i = 0; i < UPDATES; i++)
        percpu_inc_at(counter);
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0) {
            printf("no thread\n");
            exit(1);
        }
#ifdef PERCPU_PLATFORM_SINGLE /* one CPU */
        pthread_join(threads[i], NULL);
    }
#else
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
#endif
}

#ifndef NO_LIBRARY
static void open_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    library_use *function = NULL;

    if (library)
        *(void **)&function = dlsym(library, "use");
    if (!function) {
        printf("%s\n", dlerror());
        failures++;
        return;
    }
#ifdef ANOTHER_PLATFORM
    check_eq((unsigned long)function(NULL), 0, "the library");
#else
    unsigned long before = percpu_sum_at(counter);
    check_eq((unsigned long)function(counter), 0, "the library");
    check_eq(percpu_sum_at(counter), before + 1, "the library's update");
#ifdef PERCPU_PLATFORM_THREAD
    library_late *last = NULL;
    *(void **)&last = dlsym(library, "late");
    check_eq((unsigned long)last(),
             (unsigned long)-(PERCPU_MAX_CPUS > 63 ? PERCPU_ENULL : PERCPU_ERANGE),
             "CPU 63 in the library");
#endif
#endif
}
#endif

#ifdef OWN_PANIC
void percpu_panic(const char *message)
{
    printf("the program's percpu_panic(): %s\n", message);
    failures++;
}
#endif

int main(int argc, char **argv)
{
    size_t areas = 0;

#ifdef PERCPU_PLATFORM_THREAD
    check_eq(percpu_init_in_place() > 0, true, "percpu_init_in_place()");
#endif
    percpu_for_each(cpu)
        areas++;
    check_eq(percpu_area_num(), areas, "areas");
    counter = percpu_addr(hits);
    check_eq(percpu_sum(seven), 7 * areas, "initial values");
    check_eq((unsigned long)percpu_sum(three), 3 * areas, "initial values of an isolated variable");
    run_threads();
    check_eq(percpu_sum_at(counter), (unsigned long)THREADS * UPDATES, "updates");
#ifdef PERCPU_PLATFORM_THREAD
    check_eq((unsigned long)percpu_init_reg(0), 0, "percpu_init_reg()");
#endif
    for (int i = 1; i < argc; i++) {
#ifndef NO_LIBRARY
        open_library(argv[i]);
#else
        (void)argv;
#endif
    }
    return failures != 0;
}
