/* SPDX-License-Identifier: MIT */
/* bare: the linker script says where template and areas are. */
#include "../internal.h"

#ifdef PERCPU_PLATFORM_BARE

/*
 * The linker script's symbols. They are read from data words: with the template at VMA 0, or the
 * image in the high half, a symbol can be out of an instruction's reach. volatile keeps the
 * compiler from using the symbol in place of the word. All are hidden: in a PIE a word then needs a
 * RELATIVE relocation or none.
 *
 * Not every script has the weak symbols: a script in the manner of older percpu systems has no
 * _percpu_template (area 0 is the template), no _percpu_align, no _percpu_reserve.
 */
extern const char _percpu_start[] PERCPU__HIDDEN, _percpu_end[] PERCPU__HIDDEN;
extern const char _percpu_load_start[] PERCPU__HIDDEN, _percpu_load_end[] PERCPU__HIDDEN;
extern const char _percpu_template[] PERCPU__HIDDEN __attribute__((weak));
#ifdef PERCPU__ARCH_ZERO_VMA_LIMIT
extern const char __percpu_zero_vma_limit[] PERCPU__HIDDEN;
#endif

static const volatile uintptr_t areas_start = (uintptr_t)_percpu_start;
static const volatile uintptr_t areas_end = (uintptr_t)_percpu_end;
static const volatile uintptr_t load_start = (uintptr_t)_percpu_load_start;
static const volatile uintptr_t load_end = (uintptr_t)_percpu_load_end;
static const volatile uintptr_t template_or_0 = (uintptr_t)_percpu_template;

/*
 * Numbers of the linker script: symbols whose value is no address and does not move with the image.
 * In a PIE GNU ld for riscv and arm relocates a word that holds such a symbol all the same, each
 * word by the same distance. The word of _percpu_number_0, whose value is 0, therefore holds the
 * distance. Scripts that define _percpu_number_0 define all three symbols; others define none, or
 * _percpu_align only, and are not for such images.
 */
extern const char _percpu_align[] PERCPU__HIDDEN __attribute__((weak));
extern const char _percpu_reserve[] PERCPU__HIDDEN __attribute__((weak));
extern const char _percpu_number_0[] PERCPU__HIDDEN __attribute__((weak));
static const volatile uintptr_t align_word = (uintptr_t)_percpu_align;
static const volatile uintptr_t reserve_word = (uintptr_t)_percpu_reserve;
static const volatile uintptr_t word_of_0 = (uintptr_t)_percpu_number_0;

static uintptr_t script_align(void)
{
    return align_word - word_of_0;
}

static uintptr_t script_reserve(void)
{
    return reserve_word - word_of_0;
}

static uintptr_t template_image(void)
{
    return template_or_0 ? template_or_0 : areas_start;
}

uintptr_t percpu__template_start(void)
{
    return load_start;
}

size_t percpu__template_size(void)
{
    return load_end - load_start;
}

size_t percpu__template_align(void)
{
    uintptr_t align = script_align();
    return align > PERCPU_CACHE_LINE ? align : PERCPU_CACHE_LINE;
}

int percpu__template_check(void)
{
    static const volatile uintptr_t head_vma = (uintptr_t)&__PERCPU_percpu__head;
    const volatile struct percpu__head *head =
        (const volatile struct percpu__head *)(template_image() + (head_vma - load_start));

#ifdef PERCPU_ZERO_VMA
    if (load_start != 0)
        return -PERCPU_EVMA;
#ifdef PERCPU__ARCH_ZERO_VMA_LIMIT
    /* ld/percpu-template.ld asserts the limit; another script may not. */
    static const volatile uintptr_t limit = (uintptr_t)__percpu_zero_vma_limit;
    if (load_end > limit)
        return -PERCPU_EVMA;
#endif
#else
    if (load_start == 0)
        return -PERCPU_EVMA;
#endif
    if (head->magic != PERCPU__MAGIC || head->cpu != PERCPU__NO_CPU)
        return -PERCPU_ENOTEMPLATE;
#ifdef PERCPU_RESTART /* without it restart.c can be left out */
    if (!percpu__restart_ready())
        return -PERCPU_ERESTART;
#endif
    return 0;
}

void percpu__template_image(uintptr_t *first, uintptr_t *image_end)
{
    *first = template_image();
    *image_end = template_image() + percpu__template_size();
}

void percpu__template_copy(uintptr_t area)
{
    percpu__copy(area, template_image(), percpu__template_size()); /* area 0 may be the template */
}

size_t percpu__slots_reserve(void)
{
    return script_reserve();
}

size_t percpu__slots(void)
{
    size_t stride = percpu_area_layout_expected_with(1, script_reserve()).size, count = 0;
    /* Counted without a division, for which some machines need a library. */
    for (uintptr_t room = areas_end - areas_start; room >= stride && stride != 0; room -= stride)
        count++;
    return count;
}

int percpu__slots_take(size_t count, size_t stride, size_t align, uintptr_t *base)
{
    (void)stride;
    (void)align;
    if (count == 0)
        return -PERCPU_ENOMEM;
    if (count > PERCPU_MAX_CPUS)
        return -PERCPU_ECOUNT;
    if (areas_start & (percpu_area_layout_expected_with(1, script_reserve()).align - 1))
        return -PERCPU_EALIGN;
    *base = areas_start;
    return 0;
}

void percpu__slots_give_back(void)
{
}

bool percpu__delta_fits(uintptr_t delta)
{
    return percpu__reg_holds(delta);
}

int percpu__reg_claim(size_t cpu, uintptr_t delta)
{
    int error = percpu__reg_check();
    (void)cpu;
#ifdef PERCPU_OWN_CPU
    if (percpu_own_cpu() != cpu)
        return -PERCPU_EOWN;
#endif
    if (!error)
        percpu__reg_write(delta);
    return error;
}

int percpu__reg_release_all(void)
{
    return 0;
}

void percpu__reg_reopen(void)
{
}

bool percpu__reg_valid(void)
{
    uintptr_t delta;
    if (percpu__reg_check())
        return false;
    delta = percpu__reg_read();
    /* The register can hold anything: its value is looked up in the table, and not followed. */
    for (size_t cpu = 0; cpu < percpu__limit; cpu++)
        if (percpu__delta[cpu] == delta && delta != PERCPU__ABSENT)
            return true;
    return false;
}

uintptr_t percpu_read_reg(void)
{
    return percpu__reg_read() + load_start;
}

void percpu_write_reg(uintptr_t area_base)
{
#ifdef PERCPU_OWN_CPU
    if (percpu__reg_read() != area_base - load_start)
        percpu__report(
            "percpu: percpu_write_reg(): PERCPU_OWN_CPU: the kernel says which CPU this is");
#endif
    percpu__reg_write(area_base - load_start);
}

void percpu__wait(void)
{
    percpu__relax();
}

#endif
