/* SPDX-License-Identifier: MIT */
/*
 * usage: cancel FOLDER
 * rseq: a thread that is to be cancelled opens first.so; another opens other.so, both of FOLDER.
 */
#include "blocks.h"
#include "hang.h"

#include <dlfcn.h>

static volatile int opened;

static void use(const char *folder, const char *name)
{
    const struct blocks *blocks;
    char path[4096];
    void *library;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    library = dlopen(path, RTLD_NOW);
    blocks = library ? dlsym(library, "blocks") : NULL;
    CHECK(blocks);
    blocks->block(NULL);
    CHECK(blocks->sum() == 1);
    opened++;
}

static void *is_cancelled(void *folder)
{
    pthread_cancel(pthread_self());
    use(folder, "first.so");
    pthread_testcancel();
    return folder;
}

static void *opens(void *folder)
{
    use(folder, "other.so");
    return folder;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *result;

    CHECK(argc == 2);
    end_if_it_hangs();
    CHECK(pthread_create(&thread, NULL, is_cancelled, argv[1]) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED && opened == 1);
    CHECK(pthread_create(&thread, NULL, opens, argv[1]) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return right();
}
