/* SPDX-License-Identifier: MIT */
/*
 * usage: sections
 * Variables are in two sections, which linkers place in the order in which they come up: either one
 * first (OTHER_ORDER), either one more strictly aligned (ALIGN, ALIGN_ISOLATED).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#ifndef ALIGN
#define ALIGN 64
#endif
#ifndef ALIGN_ISOLATED
#define ALIGN_ISOLATED 64
#endif

#ifdef OTHER_ORDER
static PERCPU_DEFINE_ISOLATED(long, lone) __attribute__((aligned(ALIGN_ISOLATED))) = 5;
static PERCPU_DEFINE(long, other) __attribute__((aligned(ALIGN))) = 6;
#else
static PERCPU_DEFINE(long, other) __attribute__((aligned(ALIGN))) = 6;
static PERCPU_DEFINE_ISOLATED(long, lone) __attribute__((aligned(ALIGN_ISOLATED))) = 5;
#endif

int main(void)
{
    end_if_it_hangs();
#ifdef PERCPU_PLATFORM_THREAD
    CHECK(percpu_init_in_place() > 0);
    CHECK(percpu_init_reg(0) == 0);
#endif
    percpu_for_each(cpu) {
        CHECK(percpu_remote_read(lone, cpu) == 5 && percpu_remote_read(other, cpu) == 6);
        CHECK((uintptr_t)percpu_remote_ptr(lone, cpu) % ALIGN_ISOLATED == 0);
        CHECK((uintptr_t)percpu_remote_ptr(other, cpu) % ALIGN == 0);
    }
    percpu_write(lone, 15);
    percpu_write(other, 16);
    percpu_reset_to_init(lone);
    percpu_reset_to_init(other);
    CHECK(percpu_read(lone) == 5 && percpu_read(other) == 6);
    return right();
}
