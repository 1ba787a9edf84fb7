/* SPDX-License-Identifier: MIT */
/*
 * usage: starved LIBRARY
 * The library, which embeds percpu, comes by dlopen() when a thread runs already. Then the process
 * is short of addresses, and the thread enters its first block. Says "right".
 */
#include "module.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct module *module;
static int go[2];

static void *run(void *unused)
{
    char byte;

    if (read(go[0], &byte, 1) == 1)
        module->work(module->address());
    return unused;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    pthread_t thread;
    void *library;

    if (argc != 2 || pipe(go) != 0 || pthread_create(&thread, NULL, run, NULL) != 0 ||
        !(library = dlopen(argv[1], RTLD_NOW)) || !(module = dlsym(library, "module_a")) ||
        getrlimit(RLIMIT_AS, &limit) != 0)
        return 2;
    limit.rlim_cur = 1 << 20;
    if (setrlimit(RLIMIT_AS, &limit) != 0 || write(go[1], "", 1) != 1)
        return 2;
    pthread_join(thread, NULL);
    if (write(1, "right\n", 6) != 6)
        return 2;
    return 0;
}
