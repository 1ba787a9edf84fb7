/* SPDX-License-Identifier: MIT */
/*
 * usage: same-name LIBRARY...
 * A per-CPU variable that is neither static nor declared, in the program and in libraries; as a
 * library (NUMBER) it answers its sum. Exit status 0 when all sums are their own.
 */
#include <percpu/percpu.h>

#include <dlfcn.h>
#include <stdio.h>

#ifndef NUMBER
#define NUMBER 0
#endif
#ifdef DECLARED
PERCPU_DECLARE(uint64_t, of_each);
#endif
PERCPU_DEFINE(uint64_t, of_each) = NUMBER;

uint64_t sum(void);
uint64_t sum(void)
{
    percpu_inc(of_each);
    return percpu_sum(of_each);
}

#ifdef IS_PROGRAM
int main(int argc, char **argv)
{
    bool right = sum() == NUMBER * percpu_area_num() + 1;

    for (int i = 1; i < argc; i++) {
        void *library = dlopen(argv[i], RTLD_NOW);
        uint64_t (*sum_there)(void) = NULL;

        if (library)
            *(void **)&sum_there = dlsym(library, "sum");
        if (!sum_there) {
            printf("%s\n", dlerror());
            return 2;
        }
        right &= sum_there() == (uint64_t)(NUMBER + i) * percpu_area_num() + 1;
    }
    printf("%s\n", right ? "right" : "wrong");
    return !right;
}
#endif
