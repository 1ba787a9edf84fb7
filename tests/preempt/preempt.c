/* SPDX-License-Identifier: MIT */
/*
 * A small preemptive kernel: more tasks than CPUs, switched by the timer at any instruction, each
 * time on the CPU that comes first. Tasks, the timer's handler and a handler that interrupts it all
 * update the same per-CPU variables; each counts in memory of its own what it did. Run with one
 * instruction per translation block (tools/qemu-run --singlestep), as race.c.
 *
 * Built with PERCPU_PREEMPT, with PERCPU_RESTART as well, or with neither where an update is one
 * instruction; with PERCPU_PREEMPT_STATE, where a task has a flag and no counter; and with
 * PERCPU_PREEMPT_IRQ. The last tests take the protection away and must lose something, or the
 * others prove nothing.
 */
#include "harness.h"
#include "machine.h"

#include <stdatomic.h>

#include <percpu/list.h>

#if defined(PERCPU_PREEMPT) || defined(PERCPU_PREEMPT_STATE)
#define HOOKS 1
#endif
#if defined(HOOKS) || defined(PERCPU_PREEMPT_IRQ)
#define GUARD 1 /* a block keeps other tasks away */
#endif

#ifndef SWITCHES
#define SWITCHES 250 /* of tasks, on all CPUs together, in one test, and half as many migrations */
#endif
#define HZ 4000   /* when handlers take no time: each tick starts the timer anew when it is done */
#define PATIENT 8 /* one in so many handlers goes on until it is interrupted */
#define TASKS 13
#define STACK_SIZE 0x4000
#define STACK_END 0x51ac4e4d

/* Who updates: a task, a handler, a handler that interrupted one. */
enum { MAIN, TICK, NESTED, SIDES };

/* The sizes of 1, 2, 4 and 8 bytes. */
enum { SIZES = 4 };

struct side {
    unsigned steps;
    uint64_t done[SIZES];  /* what all steps together did */
    uint64_t token[SIZES]; /* xchg: what this side holds */
    unsigned node;         /* list: what this side holds, or 0 */
};

struct task {
    struct task *next;
    uintptr_t frame; /* while it does not run */
    size_t cpu;      /* where it runs, or ran last */
    unsigned number; /* from 1 */
    unsigned holds;  /* preemption count */
    unsigned depth;  /* of handlers that may be interrupted */
    bool finished;
    unsigned held_ticks, restarts, wrong;
    struct side side[SIDES];
    uint64_t found[SIZES]; /* on the CPUs where it ran, while it ran */
    unsigned stack_end;
};

/* A task lies at the end of its stack. */
static _Alignas(STACK_SIZE) union {
    struct task task;
    unsigned char stack[STACK_SIZE];
} tasks[TASKS];

/* What one CPU's kernel knows. Plain arrays: nothing here relies on percpu. */
static struct {
    struct task *current;
    struct task *leaving; /* the one before: its stack was in use until the switch was complete */
    uintptr_t home;       /* the frame of on_cpus()'s function, while a task runs */
    bool open;            /* for tasks: between the start and the end of run_tasks() */
} cpus[MACHINE_MAX_CPUS];

static struct task *ready_first, **ready_last;
static atomic_flag ready_lock = ATOMIC_FLAG_INIT;
static atomic_uint switches, migrations, finished;

/* The step that all sides repeat. */
static void (*volatile step)(struct side *side);

static volatile bool taking_away; /* does the kernel, with each switch, what the task added? */

#ifdef HOOKS
static volatile bool counting = true; /* does the kernel keep a task whose preemption is off? */
#endif
#ifdef PERCPU_RESTART
static volatile bool restarting = true; /* does the return from an interrupt restart sequences? */
#endif

/* -- The kernel -------------------------------------------------------------------------------- */

/* NULL outside of tasks. */
static struct task *self(void)
{
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

    if (sp - (uintptr_t)tasks >= sizeof tasks)
        return NULL;
    return (struct task *)(sp & ~(uintptr_t)(STACK_SIZE - 1));
}

static size_t task_cpu(void)
{
    return self()->cpu;
}

/* Handlers leave the count, or the flag, as they find it. */
#if defined(PERCPU_PREEMPT)
void percpu_preempt_disable(void)
{
    struct task *task = self();

    if (task != NULL)
        ((volatile struct task *)task)->holds++;
}

void percpu_preempt_enable(void)
{
    struct task *task = self();

    if (task != NULL)
        ((volatile struct task *)task)->holds--;
}
#elif defined(PERCPU_PREEMPT_STATE)
uintptr_t percpu_preempt_disable(void)
{
    struct task *task = self();
    uintptr_t was = 0;

    if (task != NULL) {
        was = ((volatile struct task *)task)->holds;
        ((volatile struct task *)task)->holds = 1;
    }
    return was;
}

void percpu_preempt_enable(uintptr_t state)
{
    struct task *task = self();

    if (task != NULL)
        ((volatile struct task *)task)->holds = (unsigned)state;
}
#endif

static void make_ready(struct task *task)
{
    task->next = NULL;
    *ready_last = task;
    ready_last = &task->next;
}

/* The PC is that of the task or of a handler that was interrupted. */
static uintptr_t return_pc(uintptr_t pc)
{
#ifdef PERCPU_RESTART
    uintptr_t restarted = percpu_restart_pc(pc);

    if (restarted != pc && self() != NULL)
        self()->restarts++;
    if (restarting)
        return restarted;
#endif
    return pc;
}

static void set_owner(unsigned number);
static void take_away(struct task *task);

/* A task goes back to the queue one tick after it was switched out. */
static uintptr_t switch_task(uintptr_t frame)
{
    size_t cpu = test_cpu();
    struct task *task = cpus[cpu].current, *next;

    if (task != NULL && task->depth > 0)
        return frame;
    if (task != NULL && task->stack_end != STACK_END)
        bare_panic("task %u's stack is too small", task->number);
#ifdef HOOKS
    if (task != NULL && task->holds > 0) {
        task->held_ticks++;
        if (counting)
            return frame;
    }
#endif

    while (atomic_flag_test_and_set(&ready_lock))
        machine_relax();
    if (cpus[cpu].leaving != NULL)
        make_ready(cpus[cpu].leaving);
    cpus[cpu].leaving = NULL;
    next = ready_first;
    if (next != NULL && (ready_first = next->next) == NULL)
        ready_last = &ready_first;
    atomic_flag_clear(&ready_lock);

    if (next == NULL && (task == NULL || !task->finished))
        return frame;
    if (task == NULL) {
        cpus[cpu].home = frame;
    } else if (!task->finished) {
        task->frame = frame;
        cpus[cpu].leaving = task;
    }
    if (task != NULL && taking_away)
        take_away(task);
    cpus[cpu].current = next;
    if (next == NULL)
        return cpus[cpu].home;
    switches++;
    migrations += next->cpu != cpu;
    next->cpu = cpu;
    set_owner(next->number);
    return next->frame;
}

static void make_step(struct task *task, unsigned side)
{
    step(&task->side[side]);
    task->side[side].steps++;
}

static void tick(void)
{
    struct task *task = self();
    unsigned nested;

    machine_timer_stop();
    if (task == NULL)
        return;
    task->wrong += percpu_cpu_id() != task->cpu;
    if (task->depth > 0) {
        make_step(task, NESTED);
        return;
    }
    make_step(task, TICK);
    if (task->side[TICK].steps % PATIENT != 0)
        return;
    nested = task->side[NESTED].steps;
    task->depth++;
    machine_timer_start(HZ);
    machine_irq_on();
    do
        make_step(task, TICK);
    while (*(volatile unsigned *)&task->side[NESTED].steps == nested);
    machine_irq_off();
    machine_timer_stop();
    task->depth--;
}

/*
 * An interrupt that was pending when the timer was stopped comes later (x86_64: SDM vol. 3, 11.8.4,
 * the IRR keeps it), when the CPU waits for the next test and tasks are ready.
 */
static uintptr_t next_frame(uintptr_t frame)
{
    if (!cpus[test_cpu()].open)
        return frame;
    frame = switch_task(frame);
    machine_timer_start(HZ);
    return frame;
}

static void task_main(void *arg)
{
    struct task *task = arg;

    do {
        make_step(task, MAIN);
    } while (switches < SWITCHES || migrations < SWITCHES / 2);
    finished++;
    *(volatile bool *)&task->finished = true;
    for (;;)
        machine_relax();
}

static void run_tasks(size_t cpu, void *data)
{
    (void)data;
    cpus[cpu].open = true;
    machine_timer_start(HZ);
    machine_irq_on();
    while (finished < TASKS || *(struct task *volatile *)&cpus[cpu].current != NULL)
        machine_relax();
    machine_irq_off();
    machine_timer_stop();
    cpus[cpu].open = false;
}

static void set_up(size_t cpu, void *data)
{
    (void)data;
    tasks[0].task.wrong += percpu_init_reg(cpu) != 0;
}

/* -- Steps ------------------------------------------------------------------------------------- */

struct sizes {
    uint8_t size1;
    uint16_t size2;
    uint32_t size4;
    uint64_t size8;
};

static PERCPU_DEFINE(struct sizes, v);

#define FOUR(macro) macro(v.size1, 0) macro(v.size2, 1) macro(v.size4, 2) macro(v.size8, 3)
#define TYPE(var) __typeof__(percpu_read(var))

#define STEP(name, macro)                                                                          \
    static void name(struct side *side)                                                            \
    {                                                                                              \
        FOUR(macro)                                                                                \
    }

/* Operands that compilers do not know. */
static volatile uint64_t none = 0, all = UINT64_MAX;

#define DO_ADD(var, i) percpu_add(var, 3), side->done[i] += 3;
#define DO_SUB(var, i) percpu_sub(var, (TYPE(var))side->steps), side->done[i] -= side->steps;
#define DO_INC_DEC(var, i) percpu_inc(var), percpu_inc(var), percpu_dec(var), side->done[i]++;
#define DO_ADD_RETURN(var, i) (void)percpu_add_return(var, 1), side->done[i]++;
#define DO_FETCH_ADD(var, i) (void)percpu_fetch_add(var, 5), side->done[i] += 5;
#define DO_CMPXCHG(var, i)                                                                         \
    for (;;) {                                                                                     \
        TYPE(var) seen = percpu_read(var);                                                         \
        if (percpu_cmpxchg(var, seen, (TYPE(var))(seen + 1)) == seen)                              \
            break;                                                                                 \
    }                                                                                              \
    side->done[i]++;
#define DO_TRY_CMPXCHG(var, i)                                                                     \
    {                                                                                              \
        TYPE(var) seen = percpu_read(var);                                                         \
        while (!percpu_try_cmpxchg(var, &seen, (TYPE(var))(seen + 1))) {                           \
        }                                                                                          \
        side->done[i]++;                                                                           \
    }
/* Between additions, bits that stay as they are. */
#define DO_AND_OR(var, i)                                                                          \
    percpu_or(var, (TYPE(var))none), percpu_and(var, (TYPE(var))all), DO_ADD(var, i)
/* Each bit over all copies is the parity of its flips. */
#define DO_XOR(var, i)                                                                             \
    {                                                                                              \
        TYPE(var) bits = (TYPE(var))(side->steps * 0x9e3779b97f4a7c15u >> (64 - 8 * sizeof bits)); \
        percpu_xor(var, bits);                                                                     \
        side->done[i] ^= bits;                                                                     \
    }
#define DO_XCHG(var, i) side->token[i] = percpu_xchg(var, (TYPE(var))side->token[i]);
#define DO_WITH_IRQ(var, i)                                                                        \
    percpu_with_current_irq(var, p)                                                                \
        *(volatile TYPE(var) *)p = (TYPE(var))(*p + 1);                                            \
    side->done[i]++;
#define DO_UNPROTECTED(var, i)                                                                     \
    percpu_write_raw(var, (TYPE(var))(percpu_read_raw(var) + 1)), side->done[i]++;

STEP(add, DO_ADD)
STEP(sub, DO_SUB)
STEP(inc_dec, DO_INC_DEC)
STEP(add_return, DO_ADD_RETURN)
STEP(fetch_add, DO_FETCH_ADD)
STEP(cmpxchg, DO_CMPXCHG)
STEP(try_cmpxchg, DO_TRY_CMPXCHG)
STEP(and_or, DO_AND_OR)
STEP(flip, DO_XOR)
STEP(swap, DO_XCHG)
STEP(with_irq, DO_WITH_IRQ)
STEP(unprotected, DO_UNPROTECTED)

/*
 * Sums do not tell whose copy it was. If the kernel takes away from a CPU what was added while a
 * task ran there, handlers included, then it is what that task added.
 */
#define DO_MIXED(var, i)                                                                           \
    DO_ADD(var, i)                                                                                 \
    DO_SUB(var, i) DO_ADD_RETURN(var, i) DO_FETCH_ADD(var, i) DO_CMPXCHG(var, i) DO_AND_OR(var, i)

STEP(mixed, DO_MIXED)

#define TAKE(var, i) task->found[i] += percpu_read(var), percpu_write(var, 0);

static void take_away(struct task *task)
{
    FOUR(TAKE)
}

#ifdef GUARD
/* The guard of a block keeps other tasks away, not handlers. */
static void block(struct side *side)
{
    struct task *task = self();

    if (side != &task->side[MAIN])
        return;
    percpu_with_current(v, p) {
        volatile struct sizes *mine = p;
        struct sizes old = {mine->size1, mine->size2, mine->size4, mine->size8};

        percpu_with_current(v, inner) /* its end gives back what the outer block holds */
            (void)inner;
        mine->size1 = (uint8_t)(old.size1 + 1);
        mine->size2 = (uint16_t)(old.size2 + 1);
        mine->size4 = old.size4 + 1;
        mine->size8 = old.size8 + 1;
    }
    for (unsigned size = 0; size < SIZES; size++)
        side->done[size]++;
    task->wrong += task->holds != 0;
}
#endif

/*
 * The kernel writes here whom it switches to, and the task itself again and again. A read that got
 * another CPU's copy, or a write that went there, is another task's number.
 */
static PERCPU_DEFINE(struct sizes, owner);

#define OWNER(macro, number)                                                                       \
    macro(owner.size1, number) macro(owner.size2, number) macro(owner.size4, number)               \
        macro(owner.size8, number)
#define WRITE_OWNER(var, number) percpu_write(var, (TYPE(var))(number));
#define WRONG_OWNER(var, number)                                                                   \
    wrong += percpu_read(var) != (number);                                                         \
    wrong += percpu_read_stable(var) != (number);

static void set_owner(unsigned number)
{
    OWNER(WRITE_OWNER, number)
}

static void read_write(struct side *side)
{
    struct task *task = self();
    unsigned wrong = 0;

    OWNER(WRONG_OWNER, task->number)
    if (side == &task->side[MAIN])
        set_owner(task->number);
    side->done[0] += wrong;
}

/*
 * A list: nodes by number, from 1, linked through node_next. The head is a node's number in its
 * lower half and in its upper half a tag, which changes with each push and pop and is no two CPUs'
 * at once.
 */
#define NODES 64

static PERCPU_DEFINE(uint64_t, head);
static volatile uint32_t node_next[NODES + 1];
static volatile bool node_taken[NODES + 1];

static uint64_t new_head(uint64_t old, uint32_t node)
{
    return ((old >> 32) + 1) << 32 | node;
}

static void push_pop(struct side *side)
{
    uint64_t old = percpu_read(head);
    uint32_t node = side->node;

    if (node != 0) {
        side->done[0] += !node_taken[node];
        node_taken[node] = false;
        do
            node_next[node] = (uint32_t)old;
        while (!percpu_try_cmpxchg(head, &old, new_head(old, node)));
        side->node = 0;
        return;
    }
    do {
        node = (uint32_t)old;
        if (node == 0)
            return;
    } while (!percpu_try_cmpxchg(head, &old, new_head(old, node_next[node])));
    side->done[0] += node_taken[node];
    node_taken[node] = true;
    side->node = node;
}

/* The same with the library's lists, and all nodes out and in again now and then. */
static PERCPU_DEFINE(struct percpu_list, list);
static struct percpu_list_node list_nodes[NODES + 1];

static void take_node(struct percpu_list_node *node, struct side *side)
{
    side->done[0] += node_taken[node - list_nodes];
    node_taken[node - list_nodes] = true;
}

static void give_node(struct percpu_list_node *node, struct side *side)
{
    side->done[0] += !node_taken[node - list_nodes];
    node_taken[node - list_nodes] = false;
    percpu_list_push(list, node);
}

/*
 * A node is held from one step to the next, and given back behind another. A handler brings the
 * first node back in front of others than before: what a pop must not overlook.
 */
static void use_list(struct side *side, struct percpu_list_node *(*pop)(void))
{
    bool in_handler = side != &self()->side[MAIN];
    struct percpu_list_node *first = in_handler ? pop() : NULL, *node, *next;

    if (first != NULL)
        take_node(first, side);
    node = side->steps % 4 != 3 ? pop() : NULL;
    if (node != NULL)
        take_node(node, side);
    if (side->node != 0)
        give_node(&list_nodes[side->node], side);
    if (first != NULL)
        give_node(first, side);
    side->node = node != NULL ? (unsigned)(node - list_nodes) : 0;
    if (side->steps % 64 != 63)
        return;
    node = percpu_list_take_all(list);
    for (unsigned n = 0; node != NULL && n < NODES; n++, node = next) {
        next = node->next;
        take_node(node, side);
        give_node(node, side);
    }
}

static struct percpu_list_node *list_pop(void)
{
    return percpu_list_pop(list);
}

static void library_list(struct side *side)
{
    use_list(side, list_pop);
}

#ifndef PERCPU_RESTART
/* What the library's lists are not made of: the node may go and come back. */
static struct percpu_list_node *pop_by_cmpxchg(void)
{
    struct percpu_list_node *first = percpu_read(list.first), *next;

    do {
        if (first == NULL)
            break;
        next = *(struct percpu_list_node *volatile *)first;
        for (volatile unsigned n = 0; n < 30; n++)
            ; /* the window is a few instructions, and an interrupt rare */
    } while (!percpu_try_cmpxchg(list.first, &first, next));
    return first;
}

static void list_by_cmpxchg(struct side *side)
{
    use_list(side, pop_by_cmpxchg);
}
#endif

/* -- One run ----------------------------------------------------------------------------------- */

static void reset(void)
{
    ready_first = NULL;
    ready_last = &ready_first;
    switches = migrations = finished = 0;
    for (unsigned i = 0; i < TASKS; i++) {
        struct task *task = &tasks[i].task;

        *task = (struct task){
            .number = i + 1,
            .cpu = SIZE_MAX,
            .frame = machine_frame((uintptr_t)(&tasks[i] + 1), task_main, task),
            .stack_end = STACK_END,
        };
        for (unsigned side = 0; side < SIDES; side++)
            for (unsigned size = 0; size < SIZES; size++)
                task->side[side].token[size] = i * SIDES + side;
        make_ready(task);
    }
    percpu_for_each(cpu) {
        *percpu_remote_ptr(v, cpu) = (struct sizes){0};
        *percpu_remote_ptr(owner, cpu) = (struct sizes){0};
        *percpu_remote_ptr(head, cpu) = (uint64_t)(cpu + 1) << 56;
        percpu_remote_ptr(list, cpu)->first = NULL;
    }
    for (uint32_t node = 1; node <= NODES; node++) {
        uint64_t *to = percpu_remote_ptr(head, node % test_cpus());

        node_next[node] = (uint32_t)*to;
        node_taken[node] = false;
        *to = new_head(*to, node);
        list_nodes[node].next = percpu_remote_ptr(list, node % test_cpus())->first;
        percpu_remote_ptr(list, node % test_cpus())->first = &list_nodes[node];
    }
}

static struct {
    unsigned held_ticks, restarts, nested, wrong;
    uint64_t done[SIZES], flipped[SIZES];
} total;

static void add_up(void)
{
    memset(&total, 0, sizeof total);
    for (unsigned i = 0; i < TASKS; i++) {
        struct task *task = &tasks[i].task;

        total.held_ticks += task->held_ticks;
        total.restarts += task->restarts;
        total.nested += task->side[NESTED].steps;
        total.wrong += task->wrong;
        for (unsigned side = 0; side < SIDES; side++)
            for (unsigned size = 0; size < SIZES; size++) {
                total.done[size] += task->side[side].done[size];
                total.flipped[size] ^= task->side[side].done[size];
            }
    }
    note("%u switches, %u migrations, %u nested ticks, %u ticks with preemption off, %u restarts",
         switches, migrations, total.nested, total.held_ticks, total.restarts);
}

/* Runs the step and adds up; the CPUs keep their areas until percpu_fini(). */
static void run(void (*what)(struct side *side))
{
    bool initialised = percpu_init_in_place() > 0;

    check(initialised);
    step = what;
    reset();
    on_cpus(set_up, NULL);
    bare_task_cpu = task_cpu;
    bare_tick = tick;
    bare_return_pc = return_pc;
    bare_switch = next_frame;
    on_cpus(run_tasks, NULL);
    bare_tick = NULL;
    bare_return_pc = NULL;
    bare_switch = NULL;
    bare_task_cpu = NULL;
    add_up();
    check(total.nested > 0);
    check_eq(total.wrong, 0);
}

/* By how much a sum of each size is less than what all sides together did. */
static int64_t missing[SIZES];

/* How many of the sizes miss something, or more than they have. */
static unsigned wrong_sums(void)
{
    uint64_t size8 = 0;
    unsigned wrong = 0;

    percpu_for_each(cpu)
        size8 += percpu_remote_ptr(v, cpu)->size8; /* percpu_sum() is not everywhere */
    missing[0] = (int8_t)(total.done[0] - percpu_sum(v.size1));
    missing[1] = (int16_t)(total.done[1] - percpu_sum(v.size2));
    missing[2] = (int32_t)(total.done[2] - percpu_sum(v.size4));
    missing[3] = (int64_t)(total.done[3] - size8);
    for (unsigned size = 0; size < SIZES; size++)
        wrong += missing[size] != 0;
    if (wrong > 0)
        note("missing in the sums, by size: %lld %lld %lld %lld", (long long)missing[0],
             (long long)missing[1], (long long)missing[2], (long long)missing[3]);
    return wrong;
}

/* -- Tests ------------------------------------------------------------------------------------- */

static void check_restarts(void)
{
#ifdef PERCPU_RESTART
    check(total.restarts > 0);
#endif
}

#define SUM(name, more_checks)                                                                     \
    TEST(sums_are_exact_after_##name)                                                              \
    {                                                                                              \
        run(name);                                                                                 \
        check_eq(wrong_sums(), 0);                                                                 \
        more_checks;                                                                               \
        check_eq(percpu_fini(), 0);                                                                \
    }

SUM(add, check_restarts())
SUM(sub, check_restarts())
SUM(inc_dec, check_restarts())
SUM(add_return, check_restarts())
SUM(fetch_add, check_restarts())
SUM(cmpxchg, check_restarts())
SUM(try_cmpxchg, check_restarts())
SUM(and_or, check_restarts())
SUM(with_irq, )
#ifdef HOOKS
SUM(block, check(total.held_ticks > 0))
#elif defined(GUARD)
SUM(block, )
#endif

TEST(bits_are_the_parity_of_xor)
{
    struct sizes bits = {0};

    run(flip);
    percpu_for_each(cpu) {
        const struct sizes *copy = percpu_remote_ptr(v, cpu);

        bits.size1 ^= copy->size1;
        bits.size2 ^= copy->size2;
        bits.size4 ^= copy->size4;
        bits.size8 ^= copy->size8;
    }
    check_eq(bits.size1, (uint8_t)total.flipped[0]);
    check_eq(bits.size2, (uint16_t)total.flipped[1]);
    check_eq(bits.size4, (uint32_t)total.flipped[2]);
    check_eq(bits.size8, total.flipped[3]);
    check_restarts();
    check_eq(percpu_fini(), 0);
}

/* Every side of every task began with one, and every copy with 0, as the first task did. */
TEST(xchg_keeps_every_token)
{
    unsigned found[TASKS * SIDES][SIZES] = {0};

    run(swap);
    for (unsigned i = 0; i < TASKS; i++)
        for (unsigned side = 0; side < SIDES; side++)
            for (unsigned size = 0; size < SIZES; size++)
                found[tasks[i].task.side[side].token[size]][size]++;
    percpu_for_each(cpu) {
        const struct sizes *copy = percpu_remote_ptr(v, cpu);

        found[copy->size1][0]++;
        found[copy->size2][1]++;
        found[copy->size4][2]++;
        found[copy->size8][3]++;
    }
    for (unsigned size = 0; size < SIZES; size++) {
        unsigned wrong = 0;

        for (unsigned token = 0; token < TASKS * SIDES; token++)
            wrong += found[token][size] != (token == 0 ? 1 + percpu_area_num() : 1);
        check_eq(wrong, 0);
    }
    check_restarts();
    check_eq(percpu_fini(), 0);
}

/* Every node is in one list or in one side's hands, once. */
TEST(lists_keep_every_node)
{
    unsigned found[NODES + 1] = {0}, wrong = 0;

    run(push_pop);
    check_eq(total.done[0], 0);
    for (unsigned i = 0; i < TASKS; i++)
        for (unsigned side = 0; side < SIDES; side++)
            found[tasks[i].task.side[side].node]++;
    percpu_for_each(cpu) {
        uint32_t node = (uint32_t)*percpu_remote_ptr(head, cpu);

        for (unsigned n = 0; node != 0 && n < NODES; n++, node = node_next[node])
            found[node]++;
        wrong += node != 0;
    }
    for (unsigned node = 1; node <= NODES; node++)
        wrong += found[node] != 1;
    check_eq(wrong, 0);
    check_eq(percpu_fini(), 0);
}

/* How many nodes of the library's lists are not in one place? */
static unsigned wrong_nodes(void)
{
    unsigned found[NODES + 1] = {0}, wrong = (unsigned)total.done[0];

    for (unsigned i = 0; i < TASKS; i++)
        for (unsigned side = 0; side < SIDES; side++)
            found[tasks[i].task.side[side].node]++;
    percpu_for_each(cpu) {
        struct percpu_list_node *node = percpu_remote_ptr(list, cpu)->first;

        for (unsigned n = 0; node != NULL && n < NODES; n++, node = node->next)
            found[node - list_nodes]++;
        wrong += node != NULL;
    }
    for (unsigned node = 1; node <= NODES; node++)
        wrong += found[node] != 1;
    if (wrong > 0)
        note("nodes that are not in one place, and steps that saw one: %u", wrong);
    return wrong;
}

TEST(library_lists_keep_every_node)
{
    run(library_list);
    check_eq(wrong_nodes(), 0);
    check_restarts();
    check_eq(percpu_fini(), 0);
}

static unsigned wrong_owners(void)
{
    note("numbers of another task: %u", (unsigned)total.done[0]);
    return (unsigned)total.done[0];
}

TEST(reads_and_writes_are_on_the_own_cpu)
{
    run(read_write);
    check_eq(wrong_owners(), 0);
    check_eq(percpu_fini(), 0);
}

/* Of tasks, by size: how many did not add what was found? */
static unsigned wrong_finds(void)
{
    unsigned wrong[SIZES] = {0};

    for (unsigned i = 0; i < TASKS; i++)
        for (unsigned size = 0; size < SIZES; size++) {
            uint64_t added = 0;

            for (unsigned side = 0; side < SIDES; side++)
                added += tasks[i].task.side[side].done[size];
            wrong[size] += (added - tasks[i].task.found[size]) << (64 - (8 << size)) != 0;
        }
    note("tasks that did not add what was found there, by size: %u %u %u %u", wrong[0], wrong[1],
         wrong[2], wrong[3]);
    return wrong[0] + wrong[1] + wrong[2] + wrong[3];
}

TEST(updates_are_on_the_own_cpu)
{
    taking_away = true;
    run(mixed);
    taking_away = false;
    check_eq(wrong_finds(), 0);
    check_restarts();
    check_eq(percpu_fini(), 0);
}

/* Without the protection something must go wrong; on a busy host perhaps not at once. */
static void must_fail(void (*what)(struct side *side), unsigned (*wrong)(void))
{
    bool failed = false;

    for (unsigned tries = 0; tries < 10 && !failed; tries++) {
        run(what);
        failed = wrong() > 0;
        check_eq(percpu_fini(), 0);
    }
    check(failed);
}

TEST(an_unprotected_update_loses_some)
{
    must_fail(unprotected, wrong_sums);
}

#ifndef PERCPU_RESTART
TEST(a_pop_by_cmpxchg_loses_some)
{
    must_fail(list_by_cmpxchg, wrong_nodes);
}
#endif

#ifdef HOOKS
TEST(blocks_lose_some_when_nobody_counts)
{
    counting = false;
    must_fail(block, wrong_sums);
    counting = true;
}
#endif

#if defined(HOOKS) && !defined(PERCPU_RESTART)
TEST(reads_and_writes_go_astray_when_nobody_counts)
{
    counting = false;
    if (PERCPU__ONE_INSTRUCTION(1, PERCPU__POINTER)) { /* then nobody needs to */
        run(read_write);
        check_eq(wrong_owners(), 0);
        check_eq(percpu_fini(), 0);
    } else {
        must_fail(read_write, wrong_owners);
    }
    counting = true;
}
#endif

#ifdef PERCPU_RESTART
TEST(without_the_restart_some_are_lost)
{
    restarting = false;
    must_fail(add, wrong_sums);
    restarting = true;
}

TEST(without_the_restart_lists_lose_some)
{
    restarting = false;
    must_fail(library_list, wrong_nodes);
    restarting = true;
}

TEST(without_the_restart_updates_go_astray)
{
    restarting = false;
    taking_away = true;
    must_fail(mixed, wrong_finds);
    taking_away = false;
    restarting = true;
}

TEST(without_the_restart_reads_and_writes_go_astray)
{
    run(read_write);
    check_eq(percpu_fini(), 0);
    restarting = false;
    if (total.restarts == 0) { /* each is one instruction: there was nothing to restart */
        run(read_write);
        check_eq(wrong_owners(), 0);
        check_eq(percpu_fini(), 0);
    } else {
        must_fail(read_write, wrong_owners);
    }
    restarting = true;
}
#endif
