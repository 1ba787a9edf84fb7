/* SPDX-License-Identifier: MIT */
/*
 * Prints the resident KiB and the number of mappings; with percpu it has one counter and
 * prints the number of areas and the count as well. Without, it is what to compare with.
 */
#include <stdio.h>
#include <string.h>

#ifdef WITH_PERCPU
#include <percpu/percpu.h>

static PERCPU_DEFINE(uint64_t, counter);
#endif

int main(void)
{
    char line[512];
    unsigned long resident = 0, mappings = 0, areas = 0, sum = 0;
    FILE *file;

#ifdef WITH_PERCPU
    percpu_inc(counter);
    areas = percpu_area_num();
    sum = percpu_remote_read(counter, percpu_cpu_id());
#endif
    file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            sscanf(line + 6, "%lu", &resident);
    if (!file || fclose(file) != 0)
        return 1;
    file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file))
        mappings++;
    printf("%lu %lu %lu %lu\n", resident, mappings, areas, sum);
    return !file || fclose(file) != 0;
}
