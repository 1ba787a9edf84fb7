/* SPDX-License-Identifier: MIT */
/*
 * Updates against an interrupt handler that makes the same update of the same variable, on every
 * CPU at once: none may be lost, on either side. Run with one instruction per translation block
 * (tools/qemu-run --singlestep), since TCG takes interrupts between blocks only; the last test, an
 * unprotected update, must lose some, or the others prove nothing.
 */
#include "harness.h"
#include "machine.h"

#include <percpu/percpu.h>

#ifndef TICKS
#define TICKS 150 /* per operation and CPU */
#endif
#define HZ 4000

/* What one CPU's main code and handler have done. Plain arrays: an oracle without percpu. */
static struct {
    volatile unsigned ticks;
    unsigned steps;
    unsigned wrong;
    uint64_t main_token[4], tick_token[4]; /* xchg: what each side holds, by size */
    bool main_bit, tick_bit;
} side[MACHINE_MAX_CPUS];

static PERCPU_DEFINE(uint8_t, v8);
static PERCPU_DEFINE(uint16_t, v16);
static PERCPU_DEFINE(uint32_t, v32);
static PERCPU_DEFINE(uint64_t, v64);

struct operation {
    void (*main_step)(size_t cpu);
    void (*tick_step)(size_t cpu);
    void (*verdict)(size_t cpu); /* counts into side[cpu].wrong */
};

static const struct operation *volatile now;

/* -- Sums: both sides add 1 a time ------------------------------------------------------------- */

static void sum_verdict(size_t cpu)
{
    unsigned all = side[cpu].steps + side[cpu].ticks;
    side[cpu].wrong += percpu_read(v8) != (uint8_t)all;
    side[cpu].wrong += percpu_read(v16) != (uint16_t)all;
    side[cpu].wrong += percpu_read(v32) != all;
    side[cpu].wrong += percpu_read(v64) != all;
}

#define FOUR(macro) macro(v8) macro(v16) macro(v32) macro(v64)

#define SUM(name, macro)                                                                           \
    static void name##_step(size_t cpu)                                                            \
    {                                                                                              \
        (void)cpu;                                                                                 \
        FOUR(macro)                                                                                \
    }                                                                                              \
    static const struct operation name = {name##_step, name##_step, sum_verdict};

#define DO_ADD(v) percpu_add(v, 1);
#define DO_SUB(v) percpu_sub(v, -1);
#define DO_INC(v) percpu_inc(v);
#define DO_DEC(v) percpu_dec(v), percpu_add(v, 2);
#define DO_ADD_RETURN(v) side[cpu].wrong += percpu_add_return(v, 1) == 0 && sizeof(v##_type) > 2;
#define DO_FETCH_ADD(v) (void)percpu_fetch_add(v, 1);
#define DO_CMPXCHG(v)                                                                              \
    for (;;) {                                                                                     \
        __typeof__(percpu_read(v)) seen = percpu_read(v);                                          \
        if (percpu_cmpxchg(v, seen, (__typeof__(seen))(seen + 1)) == seen)                         \
            break;                                                                                 \
    }
#define DO_TRY_CMPXCHG(v)                                                                          \
    {                                                                                              \
        __typeof__(percpu_read(v)) seen = percpu_read(v);                                          \
        while (!percpu_try_cmpxchg(v, &seen, (__typeof__(seen))(seen + 1))) {                      \
        }                                                                                          \
    }
#define DO_WITH_IRQ(v)                                                                             \
    percpu_with_current_irq(v, p)                                                                  \
        ++*p;
#define DO_UNPROTECTED(v) percpu_write_raw(v, (__typeof__(percpu_read(v)))(percpu_read_raw(v) + 1));

typedef uint8_t v8_type;
typedef uint16_t v16_type;
typedef uint32_t v32_type;
typedef uint64_t v64_type;

SUM(add, DO_ADD)
SUM(sub, DO_SUB)
SUM(inc, DO_INC)
SUM(dec, DO_DEC)
SUM(add_return, DO_ADD_RETURN)
SUM(fetch_add, DO_FETCH_ADD)
SUM(cmpxchg, DO_CMPXCHG)
SUM(try_cmpxchg, DO_TRY_CMPXCHG)
SUM(with_current_irq, DO_WITH_IRQ)
SUM(unprotected, DO_UNPROTECTED)

/* -- Bits: each side owns one, and finds it as it left it -------------------------------------- */

#define MAIN_BIT 1
#define TICK_BIT 2

#define BIT_IS(v) ((percpu_read(v) & bit) != 0) != *state ||
#define SET(v) percpu_or(v, bit);
#define CLEAR(v) percpu_and(v, ~bit);
#define FLIP(v) percpu_xor(v, bit);

static void and_or(size_t cpu, unsigned bit, bool *state)
{
    side[cpu].wrong += FOUR(BIT_IS) false;
    *state = !*state;
    if (*state) {
        FOUR(SET)
    } else {
        FOUR(CLEAR)
    }
}

static void flip(size_t cpu, unsigned bit, bool *state)
{
    side[cpu].wrong += FOUR(BIT_IS) false;
    *state = !*state;
    FOUR(FLIP)
}

#define BITS(name)                                                                                 \
    static void name##_main(size_t cpu)                                                            \
    {                                                                                              \
        name(cpu, MAIN_BIT, &side[cpu].main_bit);                                                  \
    }                                                                                              \
    static void name##_tick(size_t cpu)                                                            \
    {                                                                                              \
        name(cpu, TICK_BIT, &side[cpu].tick_bit);                                                  \
    }                                                                                              \
    static void name##_verdict(size_t cpu)                                                         \
    {                                                                                              \
        name##_main(cpu);                                                                          \
        name##_tick(cpu);                                                                          \
    }                                                                                              \
    static const struct operation name##_bits = {name##_main, name##_tick, name##_verdict};

BITS(and_or)
BITS(flip)

/* -- xchg: three tokens, one in the variable and one on each side ------------------------------ */

static void swap(uint64_t token[4])
{
    token[0] = percpu_xchg(v8, (uint8_t)token[0]);
    token[1] = percpu_xchg(v16, (uint16_t)token[1]);
    token[2] = percpu_xchg(v32, (uint32_t)token[2]);
    token[3] = percpu_xchg(v64, token[3]);
}

static void xchg_main(size_t cpu)
{
    swap(side[cpu].main_token);
}

static void xchg_tick(size_t cpu)
{
    swap(side[cpu].tick_token);
}

static void xchg_verdict(size_t cpu)
{
    const uint64_t in[] = {percpu_read(v8), percpu_read(v16), percpu_read(v32), percpu_read(v64)};
    for (int i = 0; i < 4; i++)
        side[cpu].wrong +=
            (1u << in[i] | 1u << side[cpu].main_token[i] | 1u << side[cpu].tick_token[i]) != 7;
}

static const struct operation xchg = {xchg_main, xchg_tick, xchg_verdict};

/* -- One race ---------------------------------------------------------------------------------- */

static void tick(void)
{
    size_t cpu = test_cpu();
    if (side[cpu].ticks < TICKS) {
        now->tick_step(cpu);
        side[cpu].ticks++;
    }
}

static void race(size_t cpu, void *data)
{
    (void)data;
    percpu_write(v8, 0);
    percpu_write(v16, 0);
    percpu_write(v32, 0);
    percpu_write(v64, 0);
    side[cpu].ticks = side[cpu].steps = side[cpu].wrong = 0;
    side[cpu].main_bit = side[cpu].tick_bit = false;
    for (int i = 0; i < 4; i++) {
        side[cpu].main_token[i] = 1;
        side[cpu].tick_token[i] = 2;
    }
    machine_timer_start(HZ);
    machine_irq_on();
    while (side[cpu].ticks < TICKS) {
        now->main_step(cpu);
        side[cpu].steps++;
    }
    machine_irq_off();
    machine_timer_stop();
    now->verdict(cpu);
}

static void set_up(size_t cpu, void *data)
{
    (void)data;
    side[cpu].wrong += percpu_init_reg(cpu) != 0;
}

#ifdef PERCPU_RESTART
static bool restarting = true; /* does the return from an interrupt call percpu_restart_pc()? */
#endif

/* How many CPUs (times sizes) have lost something. */
static unsigned losses(const struct operation *operation)
{
    unsigned wrong = 0;
    bool initialised = percpu_init_in_place() > 0;

    check(initialised);
    now = operation;
#ifdef PERCPU_RESTART
    bare_return_pc = restarting ? percpu_restart_pc : NULL;
#endif
    on_cpus(set_up, NULL);
    bare_tick = tick;
    on_cpus(race, NULL);
    bare_tick = NULL;
    for (size_t cpu = 0; cpu < test_cpus(); cpu++)
        wrong += side[cpu].wrong;
    check_eq(percpu_fini(), 0);
    return wrong;
}

#define RACE(name)                                                                                 \
    TEST(no_update_lost_by_##name)                                                                 \
    {                                                                                              \
        check_eq(losses(&name), 0);                                                                \
    }

RACE(add)
RACE(sub)
RACE(inc)
RACE(dec)
RACE(add_return)
RACE(fetch_add)
RACE(and_or_bits)
RACE(flip_bits)
RACE(xchg)
RACE(cmpxchg)
RACE(try_cmpxchg)
RACE(with_current_irq)

TEST(an_unprotected_update_loses_some)
{
    unsigned wrong = losses(&unprotected);
    note("lost on %u of %u variables", wrong, (unsigned)test_cpus() * 4);
    check(wrong > 0);
}

#ifdef PERCPU_RESTART
TEST(without_the_restart_some_are_lost)
{
    unsigned wrong;

    restarting = false;
    wrong = losses(&add);
    restarting = true;
    note("lost on %u of %u variables", wrong, (unsigned)test_cpus() * 4);
    check(wrong > 0);
}
#endif
