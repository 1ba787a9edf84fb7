/* SPDX-License-Identifier: MIT */
/*
 * A program that is linked with a shared library; each embeds percpu, and the library's
 * constructors run first. Prints which way was taken, and "right" or what is not.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static PERCPU_DEFINE(uint64_t, hits);
static atomic_bool started, entered;

static void *enter(void *ends)
{
    int type;

    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
    started = true;
    percpu_with_current(hits, p) {
        ++*p;
        entered = true;
        if (ends)
            pthread_exit(NULL);
    }
    return NULL;
}

/* Of a child that was made in a block: does another thread wait for the block's end? */
static int others_wait(void)
{
    pthread_t thread;
    bool early = true;

    if (pthread_create(&thread, NULL, enter, NULL) != 0)
        return 1;
    while (!started)
        sched_yield();
    for (int i = 0; i < 1000; i++) /* on the same CPU */
        sched_yield();
    early = entered;
    percpu__give_back_area(); /* leaves the block of main() */
    pthread_join(thread, NULL);
    return early;
}

/* A thread that waits for this one's block ends. */
static void end_while_waiting(pthread_t *thread)
{
    started = false;
    if (pthread_create(thread, NULL, enter, NULL) != 0)
        return;
    while (!started)
        sched_yield();
    for (int i = 0; i < 1000; i++)
        sched_yield();
    pthread_cancel(*thread);
    pthread_join(*thread, NULL);
}

int main(void)
{
    int status = -1;
    cpu_set_t one;
    pthread_t thread;
    pid_t child = -1;

    printf("%s\n", percpu_info());
    sched_getaffinity(0, sizeof(one), &one);
    for (int cpu = 0, found = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &one) && found++)
            CPU_CLR(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
    alarm(10);
    percpu_with_current(hits, p) {
        ++*p;
        child = fork();
        if (child == 0)
            _exit(others_wait());
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        puts("in a child: a block is not its owner's");
    if (pthread_create(&thread, NULL, enter, &status) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    percpu_with_current(hits, p) /* hangs when the thread's area was not given back */
        ++*p;
    percpu_with_current(hits, p) {
        ++*p;
        end_while_waiting(&thread);
    }
    percpu_with_current(hits, p)
        ++*p;
    puts(status == 0 && percpu_sum(hits) == 5 ? "right" : "wrong");
}
