/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU lists: order, both forms; what comes between the instructions of an operation: interrupt
 * handlers on bare machines, and on hosts a handler that does anything at all in the middle of a
 * pop, or on rseq threads and signals. Each node is in one place in the end.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "harness.h"

static void between(void);
#define PERCPU__LIST_BETWEEN() between()
#include <percpu/list.h>

#include "areas.h"

#include <stdatomic.h>

struct item {
    struct percpu_list_node node;
    unsigned number;
    atomic_uint holders;
};

static struct item *item_of(struct percpu_list_node *node)
{
    return (struct item *)node; /* the first member */
}

/* -- Order ------------------------------------------------------------------------------------- */

enum { ITEMS = 8 };

static struct item items[TEST_MAX_CPUS][ITEMS];

struct shelf {
    word before;
    struct percpu_list list, row[3];
    word after;
};

static PERCPU_DEFINE(struct percpu_list, plain);
static PERCPU_DEFINE(struct shelf, shelf);
PERCPU_DECLARE_NEAR(struct percpu_list, near_list);
PERCPU_DEFINE_NEAR(struct percpu_list, near_list);

/* The list's nodes in order, by their numbers' decimal digits; empties the list. */
static unsigned digits(struct percpu_list_node *node)
{
    unsigned n = 0;

    for (; node; node = node->next)
        n = n * 10 + item_of(node)->number;
    return n;
}

#define PUSH_POP(push, pop, take_all, list)                                                        \
    do {                                                                                           \
        check_eq(pop(list), NULL);                                                                 \
        check_eq(take_all(list), NULL);                                                            \
        push(list, &mine[1].node);                                                                 \
        push(list, &mine[2].node);                                                                 \
        check_eq(mine[1].node.next, NULL);                                                         \
        check_eq(mine[2].node.next, &mine[1].node);                                                \
        check_eq(pop(list), &mine[2].node);                                                        \
        push(list, &mine[3].node);                                                                 \
        push(list, &mine[2].node);                                                                 \
        push(list, &mine[4].node);                                                                 \
        check_eq(digits(take_all(list)), 4231);                                                    \
        check_eq(pop(list), NULL);                                                                 \
        push(list, &mine[5].node);                                                                 \
        check_eq(pop(list), &mine[5].node);                                                        \
        check_eq(take_all(list), NULL);                                                            \
    } while (0)

static void order_body(size_t cpu, void *unused)
{
    struct item *mine = items[cpu];
    struct shelf PERCPU *p = percpu_addr(shelf);
    volatile int one = 1;
    int lists = 0, nodes = 0;

    (void)unused;
    for (unsigned i = 0; i < ITEMS; i++)
        mine[i].number = i;
    PUSH_POP(percpu_list_push, percpu_list_pop, percpu_list_take_all, plain);
    PUSH_POP(percpu_list_push, percpu_list_pop, percpu_list_take_all, near_list);
    PUSH_POP(percpu_list_push, percpu_list_pop, percpu_list_take_all, shelf.list);
    PUSH_POP(percpu_list_push, percpu_list_pop, percpu_list_take_all, shelf.row[one]);
    PUSH_POP(percpu_list_push_at, percpu_list_pop_at, percpu_list_take_all_at, &p->row[2]);
    PUSH_POP(percpu_list_push_at, percpu_list_pop_at, percpu_list_take_all_at, percpu_addr(plain));
    percpu_list_push_at(&p->row[lists++], &mine[nodes++].node);
    check_eq(percpu_list_pop_at(&p->row[--lists]), &mine[--nodes].node);
    check_eq(lists, 0);
    check_eq(nodes, 0);
    check_eq(percpu_read(shelf.before), 0);
    check_eq(percpu_read(shelf.after), 0);

    /* Left behind, for the other CPUs not to find. */
    percpu_list_push(plain, &mine[6].node);
}

static void order(size_t bound)
{
    on_bound(order_body, NULL);
    for (size_t cpu = 0; cpu < bound; cpu++) {
        check_eq(percpu_remote_ptr(plain, cpu)->first, &items[cpu][6].node);
        check_eq(items[cpu][6].node.next, NULL);
    }
    percpu_for_each(cpu)
        percpu_remote_ptr(plain, cpu)->first = NULL;
}

TEST(list_last_in_first_out)
{
    with_areas(order);
}

/* -- By cmpxchg: what the lists are not made of, since it goes wrong --------------------------- */

static __attribute__((unused)) struct percpu_list_node *
pop_by_cmpxchg(struct percpu_list PERCPU *list)
{
    struct percpu_list_node *first = percpu_read_at(&list->first), *next;

    do {
        if (!first)
            break;
        next = ((struct percpu_list_node *volatile *)first)[0];
        between();
    } while (!percpu_try_cmpxchg_at(&list->first, &first, next));
    return first;
}

#if HARNESS_BARE

static void between(void)
{
}

/* -- The timer's handler ----------------------------------------------------------------------- */

#define TICKS (test_cpus() > 8 ? 10u : 100u)

static PERCPU_DEFINE(struct percpu_list, busy);
static atomic_uint ticks[TEST_MAX_CPUS], wrong;

static struct item *take(void)
{
    struct percpu_list_node *node = percpu_list_pop(busy);

    if (!node)
        return NULL;
    wrong += item_of(node)->holders++ != 0;
    wrong += item_of(node)->number != test_cpu();
    return item_of(node);
}

static void give(struct item *item)
{
    if (!item)
        return;
    item->holders--;
    percpu_list_push(busy, &item->node);
}

static void tick(void)
{
    struct item *a = take(), *b = take(), *c = take();

    give(b);
    give(a);
    give(c);
    ticks[test_cpu()]++;
}

static void work(size_t cpu, void *unused)
{
    unsigned found = 0;

    (void)unused;
    ticks[cpu] = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        items[cpu][i].number = (unsigned)cpu;
        percpu_list_push(busy, &items[cpu][i].node);
    }
    machine_timer_start(test_cpus() > 8 ? 200 : 2000);
    machine_irq_on();
    while (ticks[cpu] < TICKS) {
        struct item *a = take(), *b = take();

        give(a);
        give(b);
    }
    machine_irq_off();
    machine_timer_stop();
    while (found <= ITEMS && take() != NULL)
        found++;
    check_eq(found, ITEMS);
    for (unsigned i = 0; i < ITEMS; i++)
        check_eq(items[cpu][i].holders, 1);
}

static void interrupts(size_t bound)
{
    (void)bound;
    wrong = 0;
    for (unsigned cpu = 0; cpu < TEST_MAX_CPUS; cpu++)
        for (unsigned i = 0; i < ITEMS; i++)
            items[cpu][i].holders = 0;
    bare_tick = tick;
    on_bound(work, NULL);
    bare_tick = NULL;
    check_eq(wrong, 0);
}

TEST(list_interrupts_keep_every_node)
{
    with_areas(interrupts);
}

#elif !defined(PERCPU_PLATFORM_RSEQ)

/* -- A handler in the middle of a pop ---------------------------------------------------------- */

/*
 * The handler's steps, 5 of 4 kinds each: every sequence of them comes between once, and handlers
 * in the handler's pops do what is left of it.
 */
enum { STEPS = 5, KINDS = 4, FEW = 4 };

static PERCPU_DEFINE(struct percpu_list, interrupted);
static unsigned steps, program;
static struct item *hand[FEW + 1]; /* what handlers hold */
static unsigned held;

static void hold(struct percpu_list_node *node)
{
    if (held < FEW + 1)
        hand[held++] = item_of(node);
}

static void between(void)
{
    while (steps > 0) {
        unsigned kind = program % KINDS;
        struct percpu_list_node *node;

        steps--;
        program /= KINDS;
        if (kind == 0) {
            node = percpu_list_pop(interrupted);
            if (node)
                hold(node);
        } else if (kind == 1 && held > 0) {
            percpu_list_push(interrupted, &hand[--held]->node);
        } else if (kind == 2 && held > 0) { /* the one that was taken first */
            percpu_list_push(interrupted, &hand[0]->node);
            held--;
            memmove(&hand[0], &hand[1], held * sizeof hand[0]);
        } else if (kind == 3) {
            struct percpu_list_node *next;

            node = percpu_list_take_all(interrupted);
            for (unsigned n = 0; node && n <= FEW; n++, node = next) {
                next = node->next;
                hold(node);
            }
        }
    }
}

/* In how many of the sequences is some node not in one place in the end? */
static unsigned go_wrong(struct percpu_list_node *(*pop)(void))
{
    static struct item few[FEW];
    unsigned bad = 0, all = 1;

    for (unsigned i = 0; i < STEPS; i++)
        all *= KINDS;
    for (unsigned n = 0; n < all; n++) {
        unsigned places[FEW] = {0}, found = 0;
        struct percpu_list_node *node;

        held = 0;
        steps = 0;
        for (unsigned i = 0; i < FEW; i++)
            percpu_list_push(interrupted, &few[i].node);
        program = n;
        steps = STEPS;
        node = pop();
        steps = 0;
        if (node)
            places[item_of(node) - few]++;
        for (unsigned i = 0; i < held; i++)
            places[hand[i] - few]++;
        for (node = percpu_list_take_all(interrupted); node && found <= FEW; found++) {
            places[item_of(node) - few]++;
            node = node->next;
        }
        for (unsigned i = 0; i < FEW; i++)
            if (places[i] != 1) {
                bad++;
                break;
            }
    }
    return bad;
}

static struct percpu_list_node *pop(void)
{
    return percpu_list_pop(interrupted);
}

static struct percpu_list_node *wrong_pop(void)
{
    return pop_by_cmpxchg(percpu_addr(interrupted));
}

static void handlers(size_t bound)
{
    (void)bound;
    check_eq(go_wrong(pop), 0);
    check(go_wrong(wrong_pop) > 0);
}

TEST(list_a_handler_in_a_pop_keeps_every_node)
{
    with_areas(handlers);
}

#else

static void between(void)
{
}

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- A herd of threads: more than CPUs, moved about, interrupted ------------------------------- */

/* Tests take the protection out of these. */
#define POP() percpu_list_pop(shared)
#define FENCE(cpu) percpu_fence_cpu(cpu)

#ifndef HERD
#define HERD (6 * test_cpus())
#endif
#ifndef EACH
#define EACH 2u /* nodes of each thread */
#endif
enum { MAX_HERD = 6 * TEST_MAX_CPUS };

static PERCPU_DEFINE(struct percpu_list, shared);
static struct item flock[MAX_HERD][EACH];
static struct herded {
    pthread_t thread;
    atomic_int tid;
    size_t number;
    unsigned seed;
} list_herd[MAX_HERD];
static atomic_bool enough;
static atomic_uint twice, popped, in_handlers, drained;

static void give_back(struct percpu_list_node *node)
{
    item_of(node)->holders--;
    percpu_list_push(shared, node);
}

static struct percpu_list_node *take(void)
{
    struct percpu_list_node *node = POP();

    if (node)
        twice += item_of(node)->holders++ != 0;
    return node;
}

/* Two out, and in again in the other order: what a pop that was interrupted must not overlook. */
static unsigned exchange(void)
{
    struct percpu_list_node *a = take(), *b = take();

    if (a)
        give_back(a);
    if (b)
        give_back(b);
    return (a ? 1u : 0u) + (b ? 1u : 0u);
}

SIGNAL_HANDLER static void exchange_in_handler(int number)
{
    int saved = errno;

    (void)number;
    in_handlers += exchange();
    errno = saved;
}

/* A damaged list may have no end. */
static unsigned give_all_back(struct percpu_list_node *node)
{
    unsigned count = 0;

    for (struct percpu_list_node *next; node && count < MAX_HERD * EACH; node = next, count++) {
        next = node->next;
        twice += item_of(node)->holders++ != 0;
        give_back(node);
    }
    return count;
}

static bool leave_rseq(void)
{
    for (unsigned bytes = 32; bytes <= 256; bytes += 32)
        if (syscall(SYS_rseq, percpu__rseq_area(), bytes, 1, PERCPU__RSEQ_SIGNATURE) == 0)
            return true;
    return false;
}

/* Every third thread has no sequences, where libc is who registers them. */
static void *graze(void *data)
{
    struct herded *self = data;

    if (self->number % 3 == 2 && string_contains(percpu_info(), "libc registers threads") &&
        !leave_rseq())
        twice++;
    for (unsigned i = 0; i < EACH; i++)
        percpu_list_push(shared, &flock[self->number][i].node);
    self->tid = (int)syscall(SYS_gettid);
    for (unsigned round = 0; round < 100 || !enough; round++) {
        struct percpu_list_node *node = take();

        if (round % 16 == 0)
            sched_yield();
        popped += exchange();
        if (node)
            give_back(node);
        if ((unsigned)rand_r(&self->seed) % 64 == 0)
            popped += give_all_back(percpu_list_take_all(shared));
    }
    return NULL;
}

/* Starts the herd, moves and interrupts its threads at random, and in `rounds` calls fn. */
static void drive(unsigned rounds, void (*fn)(void))
{
    struct sigaction action = {.sa_flags = SA_RESTART}, before;
    unsigned found = 0, seed = 1;
    const char *number = getenv("TEST_RSEQ_SIGNALS"); /* where everything is slow: of 20,000 */
    cpu_set_t one;

    if (number)
        rounds = (unsigned)(rounds * strtoul(number, NULL, 10) / 20000);
    action.sa_handler = exchange_in_handler;
    sigaction(SIGUSR2, &action, &before);
    twice = popped = in_handlers = drained = 0;
    enough = false;
    percpu_for_each(cpu)
        percpu_remote_ptr(shared, cpu)->first = NULL;
    memset(flock, 0, sizeof flock);
    for (size_t t = 0; t < HERD; t++) {
        list_herd[t] = (struct herded){.number = t, .seed = (unsigned)t};
        check_eq(pthread_create(&list_herd[t].thread, NULL, graze, &list_herd[t]), 0);
    }
    for (unsigned n = 0; n < rounds; n++) {
        struct herded *one_of = &list_herd[(unsigned)rand_r(&seed) % HERD];

        CPU_ZERO(&one);
        CPU_SET((unsigned)rand_r(&seed) % test_cpus(), &one);
        while (one_of->tid == 0) /* it has not started yet */
            sched_yield();
        sched_setaffinity(one_of->tid, sizeof one, &one);
        pthread_kill(one_of->thread, SIGUSR2);
        if (fn)
            fn();
        if (n % 64 == 0)
            sched_yield();
    }
    enough = true; /* nobody ends before, so that all signals find a thread */
    for (size_t t = 0; t < HERD; t++)
        pthread_join(list_herd[t].thread, NULL);
    sigaction(SIGUSR2, &before, NULL);
    note("%u pops, %u in handlers, %u nodes drained", (unsigned)popped, (unsigned)in_handlers,
         (unsigned)drained);
    check(popped > 0 && in_handlers > 0);
    check_eq(twice, 0);
    percpu_for_each(cpu)
        for (struct percpu_list_node *node = percpu_remote_ptr(shared, cpu)->first;
             node && found <= HERD * EACH; node = node->next, found++)
            item_of(node)->number++;
    check_eq(found, HERD * EACH);
    for (size_t t = 0; t < HERD; t++)
        for (unsigned i = 0; i < EACH; i++)
            if (flock[t][i].number != 1 || flock[t][i].holders != 0)
                twice++;
    check_eq(twice, 0);
}

TEST(list_threads_keep_every_node)
{
    drive(20000, NULL);
}

/*
 * From any thread: all nodes, or on every second CPU the first one. Nothing here uses the list in a
 * handler of this thread.
 */
static struct percpu_list_node *drain(size_t cpu)
{
    struct percpu_list_node *first, *rest;

    do {
        first = percpu_list_close(shared, cpu);
        check_eq(FENCE(cpu), 0);
        rest = first && cpu % 2 ? first->next : NULL;
    } while (!percpu_list_open(shared, cpu, first, rest));
    if (first && rest)
        first->next = NULL;
    return first;
}

static void drain_all(void)
{
    percpu_for_each(cpu)
        drained += give_all_back(drain(cpu));
}

TEST(list_drain_keeps_every_node)
{
    drive(4000, drain_all);
    check(drained > 0);
}

/* -- What comes after what --------------------------------------------------------------------- */

/*
 * Threads that share nothing but the list, on one CPU; the flag has no order. ThreadSanitizer would
 * report what is written to the item that is handed over. Not on CPU 0, where there is another:
 * there the atomics of who drains are on what is a per-CPU pointer, too.
 */
static PERCPU_DEFINE(struct percpu_list, handing);
static struct item handed;
static atomic_uint step_of_handing;

static void step_is(unsigned step)
{
    while (atomic_load_explicit(&step_of_handing, memory_order_relaxed) != step)
        sched_yield();
}

static void next_step(void)
{
    atomic_fetch_add_explicit(&step_of_handing, 1, memory_order_relaxed);
}

static void stay_on_one_cpu(cpu_set_t *before)
{
    cpu_set_t one;

    sched_getaffinity(0, sizeof *before, before);
    CPU_ZERO(&one);
    CPU_SET(1 % test_cpus(), &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void *work_on_what_is_handed(void *unused)
{
    cpu_set_t before;
    struct percpu_list_node *node;

    stay_on_one_cpu(&before);
    next_step();
    step_is(2);
    node = percpu_list_pop(handing);
    handed.number++;
    percpu_list_push(handing, node);
    next_step();
    step_is(4);
    node = percpu_list_take_all(handing);
    handed.number++;
    percpu_list_push(handing, node);
    next_step();
    step_is(6); /* the list was closed, and is open again with the same node */
    node = percpu_list_pop(handing);
    node->next = NULL;
    handed.number++;
    percpu_list_push(handing, node);
    next_step();
    return unused;
}

TEST(list_hands_over)
{
    struct percpu_list_node *first, *second;
    pthread_t thread;
    cpu_set_t before;
    size_t cpu;

    stay_on_one_cpu(&before);
    cpu = percpu_cpu_id();
    step_of_handing = 0;
    check_eq(pthread_create(&thread, NULL, work_on_what_is_handed, NULL), 0);
    step_is(1);
    handed.number = 1;
    percpu_list_push(handing, &handed.node);
    next_step();
    step_is(3);
    first = percpu_list_pop(handing);
    check_eq(first, &handed.node);
    handed.number++;
    percpu_list_push(handing, first);
    next_step();
    step_is(5);
    first = percpu_list_close(handing, cpu);
    check_eq(percpu_fence_cpu(cpu), 0);
    second = first->next;
    check(percpu_list_open(handing, cpu, first, first));
    check_eq(second, NULL);
    next_step();
    step_is(7);
    first = percpu_list_close(handing, cpu);
    check_eq(percpu_fence_cpu(cpu), 0);
    check(percpu_list_open(handing, cpu, first, NULL));
    check_eq(handed.number, 5);
    pthread_join(thread, NULL);
    sched_setaffinity(0, sizeof before, &before);
    (void)percpu_cpu_id(); /* the area of this CPU, also without sequences */
}

/* -- A closed list keeps who uses it waiting -------------------------------------------------- */

static PERCPU_DEFINE(struct percpu_list, closed);
static atomic_int waiter;
static atomic_bool has_waited, errno_stayed;
static struct percpu_list_node *waiters_node;
static atomic_uint waiter_signals;

SIGNAL_HANDLER static void count_signal(int number)
{
    (void)number;
    waiter_signals++;
}

enum use { PUSHES, POPS, TAKES };

static void *wait_until_open(void *data)
{
    static struct percpu_list_node pushed;
    struct percpu_list_node *node = &pushed;
    enum use use = *(enum use *)data;

    errno = 77;
    waiter = (int)syscall(SYS_gettid);
    if (use == PUSHES)
        percpu_list_push(closed, node);
    else
        node = use == POPS ? percpu_list_pop(closed) : percpu_list_take_all(closed);
    errno_stayed = errno == 77;
    waiters_node = node;
    has_waited = true;
    pthread_testcancel();
    return NULL;
}

static size_t nodes_in_closed(void)
{
    size_t count = 0;

    percpu_for_each(cpu)
        for (struct percpu_list_node *node = percpu_remote_ptr(closed, cpu)->first; node;
             node = node->next)
            count++;
    return count;
}

/* All areas' lists are closed, with a node in each: by mm_cid any may be the waiter's. */
static void waits_until_open(enum use use)
{
    static struct percpu_list_node nodes[TEST_MAX_CPUS + 1];
    struct percpu_list_node *first[TEST_MAX_CPUS + 1];
    void *result = NULL;
    pthread_t thread;
    size_t areas = 0;

    waiter = 0;
    waiter_signals = 0;
    has_waited = false;
    percpu_for_each(cpu) {
        nodes[cpu].next = NULL;
        percpu_remote_ptr(closed, cpu)->first = &nodes[cpu];
        check_eq(percpu_list_close(closed, cpu), &nodes[cpu]);
        first[cpu] = percpu_list_close(closed, cpu); /* again */
        check_eq(first[cpu], &nodes[cpu]);
        areas++;
    }
    check_eq(pthread_create(&thread, NULL, wait_until_open, &use), 0);
    while (waiter == 0)
        sched_yield();
    for (unsigned sent = 0; sent < 100 && !has_waited; sent++) {
        pthread_kill(thread, SIGUSR2);
        while (waiter_signals <= sent && !has_waited)
            sched_yield();
    }
    check(!has_waited);
    pthread_cancel(thread);
    usleep(1000); /* where it is cancelled too early */
    percpu_for_each(cpu)
        check(percpu_list_open(closed, cpu, first[cpu], first[cpu]));
    pthread_join(thread, &result);
    check(has_waited);
    check(errno_stayed);
    check(result == PTHREAD_CANCELED);
    check(waiters_node != NULL);
    check_eq(nodes_in_closed(), use == PUSHES ? areas + 1 : areas - 1);
    percpu_for_each(cpu)
        percpu_remote_ptr(closed, cpu)->first = NULL;
}

/* Signals interrupt it; that it is cancelled has to wait; errno is the caller's. */
TEST(list_closed)
{
    struct sigaction action = {.sa_flags = SA_RESTART}, before;

    action.sa_handler = count_signal;
    sigaction(SIGUSR2, &action, &before);
    waits_until_open(PUSHES);
    waits_until_open(POPS);
    waits_until_open(TAKES);
    sigaction(SIGUSR2, &before, NULL);
}

/* -- fork() ------------------------------------------------------------------------------------ */

static PERCPU_DEFINE(struct percpu_list, of_forkers);
static atomic_uint forkers_at_work;

static void *push_and_pop(void *data)
{
    struct percpu_list_node *node = data;

    forkers_at_work++;
    while (!enough) {
        if (node)
            percpu_list_push(of_forkers, node);
        node = percpu_list_pop(of_forkers);
        if (!node)
            sched_yield();
    }
    return NULL;
}

static void use_everywhere(void)
{
    static struct percpu_list_node mine[TEST_MAX_CPUS];
    cpu_set_t one;

    for (size_t cpu = 0; cpu < test_cpus(); cpu++) {
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        percpu_list_push(of_forkers, &mine[cpu]);
        (void)percpu_list_pop(of_forkers);
    }
}

/* What threads that are not in a child were about to do with lists keeps nobody waiting there. */
TEST(list_fork)
{
    static struct percpu_list_node nodes[4];
    pthread_t thread[4];

    enough = false;
    forkers_at_work = 0;
    for (size_t t = 0; t < 4; t++)
        check_eq(pthread_create(&thread[t], NULL, push_and_pop, &nodes[t]), 0);
    while (forkers_at_work < 4)
        sched_yield();
    for (int i = 0; i < 20; i++) {
        int status = -1, patience = 3000;
        pid_t child = fork(), found;

        if (child == 0) {
            use_everywhere();
            _exit(0);
        }
        check(child > 0);
        /* Where it hangs, it has all signals blocked but this one. */
        while ((found = waitpid(child, &status, WNOHANG)) == 0 || (found < 0 && errno == EINTR))
            if (usleep(1000), patience-- == 0)
                kill(child, SIGKILL);
        if (!check_eq(status, 0))
            break;
    }
    enough = true;
    for (size_t t = 0; t < 4; t++)
        pthread_join(thread[t], NULL);
}

#endif
