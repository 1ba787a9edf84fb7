/* SPDX-License-Identifier: MIT */
/*
 * Prints the resident KiB, the KiB of page tables in a child after fork(), and the number of
 * mappings; with percpu it has one counter and prints the number of areas and the count as well.
 * Without, it is what to compare with.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef WITH_PERCPU
#include <percpu/percpu.h>

static PERCPU_DEFINE(uint64_t, counter);
#endif

static unsigned long status(const char *what)
{
    char line[512];
    unsigned long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, what, strlen(what)) == 0)
            sscanf(line + strlen(what), "%lu", &kib);
    if (file)
        fclose(file);
    return kib;
}

int main(void)
{
    char line[512];
    unsigned long resident, mappings = 0, areas = 0, sum = 0;
    int child = -1;
    FILE *file;

#ifdef WITH_PERCPU
    percpu_inc(counter);
    areas = percpu_area_num();
    sum = percpu_remote_read(counter, percpu_cpu_id());
#endif
    resident = status("VmRSS:");
    if (fork() == 0)
        _exit((int)(status("VmPTE:") / 40)); /* a byte */
    wait(&child);
    file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file))
        mappings++;
    printf("%lu %d %lu %lu %lu\n", resident, 40 * WEXITSTATUS(child), mappings, areas, sum);
    return !file || fclose(file) != 0;
}
