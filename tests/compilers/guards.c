/* SPDX-License-Identifier: MIT */
/*
 * Guards whose functions the compiler sees, and which are no barriers themselves. compilers.py
 * counts stores.
 */
#include <percpu/percpu.h>

struct pair {
    uint64_t a, b;
};
static PERCPU_DEFINE(struct pair, pair);
static PERCPU_DEFINE(uint64_t, word);

extern int outside;
int outside;
static int depth; /* no pointer leads here: an access by one is no barrier for it */

int depth_now(void);
int depth_now(void)
{
    return depth;
}

#ifdef PERCPU_PREEMPT
void percpu_preempt_disable(void)
{
    depth++;
}
void percpu_preempt_enable(void)
{
    depth--;
}
#endif
#ifdef PERCPU_PLATFORM_RSEQ
size_t percpu__take_area(void)
{
    return (size_t)depth;
}
void percpu__give_back_area(void)
{
}
#endif

void block(uint64_t n);
void block(uint64_t n)
{
    outside = 1;
    percpu_with_current(pair, p) {
        outside = 2;
        p->a += n;
        p->b += n;
        outside = 3;
    }
    outside = 4;
}

/* One instruction or guarded. */
uint64_t read(void);
uint64_t read(void)
{
    return percpu_read(word);
}
