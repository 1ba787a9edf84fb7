/* SPDX-License-Identifier: MIT */
/*
 * usage: handler LIBRARY
 * A signal handler is the first in its thread to use a library that was opened by dlopen(), which
 * owns the process's state. It may have interrupted malloc(): prints "right", or that it called
 * that.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "module.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* glibc's. Those that are defined here are the process's, also for the dynamic linker. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);

static volatile sig_atomic_t in_handler, calls;
static const struct module *module;

void *malloc(size_t size)
{
    calls += in_handler;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    calls += in_handler;
    return __libc_calloc(count, size);
}

static void on_signal(int number)
{
    (void)number;
    in_handler = 1;
    module->work(module->address()); /* updates, and a block */
    in_handler = 0;
}

static void *interrupted(void *unused)
{
    raise(SIGUSR1);
    return unused;
}

int main(int argc, char **argv)
{
    void *library = dlopen(argc == 2 ? argv[1] : "", RTLD_NOW);
    pthread_t thread;

    module = library ? dlsym(library, "module_a") : NULL;
    if (!module)
        return 1;
    signal(SIGUSR1, on_signal);
    if (pthread_create(&thread, NULL, interrupted, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    puts(calls ? "a handler called malloc()" : "right");
}
