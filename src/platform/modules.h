/* SPDX-License-Identifier: MIT */
/*
 * The modules of a process are the program and its shared libraries. Several may embed the library,
 * each with code and data of its own. The first one in the dynamic linker's list is the owner: its
 * percpu__process is the state of the process, which the others find by a mark (modules.c).
 */
#ifndef PERCPU_MODULES_H
#define PERCPU_MODULES_H

#include "../internal.h"

/* The begin of each percpu__process, which has to be alike in all modules of a process. */
struct percpu__version {
    uint32_t version; /* of the platform, its settings, and the layout */
    uint32_t size;    /* bytes of all of percpu__process */
};

struct percpu__joined {
    void *owner;      /* the process's percpu__process */
    size_t align;     /* of this module's segments */
    const char *name; /* of this module */
    bool is_program;
};

/* This module's state, of its platform's type, which begins with a struct percpu__version. */
extern struct process percpu__process PERCPU__HIDDEN;

/* Called by each module's constructor. Ends the process if the module cannot join it. */
struct percpu__joined percpu__join(const struct percpu__version *mine) PERCPU__HIDDEN;

/* Pins this module, a shared library: dlclose() does not unload it. */
void percpu__pin(const char *name) PERCPU__HIDDEN;

/* Reports "percpu: NAME: WHAT", or without the name when it is null, and aborts. */
void percpu__refuse(const char *name, const char *what) PERCPU__HIDDEN __attribute__((noreturn));

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_THREAD)
#include <limits.h> /* not where there is no libc */

/* Of ThreadSanitizer, in programs that have it. */
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

/* The last round of key destructors to use: in the very last ThreadSanitizer leaves the thread. */
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
