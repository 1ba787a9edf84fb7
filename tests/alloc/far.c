/* SPDX-License-Identifier: MIT */
/*
 * usage: far
 * A freestanding single system lets objects be aligned to anything. Its memory may lie where the
 * distance to an aligned address, in granules, has more than 32 bits. Its code, on the host; the
 * lock is the program's, since programs do not mask interrupts: -ffreestanding -DPERCPU_ALLOC_LOCK.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include "../life/hang.h"

#include <sys/mman.h>

uintptr_t percpu_alloc_lock(void)
{
    return 0;
}

void percpu_alloc_unlock(uintptr_t state)
{
    (void)state;
}

/* An object of 8 bytes is where it has to be, or nowhere. */
static void try_at(uintptr_t place, size_t size)
{
    void *memory = mmap((void *)place, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    CHECK(memory == (void *)place);
    CHECK(percpu_init_in_place() == 1);
    CHECK(percpu_alloc_add_block(memory, size) == 0);
    for (unsigned bit = 3; bit < 64; bit++) {
        uintptr_t align = (uintptr_t)1 << bit, first = (place + align - 1) & ~(align - 1);
        void PERCPU *p = percpu_alloc_bytes(8, align);

        CHECK((uintptr_t)p % align == 0);
        CHECK((p != NULL) == (first >= place && first - place < size - size / 8));
        percpu_free(p);
    }
    CHECK(percpu_fini() == 0);
    CHECK(munmap(memory, size) == 0);
}

int main(void)
{
    end_if_it_hangs();
    try_at(((uintptr_t)1 << 35) - 4096, 1 << 16);
    try_at(((uintptr_t)1 << 36) + 4096, 1 << 17);
    try_at(((uintptr_t)1 << 35) * 3 - (1 << 16), 1 << 20);
    return right();
}
