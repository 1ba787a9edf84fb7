/* SPDX-License-Identifier: MIT */
/* usage: host LIBRARY FUNCTION: a program without percpu, which calls a function of a library. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    int (*function)(void) = NULL;

    if (library)
        *(void **)&function = dlsym(library, argv[2]);
    if (!function) {
        puts(argc == 3 ? dlerror() : "usage");
        return 2;
    }
    return function();
}
