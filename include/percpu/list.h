/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU lists, last in, first out: free nodes, deferred work.
 *
 *     struct buffer {
 *         struct percpu_list_node node;
 *         ...
 *     };
 *     static PERCPU_DEFINE(struct percpu_list, spare);
 *
 *     percpu_list_push(spare, &buffer->node);                  into the current CPU's list
 *     struct percpu_list_node *node = percpu_list_pop(spare);  out of it; null when it is empty
 *
 * Each operation is an update of percpu.h's kind: whatever comes between its instructions, an
 * interrupt or signal handler that pops and pushes the same nodes included, no node is lost and
 * none is in two places. A node that was popped is the caller's and may be freed at once.
 *
 * Whoever pops a node sees what was written to it before its push. The lists are initially empty
 * and are used through these operations only; neither a list nor a node must lie in a packed
 * structure. On rseq without sequences the memory of a node that a signal handler pops stays
 * accessible until the handler returns.
 * docs/semantics.md states what holds on which platform.
 */
#ifndef PERCPU_LIST_H
#define PERCPU_LIST_H

#include <percpu/detail/compiler.h>

#include <percpu/percpu.h>

#include <percpu/detail/warnings_off.h>

#ifdef __cplusplus
extern "C" {
#endif

struct percpu_list_node {
    struct percpu_list_node *next;
};

/*
 * The head of a list, a per-CPU variable or a member of one. Bits 0 and 1 of `first` are the
 * library's.
 */
struct percpu_list {
    struct percpu_list_node *first;
};

/* Put a node, which is in no list, in front of the current CPU's list. */
#define percpu_list_push(var, node) PERCPU__ON(__PERCPU_##var, PERCPU__LIST_PUSH, node)
#define percpu_list_push_at(p, node) PERCPU__LIST_PUSH(p, PERCPU__POINTER, node)

/* Take the first node off the current CPU's list: the node, or null when the list is empty. */
#define percpu_list_pop(var) PERCPU__ON(__PERCPU_##var, PERCPU__LIST_TAKE, percpu__list_pop)
#define percpu_list_pop_at(p) PERCPU__LIST_TAKE(p, PERCPU__POINTER, percpu__list_pop)

/* Empty the current CPU's list: its first node, linked through `next` to the others, or null. */
#define percpu_list_take_all(var)                                                                  \
    PERCPU__ON(__PERCPU_##var, PERCPU__LIST_TAKE, percpu__list_take_all)
#define percpu_list_take_all_at(p) PERCPU__LIST_TAKE(p, PERCPU__POINTER, percpu__list_take_all)

#ifdef PERCPU_PLATFORM_RSEQ
/*
 * Another CPU's list is emptied in three steps; docs/rseq.md shows the loop around them:
 *
 *   first = percpu_list_close(var, cpu)         operations that begin after this wait
 *   percpu_fence_cpu(cpu)                       operations that had begun before are over
 *   percpu_list_open(var, cpu, first, rest)     true: the list had the nodes from `first` on; it is
 *                                               open with the nodes from `rest` on; false: an
 *                                               operation that had begun has opened the list, so
 *                                               begin again
 *
 * `rest` is null, or `first` where the fence failed, or another node of the list. Only the result
 * `true` says that the nodes are still there, so that another node requires nodes that are never
 * freed. `cpu` is any number below percpu_area_num(). One thread at a time takes these steps with a
 * list; it does not use the list until it is open again, and blocks signals whose handlers do. For
 * a CPU that does not exist PERCPU_DEBUG calls percpu_panic(); otherwise, and when percpu_panic()
 * returns, the program traps.
 */
#define percpu_list_close(var, cpu) percpu_list_close_at(PERCPU__VAR(__PERCPU_##var), cpu)
#define percpu_list_close_at(p, cpu)                                                               \
    (PERCPU__CHECKS(PERCPU__CHECK_LIST(*(p))),                                                     \
     percpu__list_close(                                                                           \
         percpu__remote_checked(PERCPU__REACHED(p, PERCPU__POINTER), PERCPU__POINTER, cpu)))
#define percpu_list_open(var, cpu, first, rest)                                                    \
    percpu_list_open_at(PERCPU__VAR(__PERCPU_##var), cpu, first, rest)
#define percpu_list_open_at(p, cpu, first, rest)                                                   \
    (PERCPU__CHECKS(PERCPU__CHECK_LIST(*(p))),                                                     \
     percpu__list_open(                                                                            \
         PERCPU__WRITABLE(p, PERCPU__POINTER),                                                     \
         percpu__remote_checked(PERCPU__REACHED(p, PERCPU__POINTER), PERCPU__POINTER, cpu), first, \
         rest))
#endif

#include <percpu/detail/list.h>

#ifdef __cplusplus
}
#endif

#include <percpu/detail/warnings_on.h>

#endif
