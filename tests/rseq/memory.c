/* SPDX-License-Identifier: MIT */
/*
 * Updates from each CPU that this process may use. Prints the areas with updates, their sum, the
 * number of areas, what protection the address of an area too many has, and whether it faults.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>
#include <percpu/percpu.h>

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { UPDATES = 1000 };

static PERCPU_DEFINE(uint64_t, hits);
static PERCPU_DEFINE(uint64_t[2000], full) = {[0 ... 1999] = 3}; /* pages that are copied */

/* Of the mapping that this is in, as /proc/self/maps has it: "rw-p", or "none". */
static void find_protection(const void *address, char protection[8])
{
    unsigned long first, end, at = (unsigned long)address;
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");

    memcpy(protection, "none", sizeof("none"));
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "%lx-%lx", &first, &end) == 2 && at >= first && at < end)
            sscanf(line, "%*s %7s", protection);
    if (file)
        fclose(file);
}

static sigjmp_buf jump;

static void on_fault(int number)
{
    (void)number;
    siglongjmp(jump, 1);
}

int main(void)
{
    uint64_t *beyond = percpu_remote_ptr_raw(hits, percpu_area_num());
    char protection[8];
    cpu_set_t all, one;
    volatile bool faults = false;
    uint64_t PERCPU *dynamic;

    sched_getaffinity(0, sizeof(all), &all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof(one), &one) != 0)
            return 1;
        for (int i = 0; i < UPDATES; i++) {
            percpu_inc(hits);
            percpu_add(full[1999], 1);
        }
    }
    /* Half a MiB of dynamic memory on each CPU, the last byte of it. */
    dynamic = percpu_alloc_array(uint64_t, 65536);
    percpu_for_each(cpu)
        if (dynamic)
            ++*percpu_remote_ptr_at(&dynamic[65535], cpu);
    percpu_for_each(cpu)
        if (percpu_remote_read(hits, cpu) != 0)
            printf("%zu ", cpu);
    printf("sum %llu %llu areas %zu ", (unsigned long long)percpu_sum(hits),
           (unsigned long long)percpu_sum(full[1999]) - 3 * percpu_area_num(), percpu_area_num());
    find_protection(beyond, protection);
    signal(SIGSEGV, on_fault);
    if (sigsetjmp(jump, 1))
        faults = true;
    else
        *(volatile uint64_t *)beyond;
    printf("beyond %s %s, dynamic %llu\n", protection, faults ? "faults" : "reads",
           dynamic ? (unsigned long long)percpu_sum_at(&dynamic[65535]) : 0);
    return 0;
}
