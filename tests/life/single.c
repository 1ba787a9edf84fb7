/* SPDX-License-Identifier: MIT */
/*
 * usage: single values|memory|signals
 * single: what the system refuses. Linked with --wrap=mmap,--wrap=madvise,--wrap=pthread_sigmask.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include "hang.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static PERCPU_DEFINE(long, value) = 7;
static size_t largest; /* mapping that there is memory for; none before main() */
static int no_huge_pages, refuse_signals, reports;
static const char *expected = "";

void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (size > largest || (size > 1 << 24 && !(flags & MAP_NORESERVE))) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(at, size, protection, flags, file, offset);
}

int __real_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice)
{
    no_huge_pages |= advice == MADV_NOHUGEPAGE;
    return __real_madvise(at, size, advice);
}

int __real_pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *before);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    return refuse_signals ? EINVAL : __real_pthread_sigmask(how, set, before);
}

void percpu_panic(const char *message)
{
    CHECK(strstr(message, expected));
    reports++;
}

/* The constructor could not keep the initial values; a percpu_init() keeps what it finds, once. */
static void test_values(void)
{
    expected = "no memory was left to keep the initial values in";
    percpu_write(value, 5);
    percpu_reset_to_init(value);
    CHECK(reports == 1 && percpu_read(value) == 5);
    CHECK(percpu_init_in_place() == 1);
    percpu_reset_to_init(value);
    CHECK(reports == 2 && percpu_read(value) == 5);
    CHECK(percpu_fini() == 0);
    largest = SIZE_MAX;
    CHECK(percpu_init_in_place() == 1);
    for (int round = 0; round < 2; round++) {
        percpu_write(value, 6);
        CHECK(percpu_fini() == 0);
        CHECK(percpu_init_in_place() == 1);
        percpu_reset_to_init(value);
        CHECK(percpu_read(value) == 5);
    }
    CHECK(reports == 2);
}

/* As many addresses as there are, and no more memory than objects take. */
static void test_memory(void)
{
    CHECK(!percpu_alloc(long));
    largest = SIZE_MAX;
    CHECK(percpu_alloc(long));
    CHECK(percpu_alloc_stats().reserved > (size_t)1 << 25);
    CHECK(no_huge_pages);
    CHECK(percpu_init_in_place() == 1);
    CHECK(percpu_fini() == 0);
    largest = 1 << 20;
    CHECK(percpu_alloc(long));
    CHECK(percpu_alloc_stats().reserved <= largest);
}

static void test_signals(void)
{
    refuse_signals = 1;
    expected = "signals could not be blocked";
    percpu_with_current_irq(value, p) {
        CHECK(reports == 1 && *p == 7);
        expected = "signals could not be unblocked";
    }
    CHECK(reports == 2);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    end_if_it_hangs();
    if (strcmp(mode, "values") == 0)
        test_values();
    else if (strcmp(mode, "memory") == 0)
        test_memory();
    else
        test_signals();
    return right();
}
