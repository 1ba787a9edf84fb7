/* SPDX-License-Identifier: MIT */
/*
 * Under vm.overcommit_memory=2 the kernel counts what could be written, in each process: a program
 * that counts, allocates and forks is charged what it uses. Root, in a kernel of its own. Says
 * "right", or what is wrong.
 */
#include <percpu/alloc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 20, OBJECT = 4096 };
static const size_t most = 8u << 20; /* with libc's data and the stack */

static PERCPU_DEFINE(unsigned long, count);

static int set(const char *mode)
{
    FILE *file = fopen("/proc/sys/vm/overcommit_memory", "w");

    return file == NULL || fputs(mode, file) < 0 || fclose(file) != 0;
}

/* What the kernel charges this process: private mappings that may be written. */
static size_t charged(void)
{
    size_t bytes = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");

    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long begin, end;
        char mode[5];

        if (sscanf(line, "%lx-%lx %4s", &begin, &end, mode) == 3 && strcmp(mode, "rw-p") == 0)
            bytes += end - begin;
    }
    if (maps)
        fclose(maps);
    return bytes;
}

static int use(void)
{
    unsigned char PERCPU *object = percpu_alloc_bytes(OBJECT, 8);

    percpu_inc(count);
    percpu_with_current(count, c)
        ++*c;
    if (!object)
        return 1;
    percpu_write_at((uint32_t PERCPU *)object, 1);
    percpu_free(object);
    return percpu_sum(count) < 2;
}

static int uses(void)
{
    int end[2], failed = use();
    size_t bytes = charged();

    if (pipe(end) != 0)
        return 1;
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();

        if (child < 0) {
            perror("fork");
            failed = 1;
        } else if (child == 0) { /* all of them live until the last is there */
            char byte;

            close(end[1]);
            failed = use();
            _exit(read(end[0], &byte, 1) != 0 || failed);
        }
    }
    close(end[1]);
    for (int status; wait(&status) > 0;)
        failed |= status;
    if (bytes > most)
        printf("%zu bytes are charged\n", bytes);
    if (failed)
        printf("a process failed\n");
    return failed || bytes > most;
}

int main(int argc, char **argv)
{
    int status = 0;
    pid_t child;

    if (argc > 1)
        return uses();
    if (set("2")) {
        perror("overcommit_memory");
        return 1;
    }
    child = fork();
    if (child == 0) { /* the start, too */
        execl(argv[0], argv[0], "uses", (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    if (set("0") || status != 0)
        return 1;
    puts("right");
    return 0;
}
