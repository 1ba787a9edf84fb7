/* SPDX-License-Identifier: MIT */
/* Fences: of a writer that fences and a reader without a barrier one sees the other. */
#include "areas.h"

#include <stdatomic.h>
#if !HARNESS_BARE
#include <errno.h>
#endif
#ifdef PERCPU_PLATFORM_RSEQ
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#if !HARNESS_BARE || defined(PERCPU_CALL)

static void answers(size_t bound)
{
    size_t n = percpu_area_num();

#if HARNESS_BARE
    cpu_calls = own_cpu_calls = 0;
#else
    errno = 77;
#endif
    percpu_for_each(cpu) {
        check_eq(percpu_fence_cpu(cpu), percpu_has_fence() ? 0 : -PERCPU_ESYS);
    }
    check_eq(percpu_fence(), percpu_has_fence() ? 0 : -PERCPU_ESYS);
    check_eq(percpu_fence_cpu(n), -PERCPU_ERANGE);
    check_eq(percpu_fence_cpu(SIZE_MAX), -PERCPU_ERANGE);
#if HARNESS_BARE
    check_eq(own_cpu_calls, 0);
    check_eq(cpu_calls, 2 * (n - 1));
#else
    check_eq(errno, 77);
#endif
    (void)bound;
}

TEST(fence_answers)
{
    with_areas(answers);
}

/* A fence may take half a millisecond. Processors reorder seldom: mutants run more rounds. */
#ifndef ROUNDS
#define ROUNDS (HARNESS_BARE ? 300 : 2000)
#endif
/* A line each: a store waits in the store buffer for as long as the other CPU has the line. */
#define LINE __attribute__((aligned(128)))
static volatile unsigned LINE flag, LINE mark, LINE seen;
static atomic_uint LINE begun, LINE done;

static void until(const atomic_uint *is, unsigned round, size_t cpu)
{
    while (atomic_load_explicit(is, memory_order_acquire) != round) {
        serve_calls(cpu);
        wait_a_little();
    }
}

/* The writer begins a little later each time, so that the two meet at each of their steps. */
static void writer(unsigned round)
{
    unsigned found;

    atomic_store_explicit(&begun, round, memory_order_release);
    for (volatile unsigned i = round % 64; i != 0; i--)
        ;
    flag = round;
    check_eq(round % 2 ? percpu_fence() : percpu_fence_cpu(1), 0);
    found = mark;
    until(&done, round, 0);
    check(found == round || seen == round);
}

static void reader(unsigned round)
{
    until(&begun, round, 1);
    mark = round;
    seen = flag;
    atomic_store_explicit(&done, round, memory_order_release);
}

static void pair(size_t cpu, void *unused)
{
    (void)unused;
    if (cpu > 1) /* down: it would have to serve calls as long as they come */
        return;
    takes_calls(cpu, true);
    for (unsigned round = 1; round <= ROUNDS; round++)
        (cpu == 0 ? writer : reader)(round);
    if (cpu == 0)
        atomic_store(&begun, ROUNDS + 1);
    else
        until(&begun, ROUNDS + 1, 1);
    takes_calls(cpu, false);
}

static void orders(size_t bound)
{
    flag = mark = seen = 0;
    begun = done = 0;
    if (bound > 1 && percpu_has_fence())
        on_bound(pair, NULL);
}

TEST(fence_orders_plain_code)
{
    with_areas(orders);
}

#endif

#ifdef PERCPU_PLATFORM_RSEQ

/* Without membarrier(2) all are errors, whatever was answered before. */
TEST(fence_without_the_system_call)
{
    struct sock_filter refuse[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof refuse / sizeof *refuse, refuse};
    int status = -1, error, works = percpu_fence();
    pid_t child = fork();

    if (child == 0) {
        if (percpu_fence() != works)
            _exit(2);
        /* qemu-user has no filters. */
        error = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0
                    ? -PERCPU_ESYS
                    : 0;
        if (!percpu_has_fence())
            error = -PERCPU_ESYS;
        _exit(percpu_fence_cpu(0) != error || percpu_fence_cpu(percpu_area_num() - 1) != error ||
              percpu_fence() != error);
    }
    check(child > 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    check_eq(status, 0);
}

TEST(sequences_are_what_info_says)
{
    check_eq(percpu_has_sequences(), string_contains(percpu_info(), "restartable sequences"));
}

#else

TEST(sequences_are_a_kernels)
{
#ifdef PERCPU_RESTART
    check(percpu_has_sequences());
#else
    check(!percpu_has_sequences());
#endif
}

#endif
