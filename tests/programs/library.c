/* SPDX-License-Identifier: MIT */
/* A shared library that embeds the library, and exports use(). Also C++. */
#include <percpu/alloc.h>
#include <percpu/list.h>

#include "library.h"

static PERCPU_DEFINE(unsigned long, calls) = 5;
static PERCPU_DEFINE_ISOLATED(unsigned long, alone) = 6;
static PERCPU_DEFINE(struct percpu_list, list) = {0};
static struct percpu_list_node node;

#ifdef CALLS
/* So that the linker takes all of the library, as where a program uses all of it. */
static const void *const everything[] __attribute__((used)) = {
    (void *)percpu_strerror, (void *)percpu_init,      (void *)percpu_init_with,
    (void *)percpu_fini,     (void *)percpu_read_reg,  (void *)percpu_write_reg,
    (void *)percpu_init_reg, (void *)percpu_init_cpu,  (void *)percpu_area_base,
    (void *)percpu_panic,    (void *)percpu_area_size, (void *)percpu_area_layout_expected,
};
#endif

int use(unsigned long *counter)
{
    int wrong = 0;
    size_t areas = 0;
    unsigned long PERCPU *object;

#ifdef PERCPU_PLATFORM_THREAD
    if (!counter) /* the caller knows nothing of this platform */
        wrong += !(percpu_init_in_place() > 0 && percpu_init_reg(0) == 0);
#endif
    percpu_for_each(cpu)
        areas++;
    wrong += percpu_area_num() != areas;
#ifdef PERCPU_PLATFORM_SINGLE
    wrong += areas != 1;
#endif
    wrong += percpu_sum(calls) != 5 * areas || percpu_sum(alone) != 6 * areas;
    percpu_inc(calls);
    wrong += percpu_sum(calls) != 5 * areas + 1;
    percpu_with_current(alone, p) {
        wrong += *p != 6;
    }
    percpu_list_push(list, &node);
    wrong += percpu_list_take_all(list) != &node;
    object = percpu_alloc(unsigned long);
    if (!object)
        return wrong + 1;
    percpu_add_at(object, 3);
    wrong += percpu_sum_at(object) != 3;
    percpu_free(object);
    if (counter)
        percpu_inc_at((unsigned long PERCPU *)counter);
#ifdef PANICS
    percpu_reset_to_init_at(
        (unsigned long PERCPU *)0); /* no variable: its percpu_panic() is called */
#endif
    return wrong;
}

#ifdef PERCPU_PLATFORM_THREAD
int late(void)
{
    return percpu_init_cpu(63, 0);
}
#endif
