/* SPDX-License-Identifier: MIT */
/* x86_64: a call of at_step(), in a signal handler, at each instruction between begin and end. */
#ifndef STEP_H
#define STEP_H

#include "hang.h"

#include <sys/ucontext.h>

#ifdef __x86_64__
enum { TRAP = 0x100 }; /* Intel SDM, volume 1, 3.4.3: EFLAGS.TF */
static int steps;

/* false: there are no more steps, in a child. */
static int at_step(void);

static void on_step(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    steps++;
    if (!at_step())
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP;
}

static inline __attribute__((always_inline)) void go_on_with_steps(void)
{
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | TRAP);
}

static inline __attribute__((always_inline)) int is_stepping(void)
{
    return (__builtin_ia32_readeflags_u64() & TRAP) != 0;
}

static inline __attribute__((always_inline)) void begin_steps(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};

    action.sa_sigaction = on_step;
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
    go_on_with_steps();
}

static inline __attribute__((always_inline)) void end_steps(void)
{
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~(unsigned long long)TRAP);
}
#endif

#endif
