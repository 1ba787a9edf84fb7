/* SPDX-License-Identifier: MIT */
/* Hosted programs: the template is two sections, which every linker brackets by itself. */
#include "internal.h"

#if __STDC_HOSTED__ && !defined(PERCPU_PLATFORM_BARE)

extern const char __start_percpu_vars[] PERCPU__HIDDEN, __stop_percpu_vars[] PERCPU__HIDDEN;
extern const char __start_percpu_isolated[] PERCPU__HIDDEN __attribute__((weak));
extern const char __stop_percpu_isolated[] PERCPU__HIDDEN __attribute__((weak));

static bool isolated(void)
{
    return (uintptr_t)__start_percpu_isolated != (uintptr_t)__stop_percpu_isolated;
}

uintptr_t percpu__template_start(void)
{
    uintptr_t first = (uintptr_t)__start_percpu_vars;
    if (isolated() && (uintptr_t)__start_percpu_isolated < first)
        first = (uintptr_t)__start_percpu_isolated;
    return first;
}

size_t percpu__template_size(void)
{
    uintptr_t last = (uintptr_t)__stop_percpu_vars;
    if (isolated() && (uintptr_t)__stop_percpu_isolated > last)
        last = (uintptr_t)__stop_percpu_isolated;
    return last - percpu__template_start();
}

void percpu__template_image(uintptr_t *first, uintptr_t *end)
{
    *first = percpu__template_start();
    *end = *first + percpu__template_size();
}

static void copy(uintptr_t area, const char *first, const char *end)
{
    __builtin_memcpy((void *)(area + ((uintptr_t)first - percpu__template_start())), first,
                     (size_t)(end - first));
}

/* Whatever lies between the two sections is none of ours. */
void percpu__template_copy(uintptr_t area)
{
    copy(area, __start_percpu_vars, __stop_percpu_vars);
    if (isolated())
        copy(area, __start_percpu_isolated, __stop_percpu_isolated);
}

#endif
