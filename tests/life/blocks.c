/* SPDX-License-Identifier: MIT */
/* rseq: a module that embeds percpu, a shared library or part of the program. */
#include <percpu/percpu.h>

#include "blocks.h"

#include <stddef.h>

static PERCPU_DEFINE(long, entered);

/* Initial values, or none, for where the other has been. */
enum { MANY = 4096 };
#ifdef VALUES
static PERCPU_DEFINE(long[MANY], many) = {[0 ... MANY - 1] = 1};
#else
static PERCPU_DEFINE(long[MANY], many);
#endif

#ifdef STOPS /* --wrap: the constructor calls stop_here() of the program on its way */
#include <pthread.h>
#include <sys/mman.h>

extern void stop_here(void) __attribute__((weak));

#define STOP(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        type result = __real_##name arguments;                                                     \
        if (&stop_here)                                                                            \
            stop_here();                                                                           \
        return result;                                                                             \
    }
STOP(void *, mmap, (void *at, size_t size, int protection, int flags, int file, off_t offset),
     (at, size, protection, flags, file, offset))
STOP(int, mprotect, (void *at, size_t size, int protection), (at, size, protection))
STOP(int, pthread_key_create, (pthread_key_t * key, void (*destructor)(void *)), (key, destructor))
STOP(int, pthread_atfork, (void (*prepare)(void), void (*parent)(void), void (*child)(void)),
     (prepare, parent, child))
#endif

static void block(void (*inside)(void))
{
    percpu_with_current(entered, p) {
        ++*p;
        if (inside)
            inside();
    }
}

static long sum(void)
{
    long others = 0;

    percpu_for_each(cpu)
        for (int i = 0; i < MANY; i += 64)
            others += percpu_remote_read(many[i], cpu);
#ifdef VALUES
    others -= (long)percpu_area_num() * (MANY / 64);
#endif
    return percpu_sum(entered) + others;
}

__attribute__((visibility("default"))) const struct blocks blocks = {block, sum};
