/* SPDX-License-Identifier: MIT */
/* What the programs here share: each prints "right", says what is wrong, or hangs until alarm(). */
#ifndef HANG_H
#define HANG_H

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: not %s\n", __LINE__, #condition);                            \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static inline void wait_until(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) /* EINTR */
        ;
}

/* In a child of fork(), which ends with what it answers; false: it hung, died or failed. */
static inline int ends_well(pid_t child)
{
    int status;

    CHECK(child > 0);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/*
 * What hangs ends: SECONDS in the environment is for what is expected to. A child that has blocked
 * its signals ends with its parent.
 */
static inline void end_if_it_hangs(void)
{
    const char *seconds = getenv("SECONDS");

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(seconds ? (unsigned)strtoul(seconds, NULL, 10) : 60);
}

/* The system call that a thread sleeps in; -1: it runs. */
static inline long sleeps_in(int tid)
{
    char path[64];
    long number = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
    file = fopen(path, "r");
    if (!file || fscanf(file, "%ld", &number) != 1)
        number = -1;
    if (file)
        fclose(file);
    return number;
}

static inline int right(void)
{
    puts("right");
    return 0;
}

#endif
