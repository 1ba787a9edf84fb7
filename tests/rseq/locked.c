/* SPDX-License-Identifier: MIT */
/*
 * usage: locked LIMIT [LIBRARY]
 * A program that locks its memory, as user "nobody" with `ulimit -l` LIMIT in KiB unless that is 0:
 * prints "right" when per-CPU data takes less than 3 MiB then. WITH_PERCPU: its own, a variable and
 * objects. Otherwise of a library that it opens afterwards.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef WITH_PERCPU
#include <percpu/alloc.h>
static PERCPU_DEFINE(uint64_t, hits);
#endif

static unsigned long resident(void)
{
    char line[512];
    unsigned long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");

    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmRSS: %lu", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

static int say(const char *what)
{
    perror(what);
    return 1;
}

int main(int argc, char **argv)
{
    struct rlimit limit = {0, 0};
    unsigned long before, after;

    if (argc < 2)
        return 2;
    limit.rlim_cur = limit.rlim_max = strtoul(argv[1], NULL, 10) << 10;
    if (limit.rlim_cur != 0 &&
        (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || setresuid(65534, 65534, 65534) != 0))
        return say("a limit for nobody");
#ifdef WITH_PERCPU
    before = resident();
    percpu_inc(hits);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        return say("mlockall()");
    for (int i = 0; i < 1000; i++) {
        uint64_t PERCPU *object = percpu_alloc(uint64_t);
        if (!object)
            return say("percpu_alloc()");
        percpu_inc_at(object);
    }
    if (percpu_sum(hits) != 1)
        return say("the variable");
#else
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        return say("mlockall()");
    before = resident();
    if (argc < 3 || !dlopen(argv[2], RTLD_NOW)) {
        puts(dlerror());
        return 1;
    }
#endif
    after = resident();
    printf("%s, %lu KiB before, %lu KiB after\n",
           before > 0 && after - before < 3 << 10 ? "right" : "wrong", before, after);
    return 0;
}
