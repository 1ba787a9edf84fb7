/* SPDX-License-Identifier: MIT */
/*
 * Hosted: the isolated variables' section lies before the others' when they are linked first, and
 * need not be as strictly aligned. The areas must suit both. Compiled twice: FIRST has the isolated
 * variable, the other half the strictly aligned one.
 */
#include <percpu/percpu.h>

#include <stdint.h>

PERCPU_DECLARE(int, lock);
PERCPU_DECLARE(int, strict);

#ifdef FIRST

PERCPU_DEFINE_ISOLATED(int, lock) = 1;

#else

__attribute__((aligned(2048))) PERCPU_DEFINE(int, strict) = 2;

int main(void)
{
    if (percpu_symbol_vma(lock) > percpu_symbol_vma(strict))
        return 10; /* the linker's order is not the one that this is about */
    if (percpu_init_in_place() < 0 || percpu_init_reg(0) != 0)
        return 1;
    percpu_for_each(cpu) {
        if ((uintptr_t)percpu_remote_ptr(strict, cpu) % 2048 != 0)
            return 2;
        if ((uintptr_t)percpu_remote_ptr(lock, cpu) % PERCPU_CACHE_LINE != 0)
            return 3;
        if (percpu_remote_read(strict, cpu) != 2 || percpu_remote_read(lock, cpu) != 1)
            return 4;
    }
    return 0;
}

#endif
