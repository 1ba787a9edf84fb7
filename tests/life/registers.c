/* SPDX-License-Identifier: MIT */
/*
 * usage: registers CASE
 * rseq where libc registers no threads: what the library makes of the kernel's answers. A case is a
 * line of the table below. Linked with --wrap for syscall pthread_key_create pthread_setspecific
 * __rseq_size: rseq(2) is this file's, so that a thread is on the CPU that it says; and there is no
 * __rseq_size.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

enum { FAR = 99999 };
static const struct scenario {
    const char *name;
    const char *way;
    uint32_t cpu;    /* of the first thread, */
    uint32_t other;  /* of another one; UINT32_MAX: it is refused */
    int calls;       /* of rseq(2), to register a thread; one that is refused is not asked again */
    bool is_last[2]; /* who updates the area of no CPU */
} scenarios[] = {
    {"both", "restartable sequences; percpu", 0, 0, 2, {false, false}},
    {"no-key", "atomic instructions: no key", 0, 0, 0, {false, false}},
    {"no-value", "atomic instructions: no key", 0, 0, 0, {false, false}},
    {"far", "restartable sequences; percpu", FAR, 0, 2, {true, false}},
    {"other-far", "restartable sequences; percpu", 0, FAR, 2, {false, true}},
    {"not-cancelable", "restartable sequences; percpu", 0, 0, 1, {false, true}},
    {"refused", "restartable sequences; percpu", 0, UINT32_MAX, 2, {false, true}},
};
static const struct scenario *scenario;
static int calls;
static __thread bool is_other;

static PERCPU_DEFINE(long, hits) = 7;

static bool is(const char *name)
{
    return strcmp(scenario->name, name) == 0;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list list;
    long all[6];
    struct percpu__rseq *rseq;
    uint32_t cpu = is_other ? scenario->other : scenario->cpu;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        all[i] = va_arg(list, long);
    va_end(list);
    if (number != SYS_rseq)
        return __real_syscall(number, all[0], all[1], all[2], all[3], all[4], all[5]);
    rseq = (struct percpu__rseq *)all[0];
    if (all[2] == 0) {
        calls++;
        if (cpu == UINT32_MAX || rseq->cpu_id <= INT32_MAX) {
            errno = cpu == UINT32_MAX ? EINVAL : EBUSY;
            return -1;
        }
    }
    rseq->cpu_id = all[2] == 0 ? cpu : UINT32_MAX;
    return 0;
}

int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    return is("no-key") ? EAGAIN : __real_pthread_key_create(key, destructor);
}

int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    return is("no-value") ? ENOMEM : __real_pthread_setspecific(key, value);
}

/* What others have left in errno says nothing of the library's calls. */
__attribute__((constructor(100))) static void before(void)
{
    char line[4096] = "";
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, line, sizeof(line) - 1);
    const char *name = line + strlen(line) + 1;

    close(file);
    CHECK(size > 0 && name < line + size);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            scenario = &scenarios[i];
    CHECK(scenario);
    end_if_it_hangs();
    errno = EINVAL;
}

/* The first access says where the area is, the second one updates it. */
static void use(bool is_last)
{
    size_t last = percpu_area_num() - 1;
    long before = percpu_remote_read(hits, last);
    uintptr_t area;

    errno = EDOM;
    area = percpu_read_reg();
    percpu_inc(hits);
    CHECK(errno == EDOM);
    CHECK((percpu_remote_read(hits, last) == before + 1) == is_last);
    CHECK((area == percpu_area_base(last)) == is_last);
}

static void *other(void *unused)
{
    is_other = true;
    if (is("not-cancelable")) /* as one that ends: musl disables it */
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    use(scenario->is_last[1]);
    return unused;
}

int main(void)
{
    pthread_t thread;

    CHECK(strncmp(percpu_info(), scenario->way, strlen(scenario->way)) == 0);
    CHECK(percpu_area_num() > 1);
    use(scenario->is_last[0]);
    CHECK(pthread_create(&thread, NULL, other, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(percpu_sum(hits) == 7 * (long)percpu_area_num() + 2);
    CHECK(calls == scenario->calls);
    return right();
}
