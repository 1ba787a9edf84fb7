/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* PERCPU_DEBUG: what it reports, in which words, and that it reports nothing else. */
#include "areas.h"

#include <percpu/list.h>

#if defined(PERCPU_DEBUG) && !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)

#include <stdatomic.h>

#if !HARNESS_BARE
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static PERCPU_DEFINE(word, watched) = 3;
static PERCPU_DEFINE(word[3], large) = {1, 2, 3};
static atomic_uint reports;

/* A register that belongs to no area, though what it leads to can be accessed. */
static void lose_register(void)
{
#if HARNESS_BARE
    percpu_write_reg((uintptr_t)area_memory(TEST_MAX_CPUS, 1));
#else
    percpu_write_reg(0);
#endif
}

/* Not by the library, where it can be asked whether it was. */
static void write_register_only(uintptr_t base)
{
#if HARNESS_BARE
    percpu_write_reg(base);
#else
    base -= percpu_symbol_vma(watched) - percpu_offset(watched);
#if defined(__linux__) && defined(PERCPU__ARCH_USER_REGISTER)
    check_eq(syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, base), 0);
#else
    percpu__thread_delta = base;
#endif
#endif
}

/* -- Before initialisation --------------------------------------------------------------------- */

TEST(peer_access_before_init)
{
    word PERCPU *p = percpu_addr(watched);
    word expected = 3;

    lose_register();
    panics_begin();
    (void)percpu_read(watched);
    check_eq(panics_end("before percpu_init"), 1);
    panics_begin();
    (void)percpu_read_raw(watched);
    (void)percpu_current_ptr(watched);
    (void)percpu_cpu_id();
    (void)percpu_read_at(p);
    check_eq(panics_end("before percpu_init"), 4);
    /* Thread: without a register it is the template that is accessed; leave that as it was. */
    panics_begin();
    percpu_write(watched, 99);
    percpu_write_raw(watched, 3);
    percpu_with_current(watched, q) {
        (void)q;
    }
    check(panics_end("before percpu_init") >= 3);
    /* Each by itself; together they change nothing. */
    panics_begin();
    percpu_write(watched, 3);
    check_eq(panics_end("before percpu_init"), 1);
    panics_begin();
    percpu_inc(watched);
    check_eq(panics_end("before percpu_init"), 1);
    panics_begin();
    percpu_dec(watched);
    check_eq(panics_end("before percpu_init"), 1);
    panics_begin();
    (void)percpu_try_cmpxchg(watched, &expected, 3);
    check_eq(panics_end("before percpu_init"), 1);
    panics_begin();
    percpu_and(watched, (word)-1);
    percpu_or(watched, 0);
    percpu_xor(watched, 0);
    check_eq(panics_end("before percpu_init"), 3);
    panics_begin();
    (void)percpu_add_return(watched, 0);
    (void)percpu_fetch_add(watched, 0);
    (void)percpu_xchg(watched, 3);
    check_eq(panics_end("before percpu_init"), 3);
    /* Questions are allowed. */
    check(percpu_area_num() > 0 && percpu_area_size() > 0);
    check(percpu_remote_ptr(watched, 0) == NULL);
}

static PERCPU_DEFINE(struct percpu_list, listed);

TEST(list_before_init)
{
    struct percpu_list_node node;

    lose_register();
#if HARNESS_BARE
    /* What goes on after the report finds an area here whose lists are empty, also by its delta. */
    const uintptr_t area = percpu_read_reg();

    memset((void *)area, 0, stride());
    *(uintptr_t *)(area + percpu_offset(percpu__head.delta)) =
        area - (percpu_symbol_vma(watched) - percpu_offset(watched));
#endif
    panics_begin();
    (void)percpu_list_pop(listed);
    check_eq(panics_end("before percpu_init"), 1);
    panics_begin();
    percpu_list_push(listed, &node);
    check(panics_end("before percpu_init") > 0);
    panics_begin();
    check(percpu_list_take_all(listed) == &node);
    check_eq(panics_end("before percpu_init"), 1);
}

TEST(peer_access_after_fini)
{
    check(init_here());
    check_eq(percpu_init_reg(0), 0);
    check_eq(percpu_read(watched), 3);
    check_eq(percpu_fini(), 0);
    panics_begin();
    (void)percpu_cpu_id();
    check_eq(panics_end("before percpu_init"), 1);
}

/* -- A CPU or thread without a register -------------------------------------------------------- */

static void use_unbound(size_t cpu, void *unused)
{
    (void)unused;
    if (cpu == 0)
        return;
    lose_register();
    (void)percpu_read(watched);
    (void)percpu_current_ptr(watched);
}

TEST(peer_unbound_cpu)
{
    check(init_here());
    panics_begin();
    on_cpus(use_unbound, NULL);
    check_eq(panics_end("has not called percpu_init_reg"), 2 * (test_cpus() - 1));
    check_eq(percpu_fini(), 0);
}

#if !HARNESS_BARE
/*
 * It starts with its parent's register on x86_64, and must not take its parent's area for its own.
 */
static void *child_of_a_cpu(void *data)
{
    (void)data;
    (void)percpu_read(watched);
    (void)percpu_cpu_id();
    return NULL;
}

TEST(peer_new_thread_inherits_its_parents_area)
{
    pthread_t thread;

    check(init_here());
    check_eq(percpu_init_reg(0), 0);
    panics_begin();
    if (check_eq(pthread_create(&thread, NULL, child_of_a_cpu, NULL), 0))
        pthread_join(thread, NULL);
    check_eq(panics_end("has not called percpu_init_reg"), 2);
    check_eq(percpu_read(watched), 3); /* the parent still has it */
    check_eq(percpu_fini(), 0);
}
#endif

/*
 * Nor one that somebody else has written: a debugger, other code that uses it.
 */
TEST(debug_register_of_others)
{
    check(init_here());
    check_eq(percpu_init_reg(0), 0);
    percpu__check_current();
    panics_begin();
    write_register_only(percpu_area_base(0) + test_cpus() * stride()); /* behind all */
    percpu__check_current();
    write_register_only(percpu_symbol_vma(watched) - percpu_offset(watched)); /* a delta of 0 */
    percpu__check_current();
    check_eq(panics_end("has not called percpu_init_reg"), 2);
    percpu_write_reg(percpu_area_base(0));
    percpu__check_current();
    check_eq(percpu_fini(), 0);
}

#if HARNESS_BARE
/* There is no area at the delta by which the library knows that there is none. */
TEST(debug_register_of_a_cpu_without_area)
{
    unsigned char *p = area_memory(0, 2);

    check_eq(percpu_init_cpu(0, p), 1);
    check_eq(percpu_init_cpu(2, p + stride()), 1);
    panics_begin();
    write_register_only(percpu_symbol_vma(watched) - percpu_offset(watched) + PERCPU__ABSENT);
    percpu__check_current();
    check_eq(panics_end("has not called percpu_init_reg"), 1);
    percpu_write_reg(percpu_area_base(2));
    percpu__check_current();
    check_eq(percpu_fini(), 0);
}
#endif

/* -- Guards ------------------------------------------------------------------------------------ */

TEST(guard_that_moved)
{
    check(init_here());
    check_eq(percpu_init_reg(0), 0);
    panics_begin();
    percpu_with_current(watched, p) {
        check_eq(*p, 3);
        percpu_write_reg(percpu_area_base(1)); /* as if migrated */
    }
    check_eq(panics_end("ended on another CPU"), 1);
    percpu_write_reg(percpu_area_base(0));
    panics_begin();
    percpu_with_current(watched, p) {
        check_eq(*p, 3);
    }
    check_eq(panics_end(""), 0);
    check_eq(percpu_fini(), 0);
}

/* -- Nothing is reported without a cause ------------------------------------------------------- */

static void fine(size_t cpu, void *unused)
{
    (void)unused;
    percpu_write(watched, percpu_read(watched) + cpu);
    percpu_with_current(large, p) {
        percpu_with_current(watched, q) {
            (*p)[0] += *q;
        }
    }
    percpu_reset_to_init(large);
    check_eq(percpu_sum(large[2]), 3 * percpu_area_num());
    reports++;
}

static void all_fine(size_t bound)
{
    panics_begin();
    reports = 0;
    on_bound(fine, NULL);
    check_eq(reports, bound);
    check_eq(panics_end(""), 0);
}

TEST(debug_is_silent_when_all_is_well)
{
    with_areas(all_fine);
}

#endif
