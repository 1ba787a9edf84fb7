/* SPDX-License-Identifier: MIT */
/*
 * rseq, where the library registers threads: a thread's first use comes after the last destructor
 * that could unregister it, here in another key's. It stays unregistered, and its updates count.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#include <limits.h>
#include <string.h>

#ifndef PTHREAD_DESTRUCTOR_ITERATIONS
#define PTHREAD_DESTRUCTOR_ITERATIONS _POSIX_THREAD_DESTRUCTOR_ITERATIONS
#endif

static PERCPU_DEFINE(long, entered);
static pthread_key_t key;
static _Thread_local int rounds;
static int is_registered = -1, disabled = 1;

static int registered(void)
{
    return ((volatile struct percpu__rseq *)percpu__rseq_area())->cpu_id <= INT32_MAX;
}

static void at_exit(void *value)
{
    if (++rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(key, value);
        return;
    }
    percpu_inc(entered);
    is_registered = registered();
}

static void *ends(void *unused)
{
    pthread_setspecific(key, &key);
    return unused;
}

static void *enables(void *unused)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    percpu_inc(entered);
    disabled = registered();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    percpu_inc(entered);
    is_registered = registered();
    return unused;
}

static void run(void *(*fn)(void *))
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, fn, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void)
{
    CHECK(strstr(percpu_info(), "percpu registers threads"));
    CHECK(pthread_key_create(&key, at_exit) == 0);
    run(ends);
    CHECK(is_registered == 0);
    run(enables);
    CHECK(disabled == 0);
    CHECK(is_registered == 1);
    CHECK(percpu_sum(entered) == 3);
    return right();
}
