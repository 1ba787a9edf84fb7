/* SPDX-License-Identifier: MIT */
/*
 * usage: grow
 * rseq: objects where the system limits what a program could write to (RLIMIT_DATA): there are
 * some, each can be written to on each CPU, and then there are no more; those that are given back
 * are there again.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include "hang.h"

#include <string.h>
#include <sys/resource.h>

enum { SIZE = 1 << 18, MANY = 10000 };

/* Before the library's constructor. */
__attribute__((constructor(100))) static void limit(void)
{
    const struct rlimit data = {64 << 20, 64 << 20};

    CHECK(setrlimit(RLIMIT_DATA, &data) == 0);
}

int main(void)
{
    char PERCPU *p = NULL;
    static char PERCPU *all[MANY];
    unsigned n;

    end_if_it_hangs();
    for (n = 0; n < MANY && (p = percpu_alloc_bytes(SIZE, 64)); n++) {
        all[n] = p;
        percpu_for_each(cpu)
            memset(percpu_remote_ptr_at(p, cpu), 1, SIZE);
    }
    CHECK(n > 0 && n < MANY && !p);
    /* What was there is, when it has been given back. */
    for (unsigned i = 0; i < n; i++)
        percpu_free(all[i]);
    for (unsigned i = 0; i < n; i++) {
        p = percpu_alloc_bytes(SIZE, 64);
        CHECK(p);
        percpu_for_each(cpu)
            memset(percpu_remote_ptr_at(p, cpu), 1, SIZE);
    }
    return right();
}
