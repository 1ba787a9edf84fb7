/* SPDX-License-Identifier: MIT */
/*
 * usage: limited
 * rseq: a limit on addresses that is set after the start; then the program again, under it. Exit
 * status 0 when all is as docs/rseq.md says.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define LIMIT ((rlim_t)16 << 20) /* less than two pieces for two CPUs, more than for none */

static PERCPU_DEFINE(unsigned long, hits) = 7;
static int failures;

static void check_that(bool is_right, const char *what)
{
    if (!is_right)
        printf("not so: %s\n", what);
    failures += !is_right;
}

static bool can_map(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory != MAP_FAILED && munmap(memory, 4096) == 0;
}

static unsigned long PERCPU *object;

static void use(void)
{
    percpu_inc(hits);
    percpu_with_current(hits, p)
        ++*p;
    check_that(percpu_sum(hits) == 7 * percpu_area_num() + 2, "variables are right");
    percpu_inc_at(object);
    check_that(percpu_sum_at(object) == 1, "objects are right");
    percpu_free(object);
}

int main(int argc, char **argv)
{
    const struct rlimit limit = {LIMIT, LIMIT};

    check_that(can_map(), "the program maps memory");
    object = percpu_alloc(unsigned long);
    if (!object)
        return 2;
    if (argc == 1) {
        check_that(setrlimit(RLIMIT_AS, &limit) == 0, "the limit is set");
        check_that(!can_map(), "below what is reserved, the program maps no more");
    }
    use();
    if (failures == 0 && argc == 1) {
        execl("/proc/self/exe", argv[0], "again", (char *)NULL);
        perror("execl()");
        return 1;
    }
    return failures != 0;
}
