/* SPDX-License-Identifier: MIT */
/*
 * usage: patience MODE
 * rseq: what a thread does whose CPU's area is another's. Each wait and the clock are this
 * program's, so that nothing takes time. Linked with --wrap=syscall,--wrap=clock_gettime.
 *   signals  each wait is ended by a signal: after a second the last area is taken
 *   woken    each second wait is ended by a wake, and the area is taken again: it waits on
 *   held     the last area is another thread's, too: each wait is for the word that it is told of
 *   reset    each wait is ended by a signal: percpu_reset_to_init() waits for its CPU's area
 *   tries    a child whose library has not seen that it is one tries, and enters
 *   busy     a handler registers a thread that is about to be registered (PERCPU_REGISTER=1)
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/info.h>

#include "hang.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

enum { ROUNDS = 40 };
struct pair {
    long a, b;
};
static PERCPU_DEFINE(struct pair, pair) = {1, 2};
static const char *mode = "";
static int waits, stale;
static bool is_armed;
static sem_t inside, leave;

static bool is(const char *name)
{
    return strcmp(mode, name) == 0;
}

/* A tenth of a second passes with each look at the clock. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    static int tenths = 50;

    (void)clock;
    tenths++;
    *now = (struct timespec){.tv_sec = tenths / 10, .tv_nsec = tenths % 10 * 100000000L};
    return 0;
}

/* After ROUNDS waits the owner leaves its block, and they are real. Owners that end wake nobody. */
static bool answer_wait(const uint32_t *word, uint32_t value, long limit, int *error)
{
    CHECK(limit != 0);
    if (*(const volatile uint32_t *)word != value)
        stale++;
    if (++waits == ROUNDS)
        sem_post(&leave);
    *error = is("signals") || is("reset") ? EINTR : is("woken") && waits % 2 == 0 ? 0 : ETIMEDOUT;
    return waits < ROUNDS || is("signals");
}

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    int error;

    if (number == SYS_futex && (b & FUTEX_CMD_MASK) == FUTEX_WAIT &&
        answer_wait((const uint32_t *)a, (uint32_t)c, d, &error)) {
        errno = error;
        return error ? -1 : 0;
    }
    if (number == SYS_rseq && is_armed) {
        is_armed = false;
        raise(SIGUSR1);
    }
    return __real_syscall(number, a, b, c, d, e, f);
}

static void pin(void)
{
    static int cpu = -1;
    cpu_set_t one;

    if (cpu < 0)
        cpu = sched_getcpu();
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
}

static size_t area_of(const struct pair *p)
{
    for (size_t cpu = 0; cpu < percpu_area_num(); cpu++)
        if (p == percpu_remote_ptr(pair, cpu))
            return cpu;
    return SIZE_MAX;
}

static void *enters(void *area)
{
    pin();
    percpu_with_current(pair, p)
        *(size_t *)area = area_of(p);
    return NULL;
}

static void *takes_last(void *unused)
{
    size_t *area = unused;

    pin();
    percpu_with_current(pair, p) {
        *area = area_of(p);
        sem_post(&inside);
        wait_until(&leave);
        sem_post(&leave);
    }
    return NULL;
}

static void *resets(void *unused)
{
    pin();
    percpu_reset_to_init(pair);
    return unused;
}

static void test_waits(void)
{
    size_t last = percpu_area_num() - 1, area, other = SIZE_MAX;
    pthread_t thread, second;

    pin();
    percpu_with_current(pair, p) {
        p->a = 77;
        area = area_of(p);
        if (is("held")) {
            CHECK(pthread_create(&second, NULL, takes_last, &other) == 0);
            wait_until(&inside);
            CHECK(other == last);
            waits = stale = 0;
        }
        CHECK(pthread_create(&thread, NULL, is("reset") ? resets : enters, &other) == 0);
        if (is("signals"))
            CHECK(pthread_join(thread, NULL) == 0);
        else
            wait_until(&leave);
        sem_post(&leave);
    }
    if (is("held"))
        CHECK(pthread_join(second, NULL) == 0);
    if (!is("signals"))
        CHECK(pthread_join(thread, NULL) == 0);
    if (is("signals")) {
        struct percpu_area_state info;

        CHECK(percpu_area_info(last, &info, sizeof(info)) == 0);
        CHECK(info.users[0] == (uintptr_t)thread && info.users[1] == 0);
    }
    CHECK(stale == 0);
    if (is("reset"))
        percpu_with_current(pair, p)
            CHECK(area_of(p) == area && p->a == 1 && p->b == 2);
    else
        CHECK(other == (is("signals") ? last : area));
}

static void *stays(void *unused)
{
    pin();
    percpu_with_current(pair, p) {
        ++p->a;
        sem_post(&inside);
        wait_until(&leave);
    }
    return unused;
}

/* No fork handler runs in the child of a bare system call. */
static void test_tries(void)
{
    pthread_t thread;
    pid_t child;

    pin();
    CHECK(pthread_create(&thread, NULL, stays, NULL) == 0);
    wait_until(&inside);
    percpu_try_with_current(pair, p)
        CHECK(p == NULL);
    child = (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0l, 0l, 0l, 0l);
    if (child == 0) {
        percpu_try_with_current(pair, p)
            ++p->b;
        else
            _exit(1);
        _exit(0);
    }
    CHECK(ends_well(child));
    sem_post(&leave);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void update(int number)
{
    (void)number;
    percpu_inc_at(&percpu_addr(pair)->a);
}

static void *registers(void *unused)
{
    pin();
    is_armed = true;
    percpu_inc_at(&percpu_addr(pair)->a);
    CHECK(!is_armed);
    CHECK(percpu_cpu_id() != percpu_area_num() - 1);
    return unused;
}

static void test_busy(void)
{
    struct sigaction action = {.sa_handler = update};
    pthread_t thread;

    CHECK(strstr(percpu_info(), "percpu registers threads"));
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, registers, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv)
{
    mode = argc > 1 ? argv[1] : "";
    end_if_it_hangs();
    CHECK(sem_init(&inside, 0, 0) == 0 && sem_init(&leave, 0, 0) == 0);
    if (is("tries"))
        test_tries();
    else if (is("busy"))
        test_busy();
    else
        test_waits();
    return right();
}
