/* SPDX-License-Identifier: MIT */
/*
 * What a kernel's script says of areas in place, and what percpu_init_in_place() answers: ANSWER. A
 * kernel's code, on the host: the linker's --defsym is the script. The template is the library's
 * own variable. Linked with --wrap=percpu__delta_fits, which asks the processor as a kernel may.
 */
#include "harness.h"

#include <percpu/percpu.h>

/* For _percpu_start and _percpu_end. */
char script_memory[8192] __attribute__((aligned(4096)));

bool __wrap_percpu__delta_fits(uintptr_t delta);
bool __wrap_percpu__delta_fits(uintptr_t delta)
{
    return (delta & 1) == 0;
}

TEST(areas_as_the_script_says)
{
    extern const char _percpu_start[], _percpu_align[] __attribute__((weak));
    struct percpu_layout layout = percpu_area_layout_expected(1);
    size_t align = (uintptr_t)_percpu_align;

    check_eq(layout.align, align > PERCPU_CACHE_LINE ? align : PERCPU_CACHE_LINE);
    if (ANSWER > 0)
        check_eq(percpu_area_num(), ANSWER);
    if (!check_eq(percpu_init_in_place(), ANSWER) || ANSWER < 0)
        return;
    for (size_t cpu = 0; cpu < percpu_area_num(); cpu++) {
        struct percpu__head *head = (struct percpu__head *)percpu_area_base(cpu);

        check_eq(head, (uintptr_t)_percpu_start + cpu * layout.size);
        check(head->cpu == cpu && head->magic == PERCPU__MAGIC);
    }
    check_eq(percpu_fini(), 0);
}

void percpu__copy(uintptr_t to, uintptr_t from, size_t size);

/* Some machines have no other access. Intel SDM, volume 3, "Alignment Check Exception (#AC)". */
TEST(copy_makes_aligned_accesses)
{
    const unsigned long long flags = __builtin_ia32_readeflags_u64(), ac = 1 << 18;
    static char from[64] __attribute__((aligned(8))), to[64] __attribute__((aligned(8)));

    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(i + 1);
    __builtin_ia32_writeeflags_u64(flags | ac);
    percpu__copy((uintptr_t)to, (uintptr_t)from, 12);
    percpu__copy((uintptr_t)to + 16, (uintptr_t)from + 13, 11);
    percpu__copy((uintptr_t)to + 33, (uintptr_t)from + 24, 11);
    percpu__copy((uintptr_t)to + 49, (uintptr_t)from + 41, 15);
    __builtin_ia32_writeeflags_u64(flags);
    for (size_t i = 0; i < sizeof to; i++)
        check_eq(to[i], i < 12        ? from[i]
                        : i - 16 < 11 ? from[i - 3]
                        : i - 33 < 11 ? from[i - 9]
                        : i - 49 < 15 ? from[i - 8]
                                      : 0);
}
