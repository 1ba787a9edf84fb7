/* SPDX-License-Identifier: MIT */
/* What every platform shares, single included. */
#define PERCPU__DEFINE_CONFIG 1
#include "internal.h"

#include <percpu/asm.h>

/* The offsets that assembly uses. */
PERCPU__ASSERT(PERCPU_HEAD_DELTA == offsetof(struct percpu__head, delta), "as in asm.h");
PERCPU__ASSERT(PERCPU_HEAD_CPU == offsetof(struct percpu__head, cpu), "as in asm.h");
PERCPU__ASSERT(sizeof(((struct percpu__head *)0)->delta) == __SIZEOF_POINTER__ &&
                   sizeof(((struct percpu__head *)0)->cpu) == __SIZEOF_POINTER__,
               "as in asm.h");

/* -- The short forms --------------------------------------------------------------------------- */

struct percpu_layout percpu_area_layout_expected(size_t cpu_count)
{
    return percpu_area_layout_expected_with(cpu_count, 0);
}

int percpu_init(void *base, size_t cpu_count)
{
    return percpu_init_with(base, cpu_count, 0);
}

int percpu_init_cpu(size_t cpu, void *base)
{
    return percpu_init_cpu_with(cpu, base, 0);
}

#ifdef PERCPU_ZERO_VMA
/* A byte that keeps a section behind the one at VMA 0, for others to follow: ld/percpu-vma0.ld. */
__asm__(".pushsection .percpu..behind, \"aw\", %progbits\n\t.byte 0\n\t.popsection");
#endif

#ifndef PERCPU_PLATFORM_RSEQ
size_t percpu__next_cpu(size_t cpu)
{
    size_t limit = __atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE);
    for (; cpu < limit; cpu++)
        if (__atomic_load_n(&PERCPU__DELTAS[cpu], __ATOMIC_ACQUIRE) != PERCPU__ABSENT)
            return cpu;
    /* Not `limit`: percpu__limit may have grown since, and that CPU may be a gap. */
    return PERCPU__NO_CPU;
}

/* The sum is modulo 2^64, and so modulo any smaller 2^n: the operands' sign does not matter. */
uint64_t percpu__sum(const volatile void *p, size_t size)
{
    uint64_t sum = 0;
    percpu_for_each(cpu) {
        sum += percpu__load_from(percpu__copy_on((uintptr_t)p, cpu), size);
    }
    return sum;
}
#endif

#ifdef PERCPU__IS_REAL
double percpu__sum_real(const volatile void *p, size_t size)
{
    double sum = 0;

    percpu_for_each(cpu)
        sum += percpu__real(percpu__load_from(percpu__copy_on((uintptr_t)p, cpu), size), size);
    return sum;
}
#endif

typedef uintptr_t __attribute__((may_alias)) word;

#if __STDC_HOSTED__ && !defined(PERCPU_PLATFORM_BARE)
void percpu__copy(uintptr_t to, uintptr_t from, size_t size)
{
    __builtin_memcpy((void *)to, (const void *)from, size);
}
#else
/* The accesses are volatile, or compilers would make calls of memcpy() of the loops. */
void percpu__copy(uintptr_t to, uintptr_t from, size_t size)
{
    uintptr_t end = from + size;

    if ((to | from) % sizeof(word) == 0)
        for (; end - from >= sizeof(word); from += sizeof(word), to += sizeof(word))
            *(volatile word *)to = *(const volatile word *)from;
    for (; from != end; from++, to++)
        *(volatile char *)to = *(const volatile char *)from;
}
#endif

void percpu__zero(uintptr_t at, size_t size)
{
    word *p = (word *)at, *end = (word *)(at + size);

    for (; end - p >= 8; p += 8)
        if (p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7])
            p[0] = p[1] = p[2] = p[3] = p[4] = p[5] = p[6] = p[7] = 0;
    for (; p != end; p++)
        if (*p)
            *p = 0;
}

void percpu__reset_from(uintptr_t from, void *p, size_t size)
{
#ifdef PERCPU_PLATFORM_BARE
    if (percpu__offset((uintptr_t)p) >= percpu__template_size()) {
        percpu__report("percpu: percpu_reset_to_init_at(): the pointer designates no variable");
        return;
    }
#endif
    struct percpu__guard guard = percpu__guard_take();
    uintptr_t to = percpu__current_ptr(p, PERCPU__POINTER);
    bool one_piece = size == 1 || size == 2 || size == 4 || size == 8;

    if (one_piece && !(to & (size - 1)))
        percpu__store_to(to, percpu__bits((const void *)from, size), size);
    else
        percpu__copy(to, from, size);
    percpu__guard_release(&guard);
}

void percpu__bad_cpu(void)
{
#ifdef PERCPU_DEBUG
    percpu__report("percpu: this CPU has no area");
#endif
    __builtin_trap();
}

void percpu__moved(void)
{
    percpu__report("percpu: a percpu_with_current() block ended on another CPU than it began: "
                   "percpu_preempt_disable() does not keep the caller on its CPU");
}
