/* SPDX-License-Identifier: MIT */
/*
 * rseq: a thread ends in a block. Its sources are changed so that a signal comes at each step of
 * taking and giving back an area, in the thread's end, too; the handler enters a block. Nobody
 * gives back what is not the thread's.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

static PERCPU_DEFINE(long, entered);
static _Thread_local volatile sig_atomic_t wanted, handled;
static _Thread_local volatile sig_atomic_t in_handler;

void at_step(void)
{
    if (wanted && !in_handler)
        raise(SIGUSR1);
}

void at_give_back(unsigned owner)
{
    CHECK((long)owner == syscall(SYS_gettid));
}

static void on_signal(int number)
{
    (void)number;
    in_handler = 1;
    handled++;
    percpu_with_current(entered, p)
        ++*p;
    in_handler = 0;
}

static void *ends_in_a_block(void *unused)
{
    wanted = 1;
    percpu_with_current(entered, p) {
        ++*p;
        pthread_exit(unused);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    signal(SIGUSR1, on_signal);
    end_if_it_hangs();
    for (int i = 0; i < 10; i++) {
        CHECK(pthread_create(&thread, NULL, ends_in_a_block, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        percpu_with_current(entered, p)
            ++*p;
    }
    wanted = 1;
    percpu_with_current(entered, p)
        ++*p;
    CHECK(handled > 0);
    return right();
}
