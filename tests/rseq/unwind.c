/* SPDX-License-Identifier: MIT */
/*
 * A backtrace finds the callers from wherever a signal's handler can find a thread in an operation.
 * Single steps: each is a signal, and where it interrupts a sequence, the kernel has moved the
 * thread to the abort handler before the signal's handler runs. So an operation does not end under
 * them, and goes on without after some. Says "right", or what is wrong. x86_64, glibc.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/list.h>

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

enum { STEPS = 100, TRAP_FLAG = 0x100 };

static PERCPU_DEFINE(uint32_t, counter);
static PERCPU_DEFINE(uint64_t, wide);
static PERCPU_DEFINE(struct percpu_list, list);
static struct percpu_list_node node;
static volatile sig_atomic_t steps, aborts, lost;
static void *volatile lost_at;
static void *caller_begin, *caller_end;

extern const struct {
    uint32_t version, flags;
    uint64_t start, length, abort;
} *const __start___rseq_cs_ptr_array[], *const __stop___rseq_cs_ptr_array[];

static void on_step(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    void *frames[32];
    int count = backtrace(frames, 32), found = 0;

    (void)number, (void)info;
    for (int i = 0; i < count; i++)
        found += frames[i] >= caller_begin && frames[i] < caller_end;
    for (size_t i = 0; __start___rseq_cs_ptr_array + i < __stop___rseq_cs_ptr_array; i++)
        aborts += __start___rseq_cs_ptr_array[i]->abort == (uint64_t)registers[REG_RIP];
    if (!found) {
        lost++;
        lost_at = (void *)registers[REG_RIP];
    }
    if (++steps == STEPS)
        registers[REG_EFL] &= ~TRAP_FLAG;
}

#define OPERATION(name, operation)                                                                 \
    __attribute__((noinline)) static void name(void)                                               \
    {                                                                                              \
        operation;                                                                                 \
        __asm__ volatile("");                                                                      \
    }
OPERATION(inc, percpu_inc(counter))
OPERATION(add_return, (void)percpu_add_return(wide, 3))
OPERATION(set, percpu_write(wide, 5))
OPERATION(cmpxchg, (void)percpu_cmpxchg(counter, 0, 7))
OPERATION(push, percpu_list_push(list, &node))
OPERATION(pop, (void)percpu_list_pop(list))
OPERATION(leaf, percpu_inc(counter); percpu_inc(wide); percpu_dec(counter))
OPERATION(frame, volatile char bytes[200]; bytes[0] = 1; percpu_add(counter, (uint32_t)bytes[0]))

#define SECTION __attribute__((noinline, section("caller")))
SECTION static void call(void (*operation)(void))
{
    __asm__ volatile("pushfq; orl %0, (%%rsp); popfq" : : "i"(TRAP_FLAG) : "memory", "cc");
    operation();
    __asm__ volatile("");
}
extern char __start_caller[], __stop_caller[];

int main(void)
{
    static void (*const operations[])(void) = {inc,  add_return, set,  cmpxchg,
                                               push, pop,        leaf, frame};
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    int wrong = 0;

    caller_begin = __start_caller;
    caller_end = __stop_caller;
    backtrace((void *[1]){NULL}, 1); /* which loads a library at first */
    sigaction(SIGTRAP, &action, NULL);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        steps = aborts = lost = 0;
        call(operations[i]);
        if (lost || aborts < 5 || steps < STEPS) {
            printf("operation %zu: %d steps, %d aborts, %d without callers, the last one at "
                   "main%+ld\n",
                   i, (int)steps, (int)aborts, (int)lost, (long)((char *)lost_at - (char *)main));
            wrong = 1;
        }
    }
    if (!wrong)
        puts("right");
    return wrong;
}
