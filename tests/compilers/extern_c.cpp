// SPDX-License-Identifier: MIT
// A C++ file that includes C headers as such.
extern "C" {
#include <percpu/alloc.h>
#include <percpu/list.h>
#include <percpu/percpu.h>
}

static PERCPU_DEFINE(unsigned long, word);
static PERCPU_DEFINE(percpu_list, list) = {};

unsigned long use(percpu_list_node *node);
unsigned long use(percpu_list_node *node)
{
    percpu_list_push(list, node);
    percpu_inc(word);
    return percpu_read(word);
}
