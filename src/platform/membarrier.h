/* SPDX-License-Identifier: MIT */
/* rseq, thread: membarrier(2). Linux, Documentation/scheduler/membarrier.rst; man 2 membarrier. */
#ifndef PERCPU_MEMBARRIER_H
#define PERCPU_MEMBARRIER_H

#include "process.h"

#include <linux/membarrier.h>

/* A process asks once whether it has fences, so that the answer is the same for its life. */
enum { FENCE_UNKNOWN, FENCE_WORKS, FENCE_NONE };

static inline bool percpu__membarrier(int command, unsigned flags, size_t cpu)
{
    return syscall(SYS_membarrier, command, flags, (int)cpu) == 0;
}

/* The command `registers`, which may be repeated, makes another one available. errno is kept. */
static inline bool percpu__fence_works(int *known, int registers)
{
    int is = __atomic_load_n(known, __ATOMIC_RELAXED), saved = errno;

    if (is == FENCE_UNKNOWN) {
        int now = percpu__membarrier(registers, 0, 0) ? FENCE_WORKS : FENCE_NONE;

        if (__atomic_compare_exchange_n(known, &is, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            is = now;
        errno = saved;
    }
    return is == FENCE_WORKS;
}

/* Called only after percpu__fence_works(); children inherit the registration. errno is kept. */
static inline bool percpu__fenced(int command, unsigned flags, size_t cpu)
{
    int saved = errno;
    bool done = percpu__membarrier(command, flags, cpu);

    errno = saved;
    return done;
}

#endif
