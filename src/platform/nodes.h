/* SPDX-License-Identifier: MIT */
/* Memory on a CPU's own node (NUMA), for platforms whose CPUs are Linux's. */
#ifndef PERCPU_NODES_H
#define PERCPU_NODES_H

#include <percpu/percpu.h>

/*
 * Calls fill(), some CPUs at a time, so that it sees each below `count` once. Meanwhile new pages
 * come from these CPUs' node. Answers NULL where there is one node only, else a sentence that says
 * what was done. One call at a time.
 */
typedef void percpu__fill(const uint16_t *cpus, size_t count, const void *data);
const char *percpu__fill_by_node(size_t count, percpu__fill *fill, const void *data) PERCPU__HIDDEN;

/* Calls each() for the numbers of a list such as "0-3,7" in a file of /sys; false: no such file. */
bool percpu__read_list(const char *path, void (*each)(size_t number, void *data),
                       void *data) PERCPU__HIDDEN;

#endif
