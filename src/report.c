/* SPDX-License-Identifier: MIT */
/*
 * percpu__report(): every call of percpu_panic() that the library makes. A percpu_panic() that prints
 * by code that uses per-CPU data comes here again, since what was wrong still is. The second report
 * traps, before any of it is printed; a third, of the trap's handler, waits.
 *
 * It runs on CPUs whose register is not set, and before caches are on: no per-CPU data unless the
 * register holds an area's delta, and no atomic instruction.
 */
#include "areas.h"

PERCPU__HIDDEN const char *volatile percpu_panic_message;

/*
 * A record of the call in progress: the low bits of its frame's address, a multiple of 4, and
 * marks. 0: there is none. A call from deeper in the stack is a call from inside of it; one that is
 * not was made after percpu_panic() had been left by longjmp(), or on another stack.
 */
enum { PRESENT = 1, STOPPED = 2, MARKS = 3 };

static bool is_inside(uint32_t record, uint32_t frame, uint32_t depth)
{
    return record != 0 && (record & ~(uint32_t)MARKS) - frame - 1 < depth;
}

#if defined(PERCPU_PLATFORM_BARE)
/*
 * CPUs without an area are known by their stacks. The stack of another CPU may lie above, so frames
 * of one stack are those that are no further apart than `SAME_STACK` bytes.
 */
enum { SAME_STACK = 4096 };
static volatile uint32_t without_area[4];

/* Before caches are on two CPUs may take the same record, and then one may report once more. */
static bool take(volatile uint32_t *record, uint32_t was, uint32_t now)
{
    if (percpu__reg_check() == 0 && percpu__atomics_work())
        return __atomic_compare_exchange_n(record, &was, now, false, __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED);
    *record = now;
    return true;
}

/* The record of this CPU, taken, or null: this call is from inside of that of `*inside`. */
static volatile uint32_t *begin(uint32_t frame, volatile uint32_t **inside)
{
    *inside = NULL;
    if (percpu__limit != 0 && percpu__reg_valid()) {
        volatile uint32_t *record = &percpu__head_at(percpu__reg_read())->report;
        if (is_inside(*record, frame, INT32_MAX)) {
            *inside = record;
            return NULL;
        }
        *record = frame | PRESENT;
        return record;
    }
    for (size_t i = 0; i < sizeof(without_area) / sizeof(without_area[0]); i++)
        if (is_inside(without_area[i], frame, SAME_STACK)) {
            *inside = &without_area[i];
            return NULL;
        }
    for (size_t i = 0; i < sizeof(without_area) / sizeof(without_area[0]); i++) {
        uint32_t was = without_area[i];
        if ((was == 0 || (was & ~(uint32_t)MARKS) == frame) &&
            take(&without_area[i], was, frame | PRESENT))
            return &without_area[i];
    }
    return NULL;
}
#else
#if __STDC_HOSTED__
static __thread volatile uint32_t report;
#else
static volatile uint32_t report; /* single */
#endif

static volatile uint32_t *begin(uint32_t frame, volatile uint32_t **inside)
{
    *inside = &report;
    if (is_inside(report, frame, INT32_MAX))
        return NULL;
    report = frame | PRESENT;
    return &report;
}
#endif

/* A test's function may be told that a report stops, and whether another has; it goes on. */
#ifdef PERCPU__STOPPED
void PERCPU__STOPPED(bool again) PERCPU__HIDDEN;
#endif

/* Null: there was no record left for this CPU. */
static void stop(volatile uint32_t *record)
{
    bool again = record && *record & STOPPED;

    if (record)
        *record |= STOPPED;
#ifdef PERCPU__STOPPED
    PERCPU__STOPPED(again);
#else
    if (!again || __STDC_HOSTED__)
        __builtin_trap();
    for (;;) /* a debugger finds the CPU here, and what called */
        percpu__relax();
#endif
}

/* Not inline: its frame is that of the report. */
__attribute__((noinline)) void percpu__report(const char *message)
{
    const uint32_t frame = (uint32_t)(uintptr_t)__builtin_frame_address(0) & ~(uint32_t)MARKS;
    volatile uint32_t *inside, *record = begin(frame, &inside);

    if (!record) {
        stop(inside);
        return;
    }
    percpu_panic_message = message;
    percpu_panic(message);
    *record = 0;
    if (percpu_panic_message == message) /* it may be on a stack */
        percpu_panic_message = NULL;
}
