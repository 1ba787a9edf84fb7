/* SPDX-License-Identifier: MIT */
/*
 * Under a kernel with several NUMA nodes (linux.py): each CPU's area is on its node: a page that
 * has initial values, and one that has none. TAP.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

struct page {
    _Alignas(PAGE) uint64_t word;
};
static PERCPU_DEFINE(struct page, initialised) = {42};
static PERCPU_DEFINE(struct page, zeroed);

/* move_pages(2), without nodes to move to: where the page is. */
static int node_of(void *page)
{
    int node = -1;

    return syscall(SYS_move_pages, 0, 1UL, &page, NULL, &node, 0) == 0 ? node : -1;
}

int main(void)
{
    unsigned long nodes = 0;
    bool initialised_right = true, zeroed_right = true;
    size_t cpus = (size_t)sysconf(_SC_NPROCESSORS_ONLN);

    for (size_t cpu = 0; cpu < cpus; cpu++) {
        unsigned node = 64;
        cpu_set_t one;

        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0 ||
            syscall(SYS_getcpu, NULL, &node, NULL) != 0 || node >= 64)
            return 1;
        nodes |= 1UL << node;
        percpu_inc(initialised.word);
        percpu_inc(zeroed.word);
        printf("# CPU %zu, node %u: areas on %d, %d\n", cpu, node,
               node_of(percpu_remote_ptr(initialised, cpu)),
               node_of(percpu_remote_ptr(zeroed, cpu)));
        initialised_right &= node_of(percpu_remote_ptr(initialised, cpu)) == (int)node;
        zeroed_right &= node_of(percpu_remote_ptr(zeroed, cpu)) == (int)node;
    }
    printf("%sok 1 - there are several nodes\n", (nodes & (nodes - 1)) == 0 ? "not " : "");
    printf("%sok 2 - numa_initial_values_are_on_the_own_node\n", initialised_right ? "" : "not ");
    printf("%sok 3 - numa_other_pages_are_on_the_own_node\n", zeroed_right ? "" : "not ");
    printf("1..3\n");
    return (nodes & (nodes - 1)) == 0 || !initialised_right || !zeroed_right;
}
