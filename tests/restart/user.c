/* SPDX-License-Identifier: MIT */
/*
 * percpu_restart_pc() is for frames of kernel mode: a user's program counter that equals a
 * sequence's address is left alone. The same loop, in a sequence, runs in both modes.
 */
#include "harness.h"
#include "machine.h"

#include <percpu/percpu.h>

#define TICKS 20

/* tests/bare/<a>/user.S */
void sequence_loop(void *counts);

/* From the linker: distances to the begin and the end of each sequence. */
extern volatile intptr_t __start_percpu_restart[], __stop_percpu_restart[];

static volatile uint32_t counts[2]; /* in the sequence, and restarted */
static uint32_t last;
static unsigned grown; /* ticks since which the sequence went on */
static uintptr_t loop_frame, test_frame;
static volatile bool done;
static _Alignas(16) unsigned char stack[8192];

static size_t on_cpu_0(void)
{
    return 0;
}

/* To the loop, and back when it was restarted or went on long enough. */
static uintptr_t turn(uintptr_t frame)
{
    if (test_frame == 0) {
        test_frame = frame;
        return loop_frame;
    }
    if (!done) {
        grown += counts[0] != last;
        last = counts[0];
        done = counts[1] > 0 || grown == TICKS;
        return done ? test_frame : frame;
    }
    return frame;
}

static void run(uintptr_t (*make)(uintptr_t top, void (*entry)(void *arg), void *arg))
{
    check(percpu_restart_pc((uintptr_t)sequence_loop + 4) < (uintptr_t)sequence_loop);
    counts[0] = counts[1] = last = grown = 0;
    done = false;
    test_frame = 0;
    loop_frame = make((uintptr_t)stack + sizeof(stack), sequence_loop, (void *)(uintptr_t)counts);
    bare_return_pc = percpu_restart_pc;
    bare_task_cpu = on_cpu_0;
    bare_switch = turn;
    machine_timer_start(1000);
    machine_irq_on();
    while (!done)
        machine_relax();
    machine_irq_off();
    machine_timer_stop();
    bare_switch = NULL;
    bare_return_pc = NULL;
}

TEST(a_sequence_in_kernel_mode_is_restarted)
{
    run(machine_frame);
    check(counts[1] > 0);
}

TEST(a_sequence_in_user_mode_is_left_alone)
{
    run(machine_user_frame);
    check_eq(grown, TICKS);
    check_eq(counts[1], 0);
}

TEST(a_table_with_an_end_before_its_begin_is_refused)
{
    intptr_t end = __start_percpu_restart[1];

    __start_percpu_restart[1] = __start_percpu_restart[0] - 8;
    check_eq(percpu_init_in_place(), -PERCPU_ERESTART);
    __start_percpu_restart[1] = end;
    check_eq(percpu_init_in_place(), (int)percpu_area_num());
    check_eq(percpu_fini(), 0);
}

/* Each word takes the place of the one opposite. */
static void turn_around(volatile intptr_t *first, volatile intptr_t *end)
{
    for (end -= 2; first < end; first += 2, end -= 2)
        for (int word = 0; word < 2; word++) {
            intptr_t distance = (intptr_t)end - (intptr_t)first, was = first[word];
            first[word] = end[word] + distance;
            end[word] = was - distance;
        }
}

TEST(a_table_out_of_order_is_sorted)
{
    uintptr_t before = 0;
    unsigned wrong = 0, n = 0;

    for (int turn = 0; turn < 2; turn++) { /* one of them at least is out of order */
        turn_around(__start_percpu_restart, __stop_percpu_restart);
        check_eq(percpu_init_in_place(), (int)percpu_area_num());
        check_eq(percpu_fini(), 0);
        before = 0;
        for (volatile intptr_t *e = __start_percpu_restart; e < __stop_percpu_restart;
             e += 2, n++) {
            uintptr_t begin = (uintptr_t)e + (uintptr_t)e[0];
            uintptr_t inside = (uintptr_t)(e + 1) + (uintptr_t)e[1] - 1;
            wrong += begin < before || percpu_restart_pc(inside) != begin;
            before = inside;
        }
    }
    check(n >= 4);
    check_eq(wrong, 0);
    check(percpu_restart_pc((uintptr_t)sequence_loop + 4) < (uintptr_t)sequence_loop);
}
