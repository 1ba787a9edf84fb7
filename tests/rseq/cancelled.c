/* SPDX-License-Identifier: MIT */
/*
 * usage: cancelled
 * Threads that count are cancelled asynchronously, some in a sequence or its abort handler. Each
 * must run its cleanup: the unwinder finds the caller from there.
 */
#include <percpu/percpu.h>

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#ifndef THREADS
#define THREADS 2000
#endif
/* arm's tables for unwinders (EHABI) describe functions at calls, not their first instructions. */
#ifdef __arm__
#define LEAST (THREADS - THREADS / 20)
#else
#define LEAST THREADS
#endif

static PERCPU_DEFINE(long, count);
static volatile int is_counting, cleaned;

static void cleanup(void *unused)
{
    (void)unused;
    cleaned++;
}

__attribute__((noinline)) static void counts(void)
{
    for (;;)
        percpu_inc(count);
}

static void *run(void *unused)
{
    pthread_cleanup_push(cleanup, unused);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    is_counting = 1;
    counts();
    pthread_cleanup_pop(0);
    return NULL;
}

int main(void)
{
    for (int i = 0; i < THREADS; i++) {
        const struct timespec delay = {0, 1 + i % 64 * 300};
        pthread_t thread;

        is_counting = 0;
        if (pthread_create(&thread, NULL, run, NULL) != 0)
            return 2;
        while (!is_counting)
            ;
        nanosleep(&delay, NULL);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    if (cleaned >= LEAST)
        printf("right\n");
    else
        printf("%d of %d threads ran their cleanup\n", cleaned, THREADS);
    return cleaned < LEAST;
}
