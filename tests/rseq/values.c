/* SPDX-License-Identifier: MIT */
/*
 * Two pages with initial values, in every area, and zeros between them. Prints the resident KiB
 * before they are looked at, "right" or "wrong", and the number of mappings.
 */
#include <percpu/percpu.h>

#include <stdio.h>

enum { WORDS = 5 * 512 };
static PERCPU_DEFINE(uint64_t[WORDS], spread) = {[0] = 1, [WORDS - 1] = 5};

int main(void)
{
    char line[512];
    unsigned long resident = 0, mappings = 0;
    uint64_t areas = percpu_area_num();
    bool right;
    FILE *file;

    percpu_inc(spread[0]);
    file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %lu", &resident) == 1)
            break;
    if (!file || fclose(file) != 0)
        return 1;
    right = percpu_sum(spread[0]) == areas + 1 && percpu_sum(spread[WORDS - 1]) == 5 * areas &&
            percpu_sum(spread[WORDS / 2]) == 0;
    percpu_for_each(cpu)
        ++*percpu_remote_ptr(spread[WORDS - 1], cpu);
    right = right && percpu_sum(spread[WORDS - 1]) == 6 * areas;
    file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file))
        mappings++;
    printf("%lu KiB, %s, %lu mappings\n", resident, right ? "right" : "wrong", mappings);
    return !file || fclose(file) != 0;
}
