/* SPDX-License-Identifier: MIT */
/* What programs with modules that embed percpu share. */
#ifndef DLOPEN_H
#define DLOPEN_H

#include "module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static int failures;
static void check_eq(uint64_t a, uint64_t b, const char *what)
{
    if (a != b && failures++ < 10)
        printf("# %s: %llu, not %llu\n", what, (unsigned long long)a, (unsigned long long)b);
}

static void *open_library(const char *path, const char *symbol, const struct module **module)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);

    if (library)
        *module = dlsym(library, symbol);
    if (!library || !*module) {
        printf("# %s\n", dlerror());
        exit(1);
    }
    return library;
}

static unsigned mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    unsigned n = 0;
    int c;

    if (!file)
        exit(1);
    while ((c = fgetc(file)) != EOF)
        n += c == '\n';
    fclose(file);
    return n;
}

/* One module's object is any other's, and there is one heap. */
static void pass_on(const struct module *from, const struct module *to)
{
    uint64_t PERCPU *object = from->alloc();
    uint64_t PERCPU *other = to->alloc();

    check_eq(object != NULL && other != NULL && object != other, 1, "two objects");
    check_eq(to->objects(), 2, "objects");
    check_eq(to->sum(object), 0, "an object is zeroed");
    to->free(object);
    from->free(other);
    check_eq(from->objects(), 0, "no objects");
}

#endif
