/* SPDX-License-Identifier: MIT */
/*
 * percpu__report() makes every call of percpu_panic(). If percpu_panic() uses per-CPU data itself,
 * the same mistake is reported again, recursively: the second report traps, before any of it is
 * printed. In a kernel a third report, in the trap's handler, waits.
 *
 * percpu__report() runs on CPUs whose register is not set, and before caches are on: it uses no
 * per-CPU data unless the register holds an area's delta, and atomic instructions only if they
 * work.
 */
#include "areas.h"

PERCPU__HIDDEN const char *volatile percpu_panic_message;

/* A report in progress, on the stack of percpu__report(). */
struct report {
    struct report *volatile self;
    volatile bool stopped;
};

#if defined(PERCPU_PLATFORM_BARE)
/*
 * The record of a report in progress: the low bits of its frame's address, a multiple of 4, and
 * marks; 0 for none. A report whose frame is deeper in the stack is nested in the report in
 * progress; any other was made after percpu_panic() had been left, or on another stack.
 */
typedef volatile uint32_t record;
enum { PRESENT = 1, STOPPED = 2, MARKS = 3 };

static bool is_inside(uint32_t was, uint32_t frame, uint32_t depth)
{
    return was != 0 && (was & ~(uint32_t)MARKS) - frame - 1 < depth;
}

/*
 * CPUs without an area are known by their stacks. The stack of another CPU may lie above, so two
 * frames count as one stack's if they are no further apart than `SAME_STACK` bytes.
 */
enum { SAME_STACK = 4096 };
static record without_area[4];

/* Before caches are on two CPUs may take the same record, and then one may report once more. */
static bool take_record(record *r, uint32_t was, uint32_t now)
{
    if (percpu__atomics_work())
        return __atomic_compare_exchange_n(r, &was, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    *r = now;
    return true;
}

/*
 * Takes a record for this CPU. Null: this report is nested in *outer, or if *outer is null, no
 * record is free.
 */
static record *report_begin(const struct report *report, record **outer)
{
    uint32_t frame = (uint32_t)(uintptr_t)report & ~(uint32_t)MARKS;

    *outer = NULL;
    if (percpu__limit != 0 && percpu__reg_valid()) {
        record *mine = &percpu__head_at(percpu__reg_read())->report;
        if (is_inside(*mine, frame, INT32_MAX)) {
            *outer = mine;
            return NULL;
        }
        *mine = frame | PRESENT;
        return mine;
    }
    for (size_t i = 0; i < sizeof(without_area) / sizeof(without_area[0]); i++)
        if (is_inside(without_area[i], frame, SAME_STACK)) {
            *outer = &without_area[i];
            return NULL;
        }
    for (size_t i = 0; i < sizeof(without_area) / sizeof(without_area[0]); i++) {
        uint32_t was = without_area[i];
        if ((was == 0 || (was & ~(uint32_t)MARKS) == frame) &&
            take_record(&without_area[i], was, frame | PRESENT))
            return &without_area[i];
    }
    return NULL;
}

static bool set_stopped(record *r)
{
    bool was = r && *r & STOPPED;

    if (r)
        *r |= STOPPED;
    return was;
}

static void report_end(record *r, const struct report *report)
{
    (void)report;
    *r = 0;
}
#else
/*
 * The report in progress of this thread (freestanding single: of the CPU). A report that
 * percpu_panic() has left by longjmp() is not in progress: its `self` is overwritten, or the new
 * report is not deeper in the stack.
 */
typedef struct report *volatile record;
#if __STDC_HOSTED__
static __thread record last;
#else
static record last;
#endif

static record *report_begin(struct report *report, record **outer)
{
    *outer = &last;
    if (last && (uintptr_t)last > (uintptr_t)report && last->self == last)
        return NULL;
    report->self = last = report;
    return &last;
}

static bool set_stopped(record *r)
{
    bool was = (*r)->stopped;

    (*r)->stopped = true;
    return was;
}

/* A report on another stack may have replaced this one, and have ended. */
static void report_end(record *r, struct report *report)
{
    report->self = NULL;
    if (*r == report)
        *r = NULL;
}
#endif

/*
 * Tests define a function to be called in place of the trap; `again`: an earlier nested report has
 * stopped.
 */
#ifdef PERCPU__STOPPED
void PERCPU__STOPPED(bool again) PERCPU__HIDDEN;
#endif

/* Ends a report that is nested in `outer`, or (null) for which no record was left. */
static void stop_nested(record *outer)
{
    bool again = set_stopped(outer);

#ifdef PERCPU__STOPPED
    PERCPU__STOPPED(again);
#else
    if (!again || __STDC_HOSTED__)
        __builtin_trap();
    for (;;) /* a debugger finds the CPU here, with its callers */
        percpu__relax();
#endif
}

/*
 * Not inlined, so that `report` is in the frame of this report. AddressSanitizer would move it
 * elsewhere, where addresses do not tell which frame is deeper.
 */
__attribute__((noinline, no_sanitize("address"), no_sanitize("hwaddress"))) void
percpu__report(const char *message)
{
    struct report report = {NULL, false};
    record *outer, *mine = report_begin(&report, &outer);

    if (!mine) {
        stop_nested(outer);
        return;
    }
    percpu_panic_message = message;
    percpu_panic(message);
    report_end(mine, &report);
    if (percpu_panic_message == message) /* the text may be on a stack */
        percpu_panic_message = NULL;
}
