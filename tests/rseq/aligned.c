/* SPDX-License-Identifier: MIT */
/*
 * The areas of a variable that is aligned to 64 KiB, where mmap() aligns to a page only, as Linux
 * does before 6.7. Linked with --wrap=mmap. Prints "aligned" or the bad addresses.
 */
#include <percpu/percpu.h>

#include <stdio.h>
#include <sys/mman.h>

#ifndef ALIGN
#define ALIGN 65536
#endif
enum { STRICT = 65536, PAGE = 4096 };
static __attribute__((aligned(ALIGN))) PERCPU_DEFINE(uint64_t, strict) = 7;

void *__real_mmap(void *, size_t, int, int, int, off_t);
void *__wrap_mmap(void *, size_t, int, int, int, off_t);

void *__wrap_mmap(void *where, size_t size, int protection, int flags, int file, off_t offset)
{
    void *memory = __real_mmap(where, where ? size : size + (size_t)2 * STRICT, protection, flags,
                               file, offset);

    if (where || memory == MAP_FAILED)
        return memory;
    return (char *)memory + STRICT - (uintptr_t)memory % STRICT + PAGE; /* never at 64 KiB */
}

int main(void)
{
    const char *answer = "aligned";

    percpu_for_each(cpu)
        if ((uintptr_t)percpu_remote_ptr(strict, cpu) % ALIGN != 0 ||
            percpu_remote_read(strict, cpu) != 7) {
            printf("%zu: %p\n", cpu, (void *)percpu_remote_ptr(strict, cpu));
            answer = "not all";
        }
    puts(answer);
}
