/* SPDX-License-Identifier: MIT */
/*
 * The modules of a process, the program and its shared libraries: several may embed the library,
 * and each has its code and data then. The first one in the dynamic linker's list owns what the
 * process has, its percpu__process. The others find that by a mark (modules.c).
 */
#ifndef PERCPU_MODULES_H
#define PERCPU_MODULES_H

#include "../internal.h"

/* What every percpu__process begins with: those of a process have to be alike. */
struct percpu__version {
    uint32_t version; /* of the platform, its settings, and the layout */
    uint32_t size;    /* of the whole */
};

struct percpu__joined {
    void *owner;      /* the process's percpu__process */
    size_t align;     /* of this module's segments */
    const char *name; /* of this module */
    bool is_program;
};

/* This module's, of its platform. It begins with a struct percpu__version. */
extern struct process percpu__process PERCPU__HIDDEN;

/* Called by each module's constructor. Does not return when it cannot work. */
struct percpu__joined percpu__join(const struct percpu__version *mine) PERCPU__HIDDEN;

/* Keeps this module, which is not the program, in the process. */
void percpu__pin(const char *name) PERCPU__HIDDEN;

/* "percpu: NAME: WHAT", or without the name when it is null, and the end. */
void percpu__refuse(const char *name, const char *what) PERCPU__HIDDEN __attribute__((noreturn));

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_THREAD)
#include <limits.h> /* not where there is no libc */

/* Of ThreadSanitizer, in programs that have it. */
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

/* Of the destructors of a thread's keys. In the very last one ThreadSanitizer leaves the thread. */
static inline int percpu__last_round(void)
{
    return _POSIX_THREAD_DESTRUCTOR_ITERATIONS - (&__tsan_release ? 1 : 0);
}
#endif

/* The process's allocator, at *first: that of the first module that asked. */
const struct percpu__allocator *
percpu__first_allocator(const struct percpu__allocator **first,
                        const struct percpu__allocator *mine) PERCPU__HIDDEN;

#endif
