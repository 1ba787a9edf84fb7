/* SPDX-License-Identifier: MIT */
/*
 * A kernel that does nothing useful, on all CPUs: each has a queue of small cooperative tasks, a
 * timer whose interrupt asks for the next task and wakes a sleeping one, and counters of what
 * happened. All of that is per-CPU data, so there is no lock and no atomic instruction in here.
 */
#include <percpu/percpu.h>

#include "harness.h"
#include "machine.h"

#define HZ 200
#define TICKS 60   /* each CPU takes so many at least ... */
#define WORK 10000 /* ... and does so many units of work */
#define COLUMNS 8

/* -- Per-CPU data -------------------------------------------------------------------------- */

struct task {
    const char *name;
    bool (*step)(struct task *task); /* one unit of work; false: sleep until the next tick */
    struct task *next;
    unsigned long work;
    uint32_t state, result;
};

static bool collatz(struct task *task);
static bool random_bits(struct task *task);
static bool fibonacci(struct task *task);
static bool clock(struct task *task);

enum { TASKS = 4 };

/* Initialised here once, and so on every CPU. */
static PERCPU_DEFINE(struct task[TASKS], tasks) = {
    {.name = "collatz", .step = collatz, .state = 1},
    {.name = "random", .step = random_bits, .state = 1},
    {.name = "fibonacci", .step = fibonacci, .state = 1},
    {.name = "clock", .step = clock},
};

/* First in, first out. The timer interrupt appends to it, too. */
struct runq {
    struct task *first, *last;
    unsigned length, longest;
};

static PERCPU_DEFINE(struct runq, runq);
static PERCPU_DEFINE(struct task *, sleeper);
static PERCPU_DEFINE(bool, need_resched);
static PERCPU_DEFINE(bool, online);

static PERCPU_DEFINE(unsigned long, ticks);
static PERCPU_DEFINE(unsigned long, switches);
static PERCPU_DEFINE(unsigned long, wakes);
static PERCPU_DEFINE(unsigned long, work);
static PERCPU_DEFINE(unsigned long, events); /* ticks and work: counted in and out of interrupts */

/* -- Tasks --------------------------------------------------------------------------------- */

/* The most steps that a number takes to 1 when even ones are halved, and odd ones become 3n + 1. */
static bool collatz(struct task *task)
{
    uint32_t steps = 0;

    for (uint64_t n = task->state++; n != 1; steps++)
        n = n & 1 ? 3 * n + 1 : n >> 1;
    if (steps > task->result)
        task->result = steps;
    return true;
}

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (14), 2003. */
static bool random_bits(struct task *task)
{
    uint32_t x = task->state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    task->state = x;
    task->result += x & 1;
    return true;
}

static bool fibonacci(struct task *task)
{
    uint32_t next = task->state + task->result;

    task->state = task->result;
    task->result = next;
    return true;
}

static bool clock(struct task *task)
{
    task->result++;
    return false;
}

/* -- The scheduler ------------------------------------------------------------------------- */

static void enqueue(struct task *task)
{
    task->next = NULL;
    percpu_with_current_irq(runq, q) {
        if (q->first == NULL)
            q->first = task;
        else
            q->last->next = task;
        q->last = task;
        if (++q->length > q->longest)
            q->longest = q->length;
    }
}

static struct task *dequeue(void)
{
    percpu_with_current_irq(runq, q) {
        struct task *task = q->first;

        if (task == NULL)
            return NULL; /* the guard is released */
        q->first = task->next;
        q->length--;
        return task;
    }
    __builtin_unreachable();
}

/* In the timer interrupt. */
static void tick(void)
{
    struct task *woken = percpu_read(sleeper);

    percpu_inc(ticks);
    percpu_inc(events);
    percpu_write(need_resched, true);
    if (woken == NULL)
        return;
    percpu_write(sleeper, NULL);
    enqueue(woken);
    percpu_inc(wakes);
}

static bool enough(void)
{
    return percpu_read(ticks) >= TICKS && percpu_read(work) >= WORK;
}

/* Runs a task until a tick asks for the next one. */
static void run(struct task *task)
{
    bool more = true;

    percpu_write(need_resched, false);
    while (more && !percpu_read(need_resched)) {
        more = task->step(task);
        task->work++;
        percpu_inc(work);
        percpu_inc(events);
    }
    if (more)
        enqueue(task);
    else
        percpu_write(sleeper, task); /* the last touch: from here on a tick may wake it */
}

static void cpu_run(size_t cpu, void *unused)
{
    struct task *task;

    (void)cpu;
    (void)unused;
    for (size_t i = 0; i < TASKS; i++)
        enqueue(percpu_current_ptr(tasks[i]));
    machine_timer_start(HZ);
    machine_irq_on();
    while (!enough()) {
        task = dequeue();
        if (task == NULL) {
            machine_relax();
            continue;
        }
        percpu_inc(switches);
        run(task);
    }
    machine_irq_off();
    machine_timer_stop();
}

/* -- The report ---------------------------------------------------------------------------- */

/* Areas are reserved for more CPUs than there are. */
static bool in_table(size_t cpu, size_t first)
{
    return percpu_remote_read(online, cpu) && cpu >= first && cpu < first + COLUMNS;
}

static void print_name(const char *name)
{
    printf("  %s", name);
    for (size_t i = strlen(name); i < 12; i++)
        putchar(' ');
}

/* CPUs from first on, so many columns; then the total. */
#define print_row(name, var, first)                                                                \
    do {                                                                                           \
        print_name(name);                                                                          \
        percpu_for_each(cpu) {                                                                     \
            if (in_table(cpu, first))                                                              \
                printf(" %8lu", percpu_remote_read(var, cpu));                                     \
        }                                                                                          \
        printf(" %9lu\n", percpu_sum(var));                                                        \
    } while (0)

static void print_table(size_t first)
{
    printf("\n");
    print_name("");
    percpu_for_each(cpu) {
        if (in_table(cpu, first))
            printf("   CPU %2zu", cpu);
    }
    printf("     total\n");
    print_row("ticks", ticks, first);
    print_row("switches", switches, first);
    print_row("wake-ups", wakes, first);
    print_row("work", work, first);
    for (size_t i = 0; i < TASKS; i++)
        print_row(percpu_remote_ptr_raw(tasks[i], 0)->name, tasks[i].work, first);
    print_row("events", events, first);
}

/* What all tasks did is what their CPUs counted, and no interrupt lost an event. */
static bool consistent(void)
{
    unsigned long tasks_work = 0;

    for (size_t i = 0; i < TASKS; i++)
        tasks_work += percpu_sum(tasks[i].work);
    percpu_for_each(cpu) {
        unsigned long expected = percpu_remote_read(ticks, cpu) + percpu_remote_read(work, cpu);

        if (percpu_remote_read(events, cpu) != expected)
            return false;
    }
    return tasks_work == percpu_sum(work);
}

/* -- Start --------------------------------------------------------------------------------- */

/* Each CPU comes here first; CPU 0 before any other one runs. */
void test_cpu_enter(size_t cpu)
{
    int error = cpu == 0 ? percpu_init_in_place() : 0;

    if (error >= 0)
        error = percpu_init_reg(cpu);
    if (error < 0)
        bare_panic("%s", percpu_strerror(error));
    percpu_write(online, true);
}

int bare_main(void)
{
    bare_tick = tick;
    on_cpus(cpu_run, NULL);

    printf("%zu CPUs, %d tasks on each, areas of %zu bytes\n", machine_cpu_count(), TASKS,
           percpu_area_size());
    for (size_t first = 0; first < machine_cpu_count(); first += COLUMNS)
        print_table(first);
    if (!consistent()) {
        printf("\nevents are lost: ticks and work do not add up\n");
        return 1;
    }
    printf("\nno event is lost: on each CPU events = ticks + work\n");
    return 0;
}
