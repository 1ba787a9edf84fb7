/* SPDX-License-Identifier: MIT */
/*
 * rseq: objects that processes share. Their copies are of one shared mapping, which children have
 * at the same addresses. The kernel restarts a sequence whenever its thread was preempted, also by
 * a thread of another process (Linux, Documentation/userspace-api/rseq.rst), and atomic
 * instructions know no processes: a CPU's copy is as safe between processes as between threads.
 */
#include "process.h"

#ifdef PERCPU__HAS_SHARED

#include <sys/mman.h>

/*
 * Puts new pages of zeros, MAP_SHARED or MAP_PRIVATE, in the place of an object's whole pages, on
 * the first `slots` CPUs. Returns for how many of them that was done. The pages are mapped
 * elsewhere at once, and then moved: where the system has no memory, nothing has changed, and at no
 * time is there a hole in an area, where another thread's mmap() could go.
 */
static size_t exchange(uintptr_t p, size_t size, size_t slots, int kind)
{
    char *pages = mmap(NULL, slots * size, PROT_READ | PROT_WRITE,
                       kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t cpu = 0;

    if (pages == MAP_FAILED)
        return 0;
    madvise(pages, slots * size, MADV_NOHUGEPAGE); /* as around the object */
    while (cpu < slots && mremap(pages + cpu * size, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
                                 (void *)percpu__copy_on(p, cpu)) != MAP_FAILED)
        cpu++;
    if (cpu < slots)
        munmap(pages + cpu * size, (slots - cpu) * size);
    return cpu;
}

enum percpu__pages percpu__share(uintptr_t p, size_t size)
{
    const size_t slots = percpu__state->cpus + 1;
    size_t done;

    if (!percpu__may_map(2 * slots))
        return PERCPU__PAGES_PRIVATE;
    done = exchange(p, size, slots, MAP_SHARED);
    if (done == slots) {
        __atomic_fetch_add(&percpu__state->mappings, 2 * slots, __ATOMIC_RELAXED);
        return PERCPU__PAGES_SHARED;
    }
    return done == 0 || exchange(p, size, done, MAP_PRIVATE) == done ? PERCPU__PAGES_PRIVATE
                                                                     : PERCPU__PAGES_MIXED;
}

bool percpu__unshare(uintptr_t p, size_t size)
{
    const size_t slots = percpu__state->cpus + 1;

    if (exchange(p, size, slots, MAP_PRIVATE) != slots)
        return false;
    __atomic_fetch_sub(&percpu__state->mappings, 2 * slots, __ATOMIC_RELAXED);
    return true;
}

#endif
