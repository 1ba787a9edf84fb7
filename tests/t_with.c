/* SPDX-License-Identifier: MIT */
/* percpu_with_current and its _irq form: every way out gives the guard back. */
#include "areas.h"

#if defined(PERCPU_PLATFORM_SINGLE) && !HARNESS_BARE
#include <signal.h>
#endif

struct pair {
    word a, b;
};

static PERCPU_DEFINE(struct pair, pair) = {1, 2};
static PERCPU_DEFINE(word[4], slot) = {1, 2, 3, 4};

static void block_body(size_t cpu, void *unused)
{
    word *outside;

    (void)unused;
    percpu_with_current(pair, p) {
        check_eq(guards_held(), WITH_HOOKS(1));
        check_eq(p->a, 1);
        p->a += cpu + 10;
        p->b = p->a;
        check(p == percpu_current_ptr(pair));
        outside = &p->a;
    }
    check_eq(guards_held(), 0);
    check_eq(percpu_read(pair.a), 11 + cpu);
    check_eq(percpu_read(pair.b), 11 + cpu);
    check_eq(*outside, 11 + cpu);
    percpu_with_current(slot[cpu % 4], p)
        *p = 9; /* one statement, an element */
    check_eq(percpu_read(slot[cpu % 4]), 9);
    check_eq(guards_held(), 0);
    percpu_with_current_at(&percpu_addr(pair)->b, p) {
        *p = 7;
    }
    check_eq(percpu_read(pair.b), 7);
    check_eq(guards_held(), 0);
}

static void block(size_t bound)
{
    (void)bound;
    on_bound(block_body, NULL);
}

/* With PERCPU_PREEMPT the guard is not empty, whatever else the kernel consists of. */
TEST(peer_with_current_calls_the_hooks)
{
    with_areas(block);
}

static PERCPU_DEFINE(struct pair, way) = {1, 2};
static PERCPU_DEFINE(word[4], path) = {1, 2, 3, 4};

static int leave_by_return(int how)
{
    percpu_with_current(way, p) {
        check_eq(guards_held(), WITH_HOOKS(1));
        if (how == 1)
            return (int)p->b;
        percpu_with_current(path, q) {
            check_eq(guards_held(), WITH_HOOKS(2));
            if (how == 2)
                return (int)(*q)[2];
        }
        check_eq(guards_held(), WITH_HOOKS(1));
    }
    return -1;
}

static void ways_out(size_t bound)
{
    int runs = 0, loops = 0;

    (void)bound;
    /* break leaves the block, not the loop around it. */
    for (loops = 0; loops < 3; loops++) {
        percpu_with_current(way, p) {
            runs++;
            if (p->a == 1)
                break;
            runs += 100;
        }
        check_eq(guards_held(), 0);
    }
    check_eq(loops, 3);
    check_eq(runs, 3);

    runs = 0;
    for (loops = 0; loops < 3; loops++) {
        percpu_with_current(way, p) {
            runs++;
            if (p->a == 1)
                continue;
            runs += 100;
        }
        check_eq(guards_held(), 0);
    }
    check_eq(loops, 3);
    check_eq(runs, 3);

    check_eq(leave_by_return(1), 2);
    check_eq(guards_held(), 0);
    check_eq(leave_by_return(2), 3);
    check_eq(guards_held(), 0);
    check_eq(leave_by_return(0), -1);
    check_eq(guards_held(), 0);

    runs = 0;
    percpu_with_current(way, p) {
        percpu_with_current(path, q) {
            (*q)[0]++;
            p->a++;
            goto out;
        }
        runs += 100;
    }
    runs += 100;
out:
    check_eq(runs, 0);
    check_eq(guards_held(), 0);
    check_eq(percpu_read(path[0]), 2);
    check_eq(percpu_read(way.a), 2);

    /* A loop in the block keeps its own break. */
    percpu_with_current(way, p) {
        for (int i = 0; i < 5; i++)
            if (i == 2)
                break;
            else
                p->b++;
        check_eq(p->b, 4);
        runs++;
    }
    check_eq(runs, 1);

    /* As the body of an if without braces, with an else. */
    if (runs == 1)
        percpu_with_current(way, p)
            p->a = 20;
    else
        runs = 50;
    check_eq(percpu_read(way.a), 20);
    check_eq(runs, 1);
}

TEST(every_way_out_releases_the_guard)
{
    with_areas(ways_out);
}

static PERCPU_DEFINE(struct pair, nest) = {1, 2};

/* C has no exclusive references: a nested block gets the same object, and both see every change. */
static void nested(size_t bound)
{
    (void)bound;
    percpu_with_current(nest, p) {
        percpu_with_current(nest, q) {
            check(p == q);
            check_eq(guards_held(), WITH_HOOKS(2));
            q->a = 10;
            check_eq(p->a, 10);
            p->a = 11;
            check_eq(q->a, 11);
            check_eq(percpu_read(nest.a), 11);
            percpu_write(nest.a, 12);
            check_eq(p->a + q->a, 24);
        }
        check_eq(guards_held(), WITH_HOOKS(1));
        percpu_with_current(nest.b, r) {
            *r = p->a;
        }
        check_eq(p->b, 12);
    }
    check_eq(guards_held(), 0);
}

TEST(peer_nested_with_current)
{
    with_areas(nested);
}

/* Nobody else has the guard: `else` is for others' blocks (t_rseq.c). */
static void tries(size_t bound)
{
    int runs = 0, loops = 0;

    (void)bound;
    percpu_try_with_current(nest, p) {
        check_eq(guards_held(), WITH_HOOKS(1));
        p->a = 30;
        percpu_try_with_current_at(&percpu_addr(nest)->b, q)
            *q = p->a + 1;
        else
            runs = 100;
        check_eq(guards_held(), WITH_HOOKS(1));
        runs++;
    } else {
        runs = 100;
    }
    check_eq(guards_held(), 0);
    check_eq(runs, 1);
    check_eq(percpu_read(nest.a) + percpu_read(nest.b), 61);
    for (loops = 0; loops < 3; loops++) {
        percpu_try_with_current(nest, p) {
            if (p->a == 30)
                break;
            runs = 100;
        }
        check_eq(guards_held(), 0);
    }
    check_eq(loops, 3);
    check_eq(runs, 1);
}

/* It counts as an `if`: the first `else` behind it is its own. Compilers ask for braces. */
static void others_else(size_t bound)
{
    bool wanted = bound == 0;
    int runs = 0;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdangling-else"
    if (wanted)
        percpu_try_with_current(nest, p)
            runs += p->a != 0;
        else
            runs += 100;
    if (wanted)
        percpu_try_with_current(nest, p)
            runs += p->a != 0;
        else
            runs += 100;
    else
        runs += 7;
#pragma GCC diagnostic pop
    check_eq(runs, 7);
    check_eq(guards_held(), 0);
}

TEST(try_with_current_has_its_else)
{
    with_areas(others_else);
}

TEST(peer_try_with_current)
{
    with_areas(tries);
}

#ifdef TEST_HOOKS
static PERCPU_DEFINE(word, counted);
static PERCPU_DEFINE(word[9], large);

/* What is one instruction does not call the hooks; what is not, does, and in pairs. */
static unsigned calls;

static void hooks(size_t bound)
{
    const bool one = PERCPU__ONE_INSTRUCTION(sizeof(word), PERCPU__WHERE(__PERCPU_counted));

    (void)bound;
    calls = hook_calls();
    percpu_write_raw(counted, percpu_read_raw(counted));
    check(percpu_current_ptr(counted) == percpu_remote_ptr(counted, percpu_cpu_id()));
    check_eq(percpu_remote_read(counted, 0), percpu_sum(counted));
    check_eq(hook_calls(), calls);
    percpu_write(counted, percpu_read(counted));
    check_eq(hook_calls(), calls + (one ? 0 : 4));
    check_eq(guards_held(), 0);
    calls = hook_calls();
    percpu_with_current(counted, p)
        *p = 3;
    check_eq(hook_calls(), calls + 2);
    percpu_reset_to_init(large);
    check_eq(hook_calls(), calls + 4);
}

TEST(hooks_are_called_where_needed)
{
    with_areas(hooks);
}
#endif

/* -- Interrupts off ---------------------------------------------------------------------------- */

#if !defined(PERCPU_PLATFORM_THREAD) && !defined(PERCPU_PLATFORM_RSEQ)

/* Would an interrupt (hosted: a signal) be taken now? */
static bool irq_is_on(void)
{
#if HARNESS_BARE
    bool on = machine_irq_off();

    if (on)
        machine_irq_on();
    return on;
#else
    sigset_t blocked;

    sigprocmask(SIG_SETMASK, NULL, &blocked);
    return !sigismember(&blocked, SIGUSR1);
#endif
}

static void set_irq(bool on)
{
#if HARNESS_BARE
    if (on)
        machine_irq_on();
    else
        machine_irq_off();
#else
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    sigprocmask(on ? SIG_UNBLOCK : SIG_BLOCK, &one, NULL);
#endif
}

static PERCPU_DEFINE(struct pair, irq_pair) = {1, 2};

static int irq_return(bool nested_too)
{
    percpu_with_current_irq(irq_pair, p) {
        check(!irq_is_on());
        if (!nested_too)
            return (int)p->a;
        percpu_with_current_irq_at(&percpu_addr(irq_pair)->b, q) {
            check(!irq_is_on());
            return (int)*q;
        }
    }
    return -1;
}

/* Where interrupts are turned off for an access, it leaves them as they were. */
static PERCPU_DEFINE(uint64_t, irq_wide);

static void irq_body(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    for (int on = 0; on <= 1; on++) {
#ifdef PERCPU_PREEMPT_IRQ
        const int in_block = 0; /* the mask is the guard */
#else
        const int in_block = on;
#endif
        set_irq(on);
        check_eq(irq_is_on(), on);
        percpu_inc(irq_wide);
        check_eq(irq_is_on(), on);
        (void)percpu_cmpxchg(irq_wide, 0, 1);
        check_eq(irq_is_on(), on);
        percpu_write(irq_wide, 2);
        check_eq(irq_is_on(), on);
        check_eq(percpu_read(irq_wide), 2);
        check_eq(irq_is_on(), on);
        percpu_with_current_irq(irq_pair, p) {
            check(!irq_is_on());
            check(p == percpu_current_ptr(irq_pair));
        }
        check_eq(irq_is_on(), on);

        percpu_with_current_irq(irq_pair, p) {
            percpu_with_current_irq(irq_pair.b, q) {
                check(!irq_is_on());
                *q = p->b;
            }
            check(!irq_is_on()); /* the inner block's end does not turn them on */
            percpu_with_current(irq_pair.a, q) {
                check_eq(*q, 1);
            }
            check(!irq_is_on());
        }
        check_eq(irq_is_on(), on);

        percpu_with_current(irq_pair, p) {
            check_eq(irq_is_on(), in_block);
            percpu_with_current_irq(irq_pair, q) {
                check(p == q);
                check(!irq_is_on());
            }
            check_eq(irq_is_on(), in_block);
        }

        check_eq(irq_return(false), 1);
        check_eq(irq_is_on(), on);
        check_eq(irq_return(true), 2);
        check_eq(irq_is_on(), on);
        for (int i = 0; i < 2; i++)
            percpu_with_current_irq(irq_pair, p) {
                if (p->a == 1)
                    continue;
                check(false);
            }
        check_eq(irq_is_on(), on);
        for (int i = 0; i < 2; i++)
            percpu_with_current_irq(irq_pair, p) {
                if (p->a == 1)
                    break;
                check(false);
            }
        check_eq(irq_is_on(), on);
        percpu_with_current_irq(irq_pair, p) {
            if (p->a == 1)
                goto out;
        }
        check(false);
    out:
        check_eq(irq_is_on(), on);
        check_eq(guards_held(), 0);
    }
    set_irq(!HARNESS_BARE);
}

#ifdef PERCPU_PREEMPT_IRQ
static int masked_return(void)
{
    percpu_with_current(irq_pair, p) {
        check(!irq_is_on());
        percpu_with_current(irq_pair.b, q) {
            check(!irq_is_on());
            return (int)(*q + p->a);
        }
    }
    return -1;
}

/* Each way out of a block brings back what was, on or off, and so does what a guard surrounds. */
static void masked_body(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    for (int on = 0; on <= 1; on++) {
        set_irq(on);
        percpu_with_current(irq_pair, p) {
            check(!irq_is_on());
            percpu_with_current(irq_pair, q)
                check(p == q && !irq_is_on());
            check(!irq_is_on());
            (void)percpu_read(irq_pair.a);
            check(!irq_is_on());
        }
        check_eq(irq_is_on(), on);
        check_eq(masked_return(), 3);
        check_eq(irq_is_on(), on);
        percpu_write(irq_pair.b, percpu_read(irq_pair.b));
        check_eq(irq_is_on(), on);
        percpu_reset_to_init(irq_pair);
        check_eq(irq_is_on(), on);
    }
    set_irq(!HARNESS_BARE);
}

static void masked(size_t bound)
{
    (void)bound;
    on_bound(masked_body, NULL);
}

TEST(blocks_mask_interrupts)
{
    with_areas(masked);
}
#endif

static void irq(size_t bound)
{
    (void)bound;
    on_bound(irq_body, NULL);
}

TEST(with_current_irq_restores_the_interrupt_flag)
{
    with_areas(irq);
}

#endif
