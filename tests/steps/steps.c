/* SPDX-License-Identifier: MIT */
/*
 * What steps.py steps through: a function per operation, size and form, and what it calls in
 * between. It drives this program through QEMU's gdb stub and finds the functions by their names;
 * nothing here calls them.
 */
#include "harness.h"
#include "machine.h"

#include <percpu/percpu.h>

#define STEPS static __attribute__((used, noinline))

/* steps.py compares whole areas, so what lies around a variable as well. */
#define VARIABLE(bits)                                                                             \
    struct variable_##bits {                                                                       \
        uint8_t before[8];                                                                         \
        uint##bits##_t v;                                                                          \
        uint8_t after[8];                                                                          \
    };                                                                                             \
    static PERCPU_DEFINE(struct variable_##bits, s##bits);                                         \
    _Static_assert(offsetof(struct variable_##bits, v) == 8, "as in steps.py");
VARIABLE(8)
VARIABLE(16)
VARIABLE(32)
VARIABLE(64)

/* The task that is stepped: its stack, and what keeps it on its CPU. */
static struct {
    uint8_t stack[1024];
    unsigned preempt_count;
} task __attribute__((used, aligned(16)));

#ifdef PERCPU_PREEMPT
void percpu_preempt_disable(void)
{
    ++*(volatile unsigned *)&task.preempt_count;
}

void percpu_preempt_enable(void)
{
    --*(volatile unsigned *)&task.preempt_count;
}
#endif

/* 1: an interrupt can come here. 2: but no preemption. */
STEPS unsigned boundary(void)
{
    bool irq_was_on = machine_irq_off();

    if (irq_was_on)
        machine_irq_on();
    return (irq_was_on ? 1 : 0) | (task.preempt_count > 0 ? 2 : 0);
}

/* Operands are words: where 8 bytes are two, each of them is the operand. */
#define VALUE(bits, word)                                                                          \
    ((uint##bits##_t)(bits > 8 * sizeof(uintptr_t) ? (uint64_t)(word) * 0x100000001 : (word)))

#define SIZES(macro, ...)                                                                          \
    macro(8, __VA_ARGS__) macro(16, __VA_ARGS__) macro(32, __VA_ARGS__) macro(64, __VA_ARGS__)

#define FUNCTION(bits, name, form, body)                                                           \
    STEPS uint64_t op_##name##_##bits##_##form(uintptr_t a, uintptr_t b, void *p)                  \
    {                                                                                              \
        uint##bits##_t x = VALUE(bits, a), y = VALUE(bits, b);                                     \
        (void)x, (void)y, (void)p;                                                                 \
        body                                                                                       \
    }
#define FORMS(bits, name)                                                                          \
    FUNCTION(bits, name, var, DO_##name(, s##bits.v, bits))                                        \
    FUNCTION(bits, name, at, DO_##name(_at, (uint##bits##_t PERCPU *)p, bits))
#define OPERATION(name) FORMS(8, name) FORMS(16, name) FORMS(32, name) FORMS(64, name)

/* Two accesses on every architecture. */
#define IN_TWO_STEPS(bits, object)                                                                 \
    {                                                                                              \
        uint##bits##_t old = object;                                                               \
        __asm__ volatile("" : : : "memory");                                                       \
        object = (uint##bits##_t)(old + x);                                                        \
    }

/* clang-format off */
#define DO_read(at, v, bits) return percpu_read##at(v);
#define DO_write(at, v, bits) percpu_write##at(v, x); return 0;
#define DO_add(at, v, bits) percpu_add##at(v, x); return 0;
#define DO_sub(at, v, bits) percpu_sub##at(v, x); return 0;
#define DO_inc(at, v, bits) percpu_inc##at(v); return 0;
#define DO_dec(at, v, bits) percpu_dec##at(v); return 0;
#define DO_and(at, v, bits) percpu_and##at(v, x); return 0;
#define DO_or(at, v, bits) percpu_or##at(v, x); return 0;
#define DO_xor(at, v, bits) percpu_xor##at(v, x); return 0;
#define DO_add_return(at, v, bits) return percpu_add_return##at(v, x);
#define DO_sub_return(at, v, bits) return percpu_sub_return##at(v, x);
#define DO_inc_return(at, v, bits) return percpu_inc_return##at(v);
#define DO_dec_return(at, v, bits) return percpu_dec_return##at(v);
#define DO_fetch_add(at, v, bits) return percpu_fetch_add##at(v, x);
#define DO_xchg(at, v, bits) return percpu_xchg##at(v, x);
#define DO_cmpxchg(at, v, bits) return percpu_cmpxchg##at(v, y, x);
#define DO_try_cmpxchg(at, v, bits)                                                                \
    return percpu_try_cmpxchg##at(v, &y, x) ? ~(uint64_t)y : y;
#define DO_try_cmpxchg_on(at, v, bits)                                                             \
    int done;                                                                                      \
    do                                                                                             \
        done = percpu_try_cmpxchg_on##at(v, percpu_cpu_id(), &y, x);                               \
    while (done == -PERCPU_EELSEWHERE);                                                            \
    return done == 1 ? ~(uint64_t)y : done == 0 ? y : x;
#define DO_add_unless(at, v, bits) return percpu_add_unless##at(v, x, 1);
#define DO_min(at, v, bits) percpu_min##at(v, x); return 0;
#define DO_with_current(at, v, bits)                                                               \
    percpu_with_current##at(v, q) IN_TWO_STEPS(bits, *q)                                           \
    return 0;
#define DO_with_current_irq(at, v, bits)                                                           \
    percpu_with_current_irq##at(v, q) IN_TWO_STEPS(bits, *q)                                       \
    return 0;
#define DO_unprotected(at, v, bits)                                                                \
    percpu_write_raw##at(v, (uint##bits##_t)(percpu_read_raw##at(v) + x));                         \
    return 0;
/* clang-format on */

OPERATION(read)
OPERATION(write)
OPERATION(add)
OPERATION(sub)
OPERATION(inc)
OPERATION(dec)
OPERATION(and)
OPERATION(or)
OPERATION(xor)
OPERATION(add_return)
OPERATION(sub_return)
OPERATION(inc_return)
OPERATION(dec_return)
OPERATION(fetch_add)
OPERATION(xchg)
OPERATION(cmpxchg)
OPERATION(try_cmpxchg)
OPERATION(try_cmpxchg_on)
OPERATION(add_unless)
OPERATION(min)
OPERATION(with_current_irq)
#ifdef PERCPU_PREEMPT
OPERATION(with_current)
#endif
OPERATION(unprotected)

/* -- What one increment costs (docs/performance.md) -------------------------------------------- */

static PERCPU_DEFINE(unsigned long, counter);

/* What is not the increment's: a frame, the return. */
STEPS void cost_nothing(void)
{
    __asm__ volatile("");
}

STEPS void cost_update(void)
{
    percpu_add(counter, 1);
}

STEPS void cost_unprotected(void)
{
    percpu_write_raw(counter, percpu_read_raw(counter) + 1);
}

STEPS void cost_masked(void)
{
    percpu_with_current_irq(counter, p)
        ++*p;
}

/* Not per CPU: the word's address is known. */
STEPS void cost_atomic(unsigned long *word)
{
    __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
}

/* -- Where everything that steps.py calls returns to, and where it starts ---------------------- */

STEPS void stop(void)
{
    for (;;)
        __asm__ volatile("" : : : "memory");
}

STEPS int become(size_t cpu)
{
    return percpu_init_reg(cpu);
}

STEPS uintptr_t area(size_t cpu)
{
    return percpu_area_base(cpu);
}

STEPS uintptr_t restart(uintptr_t pc)
{
#ifdef PERCPU_RESTART
    return percpu_restart_pc(pc);
#else
    return pc;
#endif
}

TEST(steps)
{
    check(percpu_init_in_place() >= 3);
    check_eq(percpu_init_reg(0), 0);
    machine_irq_on();
    stop();
}
