/* SPDX-License-Identifier: MIT */
/* percpu_area_info(): owners, who waits for them, and who is on the last area. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "areas.h"

#include <percpu/info.h>
#include <percpu/list.h>

#ifdef PERCPU_PLATFORM_RSEQ
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#endif
#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_THREAD)
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Volatile: on bare machines there is no memset() for compilers to call. */
static volatile struct {
    struct percpu_area_state info;
    uint64_t behind;
} answer;

static void fill(void)
{
    for (size_t i = 0; i < sizeof(answer); i++)
        ((volatile unsigned char *)&answer)[i] = 0xaa;
}

static unsigned char byte(size_t i)
{
    return ((const volatile unsigned char *)&answer)[i];
}

static int ask(size_t cpu, size_t size)
{
    fill();
    return percpu_area_info(cpu, (struct percpu_area_state *)(uintptr_t)&answer, size);
}

static uint32_t owner_of(size_t cpu)
{
    return ask(cpu, sizeof(answer.info)) == 0 ? answer.info.owner : ~(uint32_t)0;
}

static uint32_t flags_of(size_t cpu)
{
    return ask(cpu, sizeof(answer.info)) == 0 ? answer.info.flags : ~(uint32_t)0;
}

static void check_sizes(size_t bound)
{
    (void)bound;
    check_eq(ask(percpu_area_num(), sizeof(answer)), -PERCPU_ERANGE);
    check_eq(ask(SIZE_MAX, sizeof(answer)), -PERCPU_ERANGE);
    for (size_t i = 0; i < sizeof(answer); i++)
        check_eq(byte(i), 0xaa);
    /* A caller that knows only the first member. */
    check_eq(ask(0, sizeof(uint32_t)), 0);
    for (size_t i = sizeof(uint32_t); i < sizeof(answer); i++)
        check_eq(byte(i), 0xaa);
    /* A caller that knows more members than the library. */
    check_eq(ask(0, sizeof(answer.info) + 4), 0);
    for (size_t i = 0; i < 4; i++) {
        check_eq(byte(sizeof(answer.info) + i), 0);
        check_eq(byte(sizeof(answer.info) + 4 + i), 0xaa);
    }
    percpu_for_each(cpu) {
        check_eq(flags_of(cpu) & PERCPU_AREA_UP, percpu_is_up(cpu) ? PERCPU_AREA_UP : 0);
#if defined(PERCPU_PLATFORM_BARE) || defined(PERCPU_PLATFORM_SINGLE)
        check_eq(owner_of(cpu), 0);
        check_eq(answer.info.flags & ~(uint32_t)PERCPU_AREA_UP, 0);
        for (size_t i = 0; i < 4; i++)
            check_eq(answer.info.users[i], 0);
#endif
    }
}

TEST(info_sizes)
{
    with_areas(check_sizes);
}

#ifdef PERCPU_PLATFORM_THREAD

static void own(size_t cpu, void *unused)
{
    (void)unused;
    check_eq(owner_of(cpu), syscall(SYS_gettid));
    check_eq(answer.info.flags, PERCPU_AREA_UP);
    check_eq(answer.info.users[0], 0);
}

/* One at a time: they share `answer`. */
static void ask_owners(size_t bound)
{
    for (size_t cpu = 0; cpu < bound; cpu++)
        on_cpu(cpu, own, NULL);
    for (size_t cpu = bound; cpu < percpu_area_num(); cpu++)
        check_eq(owner_of(cpu), 0);
}

TEST(info_owner_is_who_plays)
{
    with_areas(ask_owners);
}

#endif

#ifdef PERCPU_PLATFORM_RSEQ

struct pair {
    long a, b;
};
static PERCPU_DEFINE(struct pair, pair);
static PERCPU_DEFINE(struct percpu_list, nodes);
static int in_handler = -1;
static size_t held;
static uint32_t owner_in_handler;

static size_t area_of(const struct pair *p)
{
    percpu_for_each(cpu)
        if (p == percpu_remote_ptr(pair, cpu))
            return cpu;
    return SIZE_MAX;
}

static void ask_in_handler(int number)
{
    struct percpu_area_state info;

    in_handler = number;
    if (percpu_area_info(held, &info, sizeof(info)) == 0)
        owner_in_handler = info.owner;
}

static void *enter(void *cpu)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(*(const size_t *)cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
    percpu_with_current(pair, p)
        ++p->a;
    return NULL;
}

TEST(info_owner_is_whose_block)
{
    struct sigaction action = {.sa_handler = ask_in_handler}, before_action;
    cpu_set_t before, one;
    pthread_t thread;
    size_t cpu = (size_t)sched_getcpu();

    sched_getaffinity(0, sizeof(before), &before);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
    sigaction(SIGUSR1, &action, &before_action);
    percpu_with_current(pair, p) {
        held = area_of(p);
        check_eq(owner_of(held), syscall(SYS_gettid));
        check_eq(answer.info.flags & PERCPU_AREA_WAITED, 0);
        raise(SIGUSR1);
        check_eq(in_handler, SIGUSR1);
        check_eq(owner_in_handler, syscall(SYS_gettid));
#ifndef PERCPU_RSEQ_MM_CID /* there the other has an area of its own */
        check_eq(pthread_create(&thread, NULL, enter, &cpu), 0);
        while (!(*(volatile uint32_t *)percpu_area_base(held) >> 31)) /* the mark in the word */
            sched_yield();
        check(flags_of(held) & PERCPU_AREA_WAITED);
        check_eq(owner_of(held), syscall(SYS_gettid));
#else
        check_eq(pthread_create(&thread, NULL, enter, &cpu), 0);
#endif
    }
    pthread_join(thread, NULL);
    percpu_for_each(n)
        check_eq(owner_of(n), 0);
    sigaction(SIGUSR1, &before_action, NULL);
    sched_setaffinity(0, sizeof(before), &before);
    (void)percpu_cpu_id(); /* the area of this CPU, also without sequences */
}

/* The lock of lists, as an operation without sequence has it. */
TEST(info_lists)
{
    uintptr_t *lists = (uintptr_t *)(percpu_area_base(0) + 8);

    check_eq(flags_of(0) & (PERCPU_AREA_LISTS | PERCPU_AREA_LISTS_WAITED), 0);
    for (uintptr_t waited = 0; waited <= 1; waited++) {
        *lists = 0x1000 | waited;
        check_eq(flags_of(0) & (PERCPU_AREA_LISTS | PERCPU_AREA_LISTS_WAITED),
                 PERCPU_AREA_LISTS | (waited ? PERCPU_AREA_LISTS_WAITED : 0));
        *lists = 0;
    }
}

static bool is_user(pthread_t thread)
{
    unsigned times = 0;

    for (size_t i = 0; i < 4; i++)
        times += answer.info.users[i] == (uintptr_t)thread;
    check(times <= 1);
    return times == 1;
}

static void *leave_rseq(void *number)
{
    bool left = false;

    for (unsigned bytes = 32; bytes <= 256 && !left; bytes += 32)
        left = syscall(SYS_rseq, percpu__rseq_area(), bytes, 1, PERCPU__RSEQ_SIGNATURE) == 0;
    for (int i = 0; i < 2; i++)
        switch (*(const size_t *)number % 3) {
        case 0: percpu_inc_at(&percpu_addr(pair)->b); break;
        case 1: percpu_list_take_all(nodes); break;
        default: percpu_with_current(pair, p) ++p->a;
        }
    return left ? number : NULL;
}

/* Five threads after each other: in the end the first one is replaced. Each is there once. */
TEST(info_users_of_the_last_area)
{
    size_t last = percpu_area_num() - 1;
    bool has_strangers = string_contains(percpu_info(), "libc registers threads");
    pthread_attr_t attributes[5];
    pthread_t threads[5];
    static char stacks[5][1 << 16] __attribute__((aligned(4096)));

    percpu_for_each(cpu)
        check_eq(flags_of(cpu) & PERCPU_AREA_LAST, cpu == last ? PERCPU_AREA_LAST : 0);
    check_eq(ask(0, sizeof(answer.info)), 0);
    check(!is_user(pthread_self()));
    for (size_t i = 0; has_strangers && i < 5; i++) { /* apart: their ids lie in their stacks */
        pthread_attr_init(&attributes[i]);
        check_eq(pthread_attr_setstack(&attributes[i], stacks[i], sizeof(stacks[i])), 0);
        check_eq(pthread_create(&threads[i], &attributes[i], leave_rseq, &i), 0);
        pthread_join(threads[i], NULL);
        check_eq(ask(last, sizeof(answer.info)), 0);
        for (size_t j = 0; j <= i; j++)
            check_eq(is_user(threads[j]), i - j < 4);
    }
    check(!is_user(pthread_self()));
}

#endif
