/* SPDX-License-Identifier: MIT */
/*
 * Hosted programs: the template is two sections, whose bounds are symbols that every linker
 * defines.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "internal.h"

#if __STDC_HOSTED__ && !defined(PERCPU_PLATFORM_BARE)

#include <link.h>

/*
 * Both sections must exist, whatever variables a program has. Weak symbols for their bounds would
 * not do: GNU ld exports such symbols from shared libraries, and mold resolves a program's weak
 * reference to a library's symbol. Code must also refer to something in each section: with
 * --gc-sections some linkers drop sections to which only these symbols lead (LLD; -z
 * start-stop-gc).
 */
static PERCPU_DEFINE_ISOLATED(char, percpu__alone);
extern const char __start_percpu_vars[] PERCPU__HIDDEN, __stop_percpu_vars[] PERCPU__HIDDEN;
extern const char __start_percpu_isolated[] PERCPU__HIDDEN, __stop_percpu_isolated[] PERCPU__HIDDEN;

static uintptr_t first_section(void)
{
    uintptr_t vars = (uintptr_t)__start_percpu_vars, lone = (uintptr_t)__start_percpu_isolated;

    __asm__ volatile("" : : "r"(&__PERCPU_percpu__head), "r"(&__PERCPU_percpu__alone));
    return lone < vars ? lone : vars;
}

/*
 * Callback of dl_iterate_phdr(): the strictest alignment of the segments of the program or the
 * shared library that this code is in.
 */
static int find_align(struct dl_phdr_info *info, size_t info_size, void *align)
{
    bool is_ours = false;

    (void)info_size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + header->p_vaddr;

        if (header->p_type != PT_LOAD)
            continue;
        is_ours |= (uintptr_t)__start_percpu_vars - at < header->p_memsz;
        if (header->p_align > *(size_t *)align)
            *(size_t *)align = (size_t)header->p_align;
    }
    if (!is_ours)
        *(size_t *)align = PERCPU_CACHE_LINE;
    return is_ours;
}

/*
 * Without a linker script no symbol tells the strictest alignment. A section's alignment divides
 * the section's address, and is no larger than the alignment of its segment (ELF gABI, p_align).
 */
size_t percpu__template_align(void)
{
    static size_t known;
    size_t align = __atomic_load_n(&known, __ATOMIC_RELAXED), limit = PERCPU_CACHE_LINE;
    uintptr_t vars = (uintptr_t)__start_percpu_vars, lone = (uintptr_t)__start_percpu_isolated;

    if (align)
        return align;
    align = vars & -vars;
    if ((lone & -lone) > align)
        align = lone & -lone;
    dl_iterate_phdr(find_align, &limit);
    if (align > limit)
        align = limit;
    __atomic_store_n(&known, align, __ATOMIC_RELAXED);
    return align;
}

/* The first section may be less strictly aligned than the second: the start is rounded down. */
uintptr_t percpu__template_start(void)
{
    return first_section() & ~(uintptr_t)(percpu__template_align() - 1);
}

size_t percpu__template_size(void)
{
    uintptr_t vars = (uintptr_t)__stop_percpu_vars, lone = (uintptr_t)__stop_percpu_isolated;

    return (lone > vars ? lone : vars) - percpu__template_start();
}

void percpu__template_image(uintptr_t *first, uintptr_t *end)
{
    *first = first_section();
    *end = percpu__template_start() + percpu__template_size();
}

/* The sections may be in two segments, and between segments there may be no memory. */
bool percpu__template_overlaps(uintptr_t first, uintptr_t end)
{
    uintptr_t vars = (uintptr_t)__start_percpu_vars, lone = (uintptr_t)__start_percpu_isolated;

    return (vars < end && (uintptr_t)__stop_percpu_vars > first) ||
           (lone < end && (uintptr_t)__stop_percpu_isolated > first);
}

static void copy(uintptr_t area, const char *first, const char *end)
{
    __builtin_memcpy((void *)(area + ((uintptr_t)first - percpu__template_start())), first,
                     (size_t)(end - first));
}

/* What lies between the two sections is not the library's. */
void percpu__template_copy(uintptr_t area)
{
    copy(area, __start_percpu_vars, __stop_percpu_vars);
    copy(area, __start_percpu_isolated, __stop_percpu_isolated);
}

#endif
