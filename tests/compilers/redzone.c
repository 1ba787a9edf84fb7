/* SPDX-License-Identifier: MIT */
/*
 * A kernel's function that calls none: without -mno-red-zone its variables lie below the stack
 * pointer, where the library must not write. compilers.py makes nops of cli and sti, and host.c
 * calls it in a program.
 */
#include <percpu/percpu.h>

struct pair {
    unsigned long a, b;
};
PERCPU_DEFINE(struct pair, pair);
PERCPU_DEFINE(unsigned long[2], words);

unsigned long sum(const unsigned long *from);
unsigned long sum(const unsigned long *from)
{
    volatile unsigned long copy[8];
    unsigned long all = 0;

    for (int i = 0; i < 8; i++)
        copy[i] = from[i];
    percpu_with_current_irq(pair, p) {
        p->a += 1;
    }
    percpu_xchg(words[0], percpu_add_return(words[1], 2));
    for (int i = 0; i < 8; i++)
        all += copy[i];
    return all;
}
