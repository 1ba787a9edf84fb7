/* SPDX-License-Identifier: MIT */
#ifndef MODULE_H
#define MODULE_H

/* A program without percpu has the pointers only. */
#include <stddef.h>
#include <stdint.h>
#ifndef PERCPU
#define PERCPU
#endif

struct module {
    uint64_t PERCPU *(*address)(void);
    void (*work)(uint64_t PERCPU *anothers); /* adds 1 to its own, and to another's */
    uint64_t (*sum)(uint64_t PERCPU *anothers);
    uint64_t (*table_sum)(unsigned index);
    void (*reset)(uint64_t PERCPU *anothers);
    size_t (*areas)(void);
    const char *(*info)(void);
    uint64_t PERCPU *(*alloc)(void);
    void (*free)(uint64_t PERCPU *object);
    size_t (*objects)(void);
    /* thread: */
    int (*init)(void);
    int (*fini)(void);
    int (*claim)(size_t cpu);
    void (*release)(void);
    int (*is_on)(size_t cpu, uint64_t PERCPU *anothers); /* and finds the copy of that CPU */
    int (*is_aligned)(void);
};

#endif
