// SPDX-License-Identifier: MIT
/*
 * The first process of the Linux that linux.py boots: runs each line of /list, an environment
 * variable with its value, a program and its arguments, and switches the machine off. Prints
 * "== LINE" before and "== status N" after each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(char *line)
{
    char *words[16];
    size_t count = 0;
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        putenv(strtok(line, " "));
        for (char *word = strtok(NULL, " "); word && count < 15; word = strtok(NULL, " "))
            words[count++] = word;
        words[count] = NULL;
        execv(words[0], words);
        perror(words[0]);
        _exit(127);
    }
    while (wait(&status) != child) /* orphans are this process's children, too */
        ;
    printf("== status %d\n", status);
}

int main(void)
{
    char line[256];
    FILE *list = fopen("/list", "r");

    setvbuf(stdout, NULL, _IOLBF, 0);
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    if (mount("proc", "/proc", "proc", 0, NULL) != 0 ||
        mount("sysfs", "/sys", "sysfs", 0, NULL) != 0)
        perror("mount");
    if (!list)
        return 1;
    while (fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = '\0';
        printf("== %s\n", line);
        run(line);
    }
    fclose(list);
    reboot(RB_POWER_OFF);
    return 1;
}
