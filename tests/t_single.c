/* SPDX-License-Identifier: MIT */
/* What single answers: one area, at base 0, of size 0; and initialising it cannot fail. */
#include "areas.h"

#if !HARNESS_BARE
#include <sched.h>
#include <signal.h>
#endif

#ifdef PERCPU_PLATFORM_SINGLE

static PERCPU_DEFINE(word, plain) = 6;

TEST(single_start)
{
    char memory[64];

    check_eq(percpu_area_num(), 1);
    check_eq(percpu_area_size(), 0);
    check_eq(percpu_area_base(0), 0);
    check_eq(percpu_area_base(1), 0);
    check_eq(percpu_area_layout_expected(4).size, 0);
    check_eq(percpu_read_reg(), 0);

    check_eq(percpu_fini(), -PERCPU_ENOTINIT);
    check_eq(percpu_init(NULL, 0), 1);
    check_eq(percpu_init(memory, 4), 0);
    check_eq(percpu_init_in_place(), 0);
    check_eq(percpu_init_cpu(0, NULL), 0);
    check_eq(percpu_init_cpu(1, memory), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(0), 0);
    check_eq(percpu_init_reg(1), -PERCPU_ERANGE);
    check_eq(percpu_init_reg(SIZE_MAX), -PERCPU_ERANGE);
    check_eq(percpu_cpu_id(), 0);
    percpu_write_reg(12345);
    check_eq(percpu_read_reg(), 0);
    check_eq(percpu_cpu_id(), 0);
    check_eq(percpu_area_num(), 1);
    check_eq(percpu_fini(), 0);
    check_eq(percpu_fini(), -PERCPU_ENOTINIT);
    check_eq(percpu_init_in_place(), 1);
    check_eq(percpu_fini(), 0);
}

/* No areas: a variable is a plain global, usable before anything is initialised. */
TEST(single_variables_are_plain)
{
    check_eq(percpu_read(plain), 6);
    check(percpu_current_ptr(plain) == percpu_addr(plain));
    check(percpu_remote_ptr(plain, 0) == percpu_addr(plain));
    check(percpu_remote_ptr(plain, 1) == NULL);
    check_eq(percpu_offset(plain), percpu_symbol_vma(plain));
    percpu_write(plain, 7);
    check_eq(percpu_sum(plain), 7);
}

#if !HARNESS_BARE
static PERCPU_DEFINE(int, early) = 1;

/* The initial values are kept before this runs. */
__attribute__((constructor)) static void write_early(void)
{
    percpu_write(early, 2);
}

TEST(single_reset_after_a_constructor_wrote)
{
    check_eq(percpu_read(early), 2);
    percpu_reset_to_init(early);
    check_eq(percpu_read(early), 1);
}

static PERCPU_DEFINE(word, guarded);
static unsigned inside;

static bool signals_blocked(void)
{
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    return sigismember(&blocked, SIGUSR1);
}

/* CPU 0's block begins first and ends first, within CPU 1's. */
static void overlapping_block(size_t cpu, void *unused)
{
    sigset_t usr1;

    (void)unused;
    if (cpu > 1)
        return;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    while (cpu == 1 && __atomic_load_n(&inside, __ATOMIC_ACQUIRE) < 1)
        sched_yield();
    percpu_with_current_irq(guarded, p) {
        (void)p;
        __atomic_fetch_add(&inside, 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&inside, __ATOMIC_ACQUIRE) < (cpu == 0 ? 2 : 3))
            sched_yield();
        check(signals_blocked());
    }
    check(!signals_blocked());
    if (cpu == 0)
        __atomic_fetch_add(&inside, 1, __ATOMIC_RELEASE);
}

TEST(single_irq_blocks_of_two_threads)
{
    on_cpus(overlapping_block, NULL);
}
#endif

#endif
