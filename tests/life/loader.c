/* SPDX-License-Identifier: MIT */
/*
 * usage: loader
 * The library asks the dynamic linker, which has a lock of its own, before main() only: a thread
 * that has the areas' lock must not wait for one that loads a library, whose constructor waits for
 * the areas. Linked with --wrap=dl_iterate_phdr.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include "hang.h"

#include <link.h>

static PERCPU_DEFINE(long, value) = 7;
static int in_main;

typedef int visitor(struct dl_phdr_info *info, size_t size, void *data);
int __real_dl_iterate_phdr(visitor *visit, void *data);
int __wrap_dl_iterate_phdr(visitor *visit, void *data);
int __wrap_dl_iterate_phdr(visitor *visit, void *data)
{
    CHECK(!in_main);
    return __real_dl_iterate_phdr(visit, data);
}

int main(void)
{
    in_main = 1;
    end_if_it_hangs();
    (void)percpu_area_layout_expected(1);
    CHECK(percpu_init_in_place() >= 0);
    CHECK(percpu_init_reg(0) == 0);
    percpu_free(percpu_alloc(long));
    percpu_reset_to_init(value);
    CHECK(percpu_remote_read(value, 0) == 7);
    return right();
}
