/* SPDX-License-Identifier: MIT */
/*
 * usage: refused HOW LIBRARY
 * thread: what cannot be had with variables of another module. Where opening the library has to end
 * the process, status 3 says that it did not; else 0 when all holds.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As many CPUs on every machine. Nothing else is asked here. */
long sysconf(int name)
{
    return name == _SC_NPROCESSORS_CONF ? 8 : -1;
}

static PERCPU_DEFINE(uint64_t, hits);
/* Same name, and neither static nor declared: the dynamic linker finds this one. */
PERCPU_DEFINE(uint64_t, of_both);

static void *open_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);

    if (!library) {
        printf("# %s\n", dlerror());
        exit(2);
    }
    return library;
}

static void *memory_for(size_t cpus)
{
    struct percpu_layout layout = percpu_area_layout_expected(cpus);
    void *memory = aligned_alloc(layout.align, layout.size);

    if (!memory)
        exit(2);
    return memory;
}

int main(int argc, char **argv)
{
    const char *how = argc == 3 ? argv[1] : "";
    int got[5];

    if (strcmp(how, "callers-memory") == 0) {
        if (percpu_init(memory_for(4), 4) != 4)
            return 2;
    } else if (strcmp(how, "late-cpu") == 0) {
        if (percpu_init_in_place() != 8 || percpu_init_cpu(20, memory_for(1)) != 1)
            return 2;
    } else if (strcmp(how, "in-place") == 0) {
        if (percpu_init_in_place() != 8)
            return 2;
#ifdef LM_ID_NEWLM
    } else if (strcmp(how, "namespace") == 0) {
        if (!dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW))
            printf("# %s\n", dlerror());
        return 3;
#endif
    } else if (strcmp(how, "before") == 0) {
        open_library(argv[2]);
        got[0] = percpu_init(memory_for(4), 4);
        got[1] = percpu_init_cpu(0, memory_for(1));
        got[2] = percpu_init_in_place();
        got[3] = percpu_init_cpu(20, memory_for(1));
        got[4] = percpu_init_reg(7);
        printf("# %d %d %d %d %d\n", got[0], got[1], got[2], got[3], got[4]);
        percpu_inc(hits);
        return !(got[0] == -PERCPU_EMODULE && got[1] == -PERCPU_EMODULE && got[2] == 8 &&
                 got[3] == -PERCPU_EMODULE && got[4] == 0 && percpu_sum(hits) == 1);
    } else {
        return 2;
    }
    open_library(argv[2]);
    return 3;
}
