/* SPDX-License-Identifier: MIT */
/*
 * usage: panic
 * percpu_panic() of the library prints a line and ends the program, also where nothing can be
 * printed; only where a program has none of its own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#include <string.h>

static void panics(int says)
{
    char said[64] = "";
    int ends[2], status;
    pid_t child;

    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
        if (!says)
            close(STDERR_FILENO);
        else if (dup2(ends[1], STDERR_FILENO) < 0)
            _exit(1);
        percpu_panic("percpu: words");
        _exit(2);
    }
    close(ends[1]);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(read(ends[0], said, sizeof(said) - 1) >= 0);
    CHECK(strcmp(said, says ? "percpu: words\n" : "") == 0);
    close(ends[0]);
}

int main(void)
{
    end_if_it_hangs();
    panics(1);
    panics(0);
    return right();
}
