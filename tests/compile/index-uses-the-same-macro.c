// SPDX-License-Identifier: MIT
// error: percpu_read
#include <percpu/percpu.h>

static PERCPU_DEFINE(int[4], queue);
static PERCPU_DEFINE(int, head);

int use(void);
int use(void)
{
#ifdef GOOD
    return percpu_read_at(&(*percpu_addr(queue))[percpu_read_at(percpu_addr(head))]);
#else
    return percpu_read(queue[percpu_read(head)]);
#endif
}
