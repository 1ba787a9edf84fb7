/* SPDX-License-Identifier: MIT */
/*
 * usage: registered [first | keys | no-fence]
 * rseq: a program that is right. "first": before the library, something else has registered its
 * thread for rseq(2); "keys": it has taken all keys of thread-specific data; "no-fence": there is
 * no membarrier(2).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIGNATURE = 0x12345678 };
static __thread uint32_t area[8] __attribute__((aligned(32)));

/* The arguments: libc does not give them to constructors everywhere. */
static bool is_asked_for(const char *what)
{
    char line[4096];
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? 0 : read(file, line, sizeof(line));

    if (file >= 0)
        close(file);
    return size > 0 && memmem(line, (size_t)size, what, strlen(what) + 1);
}

/* The library's constructor has priority 101. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wprio-ctor-dtor"
#endif
__attribute__((constructor(100))) static void before(void)
{
    pthread_key_t key;

    if (is_asked_for("first") && syscall(SYS_rseq, area, sizeof(area), 0, SIGNATURE) != 0)
        _exit(2);
    if (is_asked_for("keys"))
        while (pthread_key_create(&key, NULL) == 0)
            ;
}

static PERCPU_DEFINE(unsigned long, hits) = 7;

static void *work(void *unused)
{
    percpu_inc(hits);
    percpu_with_current(hits, p)
        ++*p;
    return unused;
}

int main(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 3;
    (void)work(NULL);
    if (percpu_fence_cpu(0) != (is_asked_for("no-fence") ? -PERCPU_ESYS : 0))
        return 4;
    return percpu_sum(hits) != 7 * percpu_area_num() + 4;
}
