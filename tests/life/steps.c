/* SPDX-License-Identifier: MIT */
/*
 * usage: steps block|fork|fork-block
 * x86_64: at each instruction of a block (rseq, where it has no sequences), or of a claim and its end
 * (thread), a signal handler has a block of its own; or forks, and the child goes on from there, or
 * has a block in the handler first. Others are kept out of the area, or the CPU, for as long as the
 * thread has it, and not longer. Linked with -z now: the dynamic linker has nothing to find.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "step.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

static const char *mode = "";
static int is_child;

#ifdef PERCPU_PLATFORM_RSEQ

static PERCPU_DEFINE(long, entered);
static volatile int others_tid, others;

static void block(void)
{
    percpu_with_current(entered, p)
        ++*p;
}

static void *enter(void *unused)
{
    others_tid = (int)syscall(SYS_gettid);
    block();
    others = 1;
    return unused;
}

static pthread_t other;

/* On this thread's only CPU. */
static void let_another_wait(void)
{
    others = others_tid = 0;
    CHECK(pthread_create(&other, NULL, enter, NULL) == 0);
    while (!others && (others_tid == 0 || sleeps_in(others_tid) != SYS_futex))
        sched_yield();
    CHECK(!others);
}

/* In a block, which is the thread's outermost. */
static void go_on_inside(void)
{
    if (is_child)
        let_another_wait();
}

static void go_on_outside(void)
{
    if (others_tid != 0) {
        CHECK(pthread_join(other, NULL) == 0);
        CHECK(others);
    }
}

static void in_handler(void)
{
    percpu_with_current(entered, p) {
        ++*p;
        percpu_with_current(entered, q)
            ++*q;
    }
}

static void stepped(void)
{
    percpu_with_current(entered, p) {
        ++*p;
        go_on_inside();
    }
    go_on_outside();
}

/* The thread is in no block now. */
static void after(void)
{
    others = others_tid = 0;
    percpu_with_current(entered, p) {
        ++*p;
        go_on_inside();
    }
    go_on_outside();
}

static void begin(void)
{
    cpu_set_t one;

    CHECK(strncmp(percpu_info(), "atomic", 6) == 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
    block();
}

#else

static void *claim(void *answer)
{
    *(int *)answer = percpu_init_reg(1);
    return NULL;
}

static int claim_by_another(void)
{
    pthread_t thread;
    int answer = 1;

    CHECK(pthread_create(&thread, NULL, claim, &answer) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return answer;
}

static void in_handler(void)
{
}

static void stepped(void)
{
    CHECK(percpu_init_reg(1) == 0);
    if (is_child)
        CHECK(claim_by_another() == -PERCPU_EBUSY);
    percpu_write_reg(0);
}

static void after(void)
{
    if (is_child) {
        CHECK(claim_by_another() == 0);
        CHECK(percpu_init_reg(1) == 0);
        CHECK(claim_by_another() == -PERCPU_EBUSY);
        CHECK(percpu_fini() == 0);
    }
}

static void begin(void)
{
    CHECK(percpu_init_in_place() >= 0);
    CHECK(percpu_init_reg(1) == 0);
    percpu_write_reg(0);
}

#endif

static int at_step(void)
{
    pid_t child;

    if (strcmp(mode, "block") == 0) {
        in_handler();
        return 1;
    }
    child = fork();
    if (child == 0) {
        end_if_it_hangs();
        is_child = 1;
        if (strcmp(mode, "fork-block") == 0)
            in_handler();
        return 0;
    }
    CHECK(ends_well(child));
    return 1;
}

static void *test(void *unused)
{
    begin_steps();
    stepped();
    end_steps();
    if (!is_child)
        CHECK(steps > 50);
    after();
    if (is_child)
        _exit(0);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    mode = argc > 1 ? argv[1] : "";
    end_if_it_hangs();
    begin();
    CHECK(pthread_create(&thread, NULL, test, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    is_child = 1; /* and as in one */
    after();
    return right();
}
