/* SPDX-License-Identifier: MIT */
/* rseq: the memory of areas, and what is asked about it. */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>

#ifndef PERCPU__POSSIBLE
#define PERCPU__POSSIBLE "/sys/devices/system/cpu/possible"
#endif

/* One past the highest number of a list such as "0-3,7"; 0: there is no such file. */
static size_t end_of_list(const char *path)
{
    FILE *file = fopen(path, "re");
    size_t number, end = 0;
    int between = ',';

    while (file && (between == ',' || between == '-') && fscanf(file, "%zu", &number) == 1) {
        if (number + 1 > end)
            end = number + 1;
        between = fgetc(file);
    }
    if (file)
        fclose(file);
    return end;
}

/* One past the highest CPU number that this kernel may ever report. */
static size_t possible_cpus(void)
{
    long configured = sysconf(_SC_NPROCESSORS_CONF);
    size_t count = configured < 1 ? 1 : (size_t)configured, end = end_of_list(PERCPU__POSSIBLE);
    cpu_set_t set;

    if (end > count)
        count = end;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (size_t cpu = count; cpu < CPU_SETSIZE; cpu++)
            if (CPU_ISSET(cpu, &set))
                count = cpu + 1;
    return count < PERCPU_MAX_CPUS ? count : PERCPU_MAX_CPUS - 1;
}

/*
 * A slot per CPU, one more, and one for the address that a CPU too many would have: it is not
 * accessible. What is not touched costs nothing but addresses: where those are limited (ulimit -v),
 * fewer CPUs have one and the others use the last. Where the system counts what a program could
 * write to and not what it does (strict overcommit, ulimit -d), slots become accessible as far as
 * they are used: two mappings for each, so not otherwise.
 */
bool percpu__reserve_areas(void)
{
    struct process *p = percpu__state;
    const size_t slot = (size_t)1 << PERCPU__SLOT_SHIFT;

    for (p->cpus = possible_cpus();; p->cpus /= 2) {
        const size_t size = (p->cpus + 2) * slot + STRICTEST;
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        char *memory, *end;

        if (p->cpus + 2 >= SIZE_MAX / slot)
            continue;
        /* Accessible from the start: valgrind takes seconds to make it so. */
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
        p->in_parts = memory == MAP_FAILED;
        if (p->in_parts)
            memory = mmap(NULL, size, PROT_NONE, flags, -1, 0);
        if (memory != MAP_FAILED) {
            /* A huge page would commit the memory of 512 for one variable. */
            madvise(memory, size, MADV_NOHUGEPAGE);
            p->base = ((uintptr_t)memory + STRICTEST - 1) & ~(STRICTEST - 1);
            end = (char *)p->base + (p->cpus + 1) * slot;
            if (mprotect(end, (size_t)(memory + size - end), PROT_NONE) != 0)
                percpu__refuse(NULL, "mprotect() failed");
            p->used = SLOT_HEAD;
            return true;
        }
        if (p->cpus == 0)
            return false;
    }
}

bool percpu__make_accessible(size_t from, size_t end)
{
    const struct process *p = percpu__state;

    from &= ~((size_t)sysconf(_SC_PAGESIZE) - 1);
    if (p->in_parts)
        for (size_t cpu = 0; cpu <= p->cpus; cpu++)
            if (mprotect((char *)p->base + (cpu << PERCPU__SLOT_SHIFT) + from, end - from,
                         PROT_READ | PROT_WRITE) != 0)
                return false;
    return true;
}

/* Of LeakSanitizer, in programs that have it. */
extern void __lsan_register_root_region(const void *, size_t) __attribute__((weak));

void percpu__register_roots(size_t from, size_t end)
{
    const struct process *p = percpu__state;

    if (&__lsan_register_root_region)
        for (size_t cpu = 0; cpu <= p->cpus; cpu++)
            __lsan_register_root_region((const char *)p->base + (cpu << PERCPU__SLOT_SHIFT) + from,
                                        end - from);
}

/* -- Questions --------------------------------------------------------------------------------- */

/* Areas exist already, and as long as the process. */
int percpu__init_existing(void)
{
    return 0;
}

int percpu_fini(void)
{
    return -PERCPU_EBUSY;
}

uintptr_t percpu_read_reg(void)
{
    return percpu__state->base + percpu__slot();
}

size_t percpu_area_size(void)
{
    return percpu__state->used;
}

uintptr_t percpu_area_base(size_t cpu)
{
    return cpu < percpu__limit ? (uintptr_t)percpu__slot_of(cpu) : 0;
}

size_t percpu__next_cpu(size_t cpu)
{
    return cpu < percpu__limit ? cpu : PERCPU__NO_CPU;
}

void percpu__check_current(void)
{
    if (percpu__limit == 0)
        percpu__report("percpu: access before the constructors have run");
}

/* -- For alloc.c ------------------------------------------------------------------------------- */

bool percpu__dynamic_memory(struct percpu__memory *memory)
{
    const size_t slot = (size_t)1 << PERCPU__SLOT_SHIFT;
    if (percpu__limit == 0)
        return false;
    *memory = (struct percpu__memory){percpu__state->base + MODULES_END, slot - MODULES_END, 0,
                                      slot, true};
    return true;
}

bool percpu__dynamic_grow(uintptr_t end)
{
    struct process *p = percpu__state;
    enum { STEP = 65536 };

    if ((!p->in_parts && !&__lsan_register_root_region) || end <= p->dynamic_end)
        return true;
    if (p->dynamic_end == 0)
        p->dynamic_end = p->base + MODULES_END;
    end = (end + STEP - 1) & ~(uintptr_t)(STEP - 1);
    if (!percpu__make_accessible(p->dynamic_end - p->base, end - p->base))
        return false;
    percpu__register_roots(p->dynamic_end - p->base, end - p->base);
    p->dynamic_end = end;
    return true;
}

#endif
