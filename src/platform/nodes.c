/* SPDX-License-Identifier: MIT */
/*
 * A page is taken from the node that the thread's memory policy prefers when it is first written
 * (Linux, Documentation/admin-guide/mm/numa_memory_policy.rst). A policy of the memory itself,
 * mbind(2), would do as well, but makes a mapping of each area.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "nodes.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tests have trees of their own. */
#ifndef PERCPU__NODES
#define PERCPU__NODES "/sys/devices/system/node"
#endif

enum { POLICY_DEFAULT, POLICY_PREFERRED, MAX_NODES = 1024 }; /* linux/mempolicy.h; MAX_NUMNODES */

bool percpu__read_list(const char *path, void (*each)(size_t number, void *data), void *data)
{
    FILE *file = fopen(path, "re");
    size_t first, last;
    int c = ',';

    if (!file)
        return false;
    while (c == ',' && fscanf(file, "%zu", &first) == 1) {
        last = first;
        c = fgetc(file);
        if (c == '-' && fscanf(file, "%zu", &last) == 1)
            c = fgetc(file);
        for (; first <= last && first < PERCPU_MAX_CPUS; first++)
            each(first, data);
    }
    fclose(file);
    return true;
}

/* In static memory: the stack may be small where a library is loaded. */
static struct cpus {
    size_t limit, count;
    uint16_t cpus[PERCPU_MAX_CPUS];
    uint8_t seen[PERCPU_MAX_CPUS];
} of_node;

static void take_cpu(size_t cpu, void *data)
{
    struct cpus *to = data;

    if (cpu < to->limit && !to->seen[cpu]) {
        to->seen[cpu] = 1;
        to->cpus[to->count++] = (uint16_t)cpu;
    }
}

struct nodes {
    size_t count;
    uint16_t nodes[MAX_NODES];
};

static void take_node(size_t node, void *data)
{
    struct nodes *to = data;

    if (node < MAX_NODES)
        to->nodes[to->count++] = (uint16_t)node;
}

static bool prefer(size_t node)
{
    enum { BITS = 8 * sizeof(unsigned long) };
    unsigned long mask[MAX_NODES / BITS] = {0};

    mask[node / BITS] = 1UL << node % BITS;
    return syscall(SYS_set_mempolicy, POLICY_PREFERRED, mask, MAX_NODES + 1) == 0;
}

const char *percpu__fill_by_node(size_t count, percpu__fill *fill, const void *data)
{
    static struct nodes online;
    char path[sizeof(PERCPU__NODES) + sizeof("/node65535/cpulist")];
    const char *done = NULL;
    int policy = POLICY_DEFAULT;

    memset(&of_node, 0, offsetof(struct cpus, cpus));
    memset(of_node.seen, 0, count);
    of_node.limit = count;
    online.count = 0;
    percpu__read_list(PERCPU__NODES "/online", take_node, &online);
    if (online.count > 1) {
        done = "each area is on its CPU's node";
        if (syscall(SYS_get_mempolicy, &policy, NULL, 0UL, NULL, 0UL) != 0) {
            done = "areas are not placed on nodes: get_mempolicy(2) failed";
            online.count = 0;
        } else if (policy != POLICY_DEFAULT) {
            done = "areas are not placed on nodes: the process has a memory policy";
            online.count = 0;
        }
        for (size_t i = 0; i < online.count; i++) {
            of_node.count = 0;
            snprintf(path, sizeof(path), PERCPU__NODES "/node%u/cpulist", online.nodes[i]);
            percpu__read_list(path, take_cpu, &of_node);
            if (of_node.count > 0 && !prefer(online.nodes[i]))
                done = "some areas are not on their CPU's node: set_mempolicy(2) failed";
            fill(of_node.cpus, of_node.count, data);
        }
        if (online.count > 0)
            syscall(SYS_set_mempolicy, POLICY_DEFAULT, NULL, 0UL);
    }
    /* CPUs that are of no node, not online for example. */
    of_node.count = 0;
    for (size_t cpu = 0; cpu < count; cpu++)
        take_cpu(cpu, &of_node);
    fill(of_node.cpus, of_node.count, data);
    return done;
}

#endif
