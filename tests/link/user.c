/* SPDX-License-Identifier: MIT */
/*
 * A small program: hosted it runs and says by its status whether all was well; bare it only links.
 */
#include <percpu/percpu.h>

static PERCPU_DEFINE(int, value) = 3;
PERCPU_DEFINE(uint64_t, total);

#ifdef USE_NEAR
/* More than fits: see ld/percpu.ld. */
PERCPU_DEFINE_NEAR(char[1200], near1);
PERCPU_DEFINE_NEAR(char[USE_NEAR], near2);
#endif

#ifdef USE_UNDEFINED
PERCPU_DECLARE(int, nowhere);
#endif

#ifdef USE_PART
int part(void);
#endif

#ifdef OWN_PANIC
void percpu_panic(const char *message)
{
    (void)message;
}
#endif

#ifdef PERCPU_PLATFORM_RSEQ /* the thread may be on any CPU, and on another one the next time */

int main(void)
{
    int n = (int)percpu_area_num();

    if (percpu_init_in_place() != 0 || n < 2)
        return 1;
    if (percpu_read(value) != 3 || percpu_sum(value) != 3 * n)
        return 2;
    percpu_add(value, 4);
    percpu_with_current(total, p)
        *p += 10;
    if (percpu_sum(value) != 3 * n + 4)
        return 3;
    if (percpu_sum(total) != 10)
        return 4;
#ifdef USE_PART
    if (part() != 77 || percpu_sum(total) != 11)
        return 7;
#endif
    percpu_for_each(cpu)
        percpu_remote_write(value, cpu, 5);
    percpu_reset_to_init(value);
    return percpu_sum(value) == 5 * (n - 1) + 3 ? 0 : 5;
}

#else

int main(void)
{
    size_t n = percpu_area_num();

    if (percpu_init_in_place() != (int)n || percpu_init_reg(0) != 0)
        return 1;
    if (percpu_read(value) != 3 || percpu_cpu_id() != 0)
        return 2;
    percpu_write(value, 4);
    percpu_with_current(total, p)
        *p += 10;
    if (percpu_read(value) != 4 || percpu_sum(value) != 4 + 3 * (int)(n - 1))
        return 3;
    if (percpu_remote_read(total, 0) != 10 || percpu_sum(total) != 10)
        return 4;
#ifdef USE_NEAR
    (*percpu_current_ptr(near1))[0] = (*percpu_current_ptr(near2))[0];
#endif
#ifdef USE_PART
    if (part() != 77 || percpu_read(total) != 11)
        return 7;
#endif
#ifdef USE_UNDEFINED
    percpu_write(nowhere, 1);
#endif
#ifndef NO_RESET
    percpu_reset_to_init(value);
    if (percpu_read(value) != 3)
        return 5;
#endif
    if (percpu_fini() != 0)
        return 6;
    return 0;
}

#endif
