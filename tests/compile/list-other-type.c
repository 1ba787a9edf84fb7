// SPDX-License-Identifier: MIT
// error: percpu: the operand is no struct percpu_list
#include <percpu/list.h>

struct list {
    struct percpu_list_node *first;
};
static PERCPU_DEFINE(struct list, other);
static PERCPU_DEFINE(struct percpu_list, list);

struct percpu_list_node *f(void);
struct percpu_list_node *f(void)
{
#ifdef GOOD
    (void)percpu_read(other.first);
    return percpu_list_pop(list);
#else
    percpu_list_push(list, percpu_read(other.first));
    return percpu_list_pop(other);
#endif
}
