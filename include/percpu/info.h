/* SPDX-License-Identifier: MIT */
/*
 * Who works on a CPU's area, for a person or a tool that looks into a running program or kernel:
 * which thread the others wait for, and who is on the area that belongs to no CPU.
 */
#ifndef PERCPU_INFO_H
#define PERCPU_INFO_H

#include <percpu/percpu.h>

#ifdef __cplusplus
extern "C" {
#endif

enum percpu_area_flag {
    PERCPU_AREA_UP = 1,           /* percpu_is_up() */
    PERCPU_AREA_LAST = 2,         /* rseq: the area belongs to no CPU */
    PERCPU_AREA_WAITED = 4,       /* rseq: threads may wait for the owner; how many is not known */
    PERCPU_AREA_LISTS = 8,        /* rseq: a list operation without sequence has its lock here */
    PERCPU_AREA_LISTS_WAITED = 16 /* rseq: and threads may wait for that */
};

/* Members are only added, at the end. */
struct percpu_area_state {
    /*
     * A thread's id, gettid(2): rseq: whose block has the area; thread: that plays the CPU. 0:
     * nobody, and always on bare and single, which have no owners. A thread that has ended may
     * still stand here, until another one wants the area (tgkill(2) tells), and in a child, until
     * the library's fork handler has run, a thread of the parent.
     */
    uint32_t owner;
    uint32_t flags; /* of enum percpu_area_flag */
    /*
     * rseq, the last area: pthread_self() of four threads that updated it or had a block or a list
     * operation there, those that came last, in no order; 0: fewer did. They are not registered for
     * rseq(2), or their CPU has no area, or they waited in vain for a block on their CPU's. They
     * may have left, or ended. gdb's `info threads` prints these values with glibc on x86_64. Zeros
     * elsewhere.
     */
    uintptr_t users[4];
};

/*
 * Fills the first `size` bytes at `info`; size is sizeof(*info): bytes of members that the library
 * does not know are 0. Returns 0, or -PERCPU_ERANGE for a CPU without an area, with *info as it
 * was. percpu_for_each() has the CPUs to ask for.
 *
 * Any context, also before initialisation, in interrupt and signal handlers and NMIs, inside of
 * blocks, and before caches are on: it takes no lock, never waits and makes no system call. Each
 * word is read once, in relaxed order: the answer is no snapshot, may be old when it is returned,
 * and orders nothing.
 */
PERCPU__HIDDEN int percpu_area_info(size_t cpu, struct percpu_area_state *info, size_t size);

#ifdef __cplusplus
}
#endif

#endif
