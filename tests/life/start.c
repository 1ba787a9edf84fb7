/* SPDX-License-Identifier: MIT */
/*
 * usage: start NTH FIRST STOPS OTHER
 * rseq: opens FIRST, unless it is "-". fork() while another thread is in the constructor of STOPS,
 * which calls stop_here() of this program for each of some functions that it calls: in the NTH
 * call. The child opens OTHER. Prints "past" when there are fewer calls.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "blocks.h"
#include "hang.h"

#include <dlfcn.h>

static sem_t inside, go_on;
static volatile long stops;

void stop_here(void);
void stop_here(void)
{
    if (stops == 0 || --stops != 0)
        return;
    sem_post(&inside);
    wait_until(&go_on);
}

static void use(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    const struct blocks *blocks = library ? dlsym(library, "blocks") : NULL;

    if (!blocks)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(blocks);
    blocks->block(NULL);
    CHECK(blocks->sum() == 1);
}

static void *open_first(void *path)
{
    use(path);
    if (stops != 0)
        sem_post(&inside);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    pid_t child;

    CHECK(argc == 5);
    sem_init(&inside, 0, 0);
    sem_init(&go_on, 0, 0);
    end_if_it_hangs();
    if (*argv[2] != '-')
        use(argv[2]);
    stops = strtol(argv[1], NULL, 10);
    CHECK(pthread_create(&thread, NULL, open_first, argv[3]) == 0);
    wait_until(&inside);
    if (stops != 0) {
        puts("past");
        return 0;
    }
    child = fork();
    if (child == 0) {
        end_if_it_hangs();
        use(argv[4]);
        _exit(0);
    }
    CHECK(ends_well(child));
    sem_post(&go_on);
    CHECK(pthread_join(thread, NULL) == 0);
    use(argv[4]);
    return right();
}
