/* SPDX-License-Identifier: MIT */
/*
 * For ThreadSanitizer: blocks of one variable, all in signal handlers, which come also while their
 * thread takes or gives back the area for a block of another. Prints "right" or "wrong".
 */
#include <percpu/percpu.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS = 4, SIGNALS = 12000 };

static PERCPU_DEFINE(long, handled);
static PERCPU_DEFINE(long, worked);
static atomic_bool stop;
static atomic_long handlers;

static void handle(int number)
{
    (void)number;
    percpu_with_current(handled, p)
        ++*p;
    handlers++;
}

static void *work(void *unused)
{
    while (!stop)
        percpu_with_current(worked, p)
            ++*p;
    return unused;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t thread[THREADS];

    if (sigaction(SIGUSR1, &action, NULL) != 0)
        return 1;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, work, NULL) != 0)
            return 1;
    for (int i = 0; i < SIGNALS; i++) {
        pthread_kill(thread[i % THREADS], SIGUSR1);
        if (i % 8 == 0)
            usleep(100);
    }
    stop = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    puts(percpu_sum(handled) == handlers ? "right" : "wrong");
}
