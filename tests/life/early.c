/* SPDX-License-Identifier: MIT */
/*
 * usage: early
 * rseq: what the calls answer before the library's constructor has run. With PERCPU_DEBUG an access
 * is reported.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>
#include <percpu/list.h>

#include "hang.h"

#include <setjmp.h>
#include <string.h>

static PERCPU_DEFINE(long, value) = 7;
static PERCPU_DEFINE(struct percpu_list, list);

static jmp_buf after;
static int reports, expected;

void percpu_panic(const char *message)
{
    CHECK(expected && strstr(message, expected == 2 ? "designates no variable"
                                                    : "before the constructors have run"));
    reports++;
    longjmp(after, 1);
}

#ifdef PERCPU_DEBUG
#define REPORTED(access)                                                                           \
    do {                                                                                           \
        int before = reports;                                                                      \
        expected = 1;                                                                              \
        if (setjmp(after) == 0)                                                                    \
            access;                                                                                \
        expected = 0;                                                                              \
        CHECK(reports == before + 1);                                                              \
    } while (0)
#else
#define REPORTED(access) (void)after, (void)expected
#endif

static sigjmp_buf jump;

static void on_fault(int number)
{
    (void)number;
    siglongjmp(jump, 1);
}

/* Without PERCPU_DEBUG it ends at the address: no initial value is changed. */
#ifdef PERCPU_DEBUG
#define FAULTS(access) (void)0
#else
#define FAULTS(access)                                                                             \
    do {                                                                                           \
        if (sigsetjmp(jump, 1) == 0) {                                                             \
            access;                                                                                \
            CHECK(!"a fault");                                                                     \
        }                                                                                          \
    } while (0)
#endif

__attribute__((constructor(100))) static void come_first(void)
{
    static struct percpu_list_node node;

    (void)node;
    CHECK(strcmp(percpu_info(), "not started") == 0);
    CHECK(percpu_area_num() == 0);
    CHECK(percpu_area_base(0) == 0);
    CHECK(percpu_init_cpu(0, NULL) == -PERCPU_ERANGE);
    CHECK(!percpu_alloc(long));
    CHECK(percpu_alloc_stats().reserved == 0);
    REPORTED(percpu_add(value, 1));
    REPORTED((void)percpu_read(value));
    REPORTED(percpu_write(value, 1));
    REPORTED(percpu_list_push(list, &node));
    REPORTED((void)percpu_list_pop(list));
    REPORTED((void)percpu_list_take_all(list));
    signal(SIGSEGV, on_fault);
    FAULTS(percpu_add(value, 1));
    FAULTS((void)percpu_read(value));
    FAULTS(percpu_write(value, 1));
    FAULTS(*percpu_remote_ptr_raw(value, 0) = 1);
    signal(SIGSEGV, SIG_DFL);
    /* No module is there to know the variable. */
    reports = 0;
    expected = 2;
    if (setjmp(after) == 0)
        percpu_reset_to_init(value);
    CHECK(reports == 1);
    expected = 0;
}

int main(void)
{
    long PERCPU *p = percpu_alloc(long);

    end_if_it_hangs();
    CHECK(p);
    percpu_free(p);
    CHECK(percpu_sum(value) == 7 * (long)percpu_area_num());
    percpu_add(value, 1);
    percpu_add(value, 1); /* which PERCPU_DEBUG knows already */
    CHECK(percpu_sum(value) == 7 * (long)percpu_area_num() + 2);
    return right();
}
