// SPDX-License-Identifier: MIT
// error: percpu: the operand is no struct percpu_list
#include <percpu/list.h>

struct list {
    struct percpu_list_node *first;
};
static PERCPU_DEFINE(struct list, other);
static PERCPU_DEFINE(struct percpu_list, list);

void use(struct percpu_list_node *node);
void use(struct percpu_list_node *node)
{
    (void)node;
    (void)percpu_read(other.first);
    (void)percpu_list_pop(list);
#ifdef GOOD
    percpu_list_push(list, node);
#else
    percpu_list_push(other, node);
#endif
}
