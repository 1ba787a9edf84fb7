/* SPDX-License-Identifier: MIT */
/*
 * usage: pages [LIBRARY...]
 * rseq: a program and libraries, all this file, with variables in the same page of the areas, or,
 * with more WORDS, in several pieces of memory.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#ifndef WORDS
#define WORDS (3 * 512)
#endif

#ifdef IS_LIBRARY
static PERCPU_DEFINE(long[WORDS], values) = {[0 ... WORDS - 1] = 6};
static size_t size_at_start;

/* Behind the library's own. */
__attribute__((constructor)) static void note(void)
{
    size_at_start = percpu_area_size();
}

size_t sizes(void);
size_t sizes(void)
{
    return size_at_start;
}

int check(void);
int check(void)
{
    int wrong = 0;

    percpu_for_each(cpu)
        for (size_t i = 0; i < WORDS; i++)
            wrong += percpu_remote_read(values[i], cpu) != 6;
    return wrong;
}
#else
static PERCPU_DEFINE(long, value) = 5;

#ifdef IS_LINKED
size_t sizes(void);
int check(void);
#endif

static unsigned count_views(void)
{
    char line[512];
    unsigned count = 0;
    FILE *file = fopen("/proc/self/maps", "re");

    while (file && fgets(line, sizeof(line), file))
        count += strstr(line, "memfd:percpu") != NULL;
    if (file)
        fclose(file);
    return count;
}

static int say(const char *what)
{
    puts(what);
    return 1;
}

int main(int argc, char **argv)
{
#ifdef IS_LINKED
    (void)argv;
    if (argc != 1 || percpu_area_size() != sizes())
        return say("a module has started twice");
    return check() == 0 ? 0 : say("the library's variables have other values");
#else
    percpu_for_each(cpu)
        *percpu_remote_ptr(value, cpu) = (long)cpu + 50;
    if (argc == 1)
        return say("there is no library");
    for (int i = 1; i < argc; i++) {
        int (*function)(void) = NULL;
        unsigned views = count_views();
        void *library = dlopen(argv[i], RTLD_NOW);

        if (library)
            *(void **)&function = dlsym(library, "check");
        if (!function)
            return say("there is no library");
        if (count_views() <= views)
            return say("the library's values are no views");
        if (function() != 0)
            return say("the library's variables have other values");
    }
    percpu_for_each(cpu)
        if (percpu_remote_read(value, cpu) != (long)cpu + 50)
            return say("the program's variable has another value");
    percpu_reset_to_init(value);
    if (percpu_read(value) != 5)
        return say("the program's variable has another module's initial value");
    return 0;
#endif
}
#endif
