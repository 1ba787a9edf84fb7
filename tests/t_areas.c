/* SPDX-License-Identifier: MIT */
/* areas.h, and that it does what the other tests rely on. */
#include "areas.h"

#if !HARNESS_BARE
#include <sched.h>
#endif

#if HARNESS_BARE
static _Alignas(4096) unsigned char arena_bytes[2 * TEST_MAX_CPUS * 20 * 1024];
static size_t arena_size = sizeof arena_bytes;
static unsigned char *arena(void)
{
    return arena_bytes;
}
#else
/* A host's template is aligned to whatever the linker put it at. */
static size_t arena_size;
static unsigned char *arena(void)
{
    static unsigned char *memory;

    if (memory == NULL) {
        arena_size = (size_t)2 * TEST_MAX_CPUS * stride();
        memory = aligned_alloc(percpu_area_layout_expected(1).align, arena_size);
    }
    if (memory == NULL)
        abort();
    return memory;
}
#endif

static size_t bound_cpus;

/* -- percpu_panic() ----------------------------------------------------------------------- */

static atomic_bool panics_wanted;
static atomic_uint panics;
static const char *_Atomic panic_message[16];

void percpu_panic(const char *message)
{
    unsigned n;

    if (!panics_wanted) {
        note("CPU %zu: percpu_panic: %s", test_cpu(), message);
#if HARNESS_BARE
        machine_exit(1);
#else
        abort();
#endif
    }
    n = panics++;
    if (n < sizeof panic_message / sizeof *panic_message)
        panic_message[n] = message;
}

void panics_begin(void)
{
    panics = 0;
    panics_wanted = true;
}

unsigned panics_end(const char *part)
{
    panics_wanted = false;
    for (unsigned n = 0; n < panics && n < sizeof panic_message / sizeof *panic_message; n++)
        if (!check(string_contains(panic_message[n], part)))
            note("it says: %s", panic_message[n]);
    return panics;
}

const char *panic_last(void)
{
    size_t most = sizeof panic_message / sizeof *panic_message;
    return panics == 0 ? "" : panic_message[(panics < most ? panics : most) - 1];
}

bool string_contains(const char *s, const char *part)
{
    size_t n = strlen(part);

    for (; strlen(s) >= n; s++)
        if (memcmp(s, part, n) == 0)
            return true;
    return false;
}

/* -- Preemption hooks ------------------------------------------------------------------------ */

#ifdef TEST_HOOKS
static atomic_int held[TEST_MAX_CPUS];
static atomic_uint calls[TEST_MAX_CPUS];

#ifdef PERCPU_PREEMPT_STATE
enum { STATE_OF_NONE = 0x5a000000 };

uintptr_t percpu_preempt_disable(void)
{
    calls[test_cpu()]++;
    return (uintptr_t)(STATE_OF_NONE + held[test_cpu()]++);
}

void percpu_preempt_enable(uintptr_t state)
{
    held[test_cpu()] = (int)(state - STATE_OF_NONE);
    calls[test_cpu()]++;
}
#else
void percpu_preempt_disable(void)
{
    held[test_cpu()]++;
    calls[test_cpu()]++;
}

void percpu_preempt_enable(void)
{
    held[test_cpu()]--;
    calls[test_cpu()]++;
}
#endif

unsigned hook_calls(void)
{
    return calls[test_cpu()];
}

int guards_held(void)
{
    return held[test_cpu()];
}
#else
int guards_held(void)
{
    return 0;
}
#endif

/* -- Areas ------------------------------------------------------------------------------------- */

size_t stride(void)
{
    return percpu_area_layout_expected(2).size - percpu_area_layout_expected(1).size;
}

void *area_memory(size_t slot, size_t count)
{
    unsigned char *memory = arena() + slot * stride();

    if (!check((slot + count) * stride() <= arena_size))
        return NULL;
    return memset(memory, 0xa5, count * stride());
}

bool init_here(void)
{
    return check_eq(percpu_init(area_memory(0, test_cpus()), test_cpus()), test_cpus());
}

void bind(size_t cpu, void *unused)
{
    (void)unused;
    check_eq(percpu_init_reg(cpu), 0);
}

void unbind(size_t cpu, void *unused)
{
    (void)cpu;
    (void)unused;
    percpu_write_reg(0);
}

struct call {
    void (*fn)(size_t cpu, void *data);
    void *data;
};

static void call_bound(size_t cpu, void *data)
{
    const struct call *call = data;

    if (cpu < bound_cpus)
        call->fn(cpu, call->data);
}

void on_bound(void (*fn)(size_t cpu, void *data), void *data)
{
    on_cpus(call_bound, &(struct call){fn, data});
}

#ifdef PERCPU_PLATFORM_RSEQ
/* The areas are there from the start to the end, and each CPU has its own. */
void with_areas(void (*body)(size_t bound))
{
    bound_cpus = test_cpus();
    on_bound(bind, NULL);
    body(bound_cpus);
}
#else
static void run_body(void (*body)(size_t bound))
{
    bound_cpus = percpu_area_num() < test_cpus() ? percpu_area_num() : test_cpus();
    on_bound(bind, NULL);
    body(bound_cpus);
    on_bound(unbind, NULL);
    check_eq(percpu_fini(), 0);
}

void with_areas(void (*body)(size_t bound))
{
    if (check(percpu_init_in_place() > 0))
        run_body(body);
#ifndef PERCPU_PLATFORM_SINGLE
    if (init_here())
        run_body(body);
#endif
}
#endif

/* -- Calls of other CPUs ----------------------------------------------------------------------- */

atomic_uint cpu_calls, own_cpu_calls;

#if HARNESS_BARE && defined(PERCPU_CALL)

static struct mailbox {
    void (*_Atomic f)(void *arg);
    void *arg;
    atomic_bool takes;
    atomic_uint is_taken; /* by one caller at a time */
} mailboxes[TEST_MAX_CPUS];

int percpu_call_cpu(size_t cpu, void (*f)(void *arg), void *arg)
{
    struct mailbox *mailbox = &mailboxes[cpu];

    cpu_calls++;
    if (cpu == percpu_cpu_id())
        own_cpu_calls++;
    if (cpu >= TEST_MAX_CPUS || !mailbox->takes)
        return 0;
    while (atomic_exchange(&mailbox->is_taken, 1))
        machine_relax();
    mailbox->arg = arg;
    atomic_store(&mailbox->f, f);
    while (atomic_load(&mailbox->f))
        machine_relax();
    atomic_store(&mailbox->is_taken, 0);
    return 1;
}

void takes_calls(size_t cpu, bool does)
{
    mailboxes[cpu].takes = does;
}

void serve_calls(size_t cpu)
{
    void (*f)(void *arg) = atomic_load(&mailboxes[cpu].f);

    if (!f)
        return;
    f(mailboxes[cpu].arg);
    atomic_store(&mailboxes[cpu].f, NULL);
}

#else

void takes_calls(size_t cpu, bool does)
{
    (void)cpu;
    (void)does;
}

void serve_calls(size_t cpu)
{
    (void)cpu;
}

#endif

void wait_a_little(void)
{
#if HARNESS_BARE
    machine_relax();
#else
    static _Thread_local unsigned n;

    if (++n % 1024 == 0) /* valgrind runs one thread at a time */
        sched_yield();
#endif
}

#ifdef PERCPU_PLATFORM_RSEQ
/* The thread was bound to its CPU: without sequences its updates use that area from here on. */
void test_cpu_enter(size_t cpu)
{
    (void)cpu;
    (void)percpu_cpu_id();
}
#endif

/* -- Tests of the above ------------------------------------------------------------------------ */

static unsigned bodies;
static atomic_uint visits;

static void visit(size_t cpu, void *data)
{
    (void)data;
#ifdef PERCPU_RSEQ_MM_CID /* a number of the running threads: which one has which is the kernel's */
    (void)cpu;
    check(percpu_cpu_id() < percpu_area_num());
#else
    check_eq(percpu_cpu_id(), cpu);
#endif
    visits++;
}

static void count_bodies(size_t bound)
{
    bodies++;
    check(bound >= 1 && bound <= test_cpus());
    visits = 0;
    on_bound(visit, NULL);
    check_eq(visits, bound);
#if HARNESS_BARE && !defined(PERCPU_PLATFORM_SINGLE)
    check_eq(bound, test_cpus());
#endif
}

TEST(with_areas_runs_the_body_in_each_kind_of_areas)
{
    bodies = 0;
    with_areas(count_bodies);
#if defined(PERCPU_PLATFORM_SINGLE) || defined(PERCPU_PLATFORM_RSEQ)
    check_eq(bodies, 1);
#else
    check_eq(bodies, 2);
#endif
}
