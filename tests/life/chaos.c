/* SPDX-License-Identifier: MIT */
/*
 * usage: chaos SECONDS [SEED [MODULE]]
 * rseq, thread: all at once. Threads update, have blocks in blocks, push and pop, allocate, are
 * made
 * and end, also by cancellation, deferred or asynchronous; signal handlers interrupt them and do
 * the
 * same, and fork; lists are drained; MODULE, a shared library with percpu, is opened and closed. In
 * the end no update, node or object is lost. SECONDS stands for a number of rounds, which may take
 * longer. Prints the seed, and "right" in the end. A thread that gets no further for 60 seconds
 * ends
 * the program, which then says who waits where; nothing else depends on time.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>
#include <percpu/info.h>
#include <percpu/list.h>

#include "blocks.h"
#include "hang.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

enum role { LASTING, DEFERRED, ASYNCHRONOUS };
enum { SLOTS = 8, NODES = 64, IN_A_LIFE = 100, LIVES_A_SECOND = 150, PATIENCE = 60 };
static const enum role roles[SLOTS] = {LASTING,  LASTING,  LASTING,      LASTING,
                                       DEFERRED, DEFERRED, ASYNCHRONOUS, ASYNCHRONOUS};

/* A place for one thread after the other. */
static struct slot {
    size_t number;
    atomic_int tid;             /* 0: signals are not wanted */
    const char *volatile where; /* what its thread does */
    atomic_ulong rounds;
    unsigned seed;
} slots[SLOTS];
static __thread struct slot *mine;
static __thread volatile bool may_fork;

/*
 * What was begun and what was done, apart for threads that are cancelled asynchronously: of them
 * the
 * last operation of the thread and of its handlers may have been done or not.
 */
struct count {
    atomic_ulong begun, done;
};
static struct count updates[2], block_counts[2];
static atomic_ulong cancelled, forks, signals, not_entered, drained, handler_blocks[2];
static atomic_bool is_over;
static unsigned long lives;
static bool in_child;

struct pair {
    volatile unsigned long a, b;
};
struct node {
    struct percpu_list_node link;
    atomic_int is_held;
};
static PERCPU_DEFINE(unsigned long[2], counter);
static PERCPU_DEFINE(struct pair, pair);
static PERCPU_DEFINE(struct pair[2], of_handlers);
static PERCPU_DEFINE(unsigned long[3], of_cancelled); /* of threads, and of each handler */
static PERCPU_DEFINE(struct percpu_list, list);
static struct node nodes[NODES];

static bool is_doubtful(void)
{
    return roles[mine->number] == ASYNCHRONOUS;
}

static void update(void)
{
    bool doubtful = is_doubtful();

    updates[doubtful].begun++;
    percpu_inc(counter[doubtful]);
    updates[doubtful].done++;
}

/* A handler comes between the steps of a block of its thread, and has a word of its own. */
static void block_of_doubtful(int which)
{
    block_counts[1].begun++;
    percpu_with_current(of_cancelled[which], p)
        ++*(volatile unsigned long *)p;
    block_counts[1].done++;
}

static void change(struct pair *p)
{
    CHECK(in_child || p->a == p->b);
    p->a++;
    if (p->a % 16 == 0)
        sched_yield();
    p->b++;
}

/* A thread with a deferred cancellation ends in the block, before it has changed anything. */
static void block(unsigned random)
{
    if (is_doubtful()) {
        block_of_doubtful(0);
        return;
    }
    percpu_with_current(pair, p) {
        if (roles[mine->number] == DEFERRED)
            pthread_testcancel();
        change(p);
        if (random % 4 == 0)
            percpu_with_current(pair, q) {
                CHECK(q == p);
                change(q);
            }
    }
    block_counts[0].done += 1 + (random % 4 == 0);
}

/* -- Lists ------------------------------------------------------------------------------------- */

static void give(struct percpu_list_node *link)
{
    struct node *node = (struct node *)link;

    CHECK(atomic_exchange(&node->is_held, 0) == 1);
    percpu_list_push(list, link);
}

static struct percpu_list_node *take(struct percpu_list_node *link)
{
    if (link)
        CHECK(atomic_exchange(&((struct node *)link)->is_held, 1) == 0);
    return link;
}

/* A chain that is the caller's goes back, node by node. */
static unsigned give_all(struct percpu_list_node *link)
{
    unsigned n = 0;

    for (struct percpu_list_node *next; link; link = next, n++) {
        next = link->next;
        give(take(link));
    }
    return n;
}

static void use_list(unsigned random)
{
    if (is_doubtful())
        return;
    if (random % 8 == 0) {
        give_all(percpu_list_take_all(list));
    } else {
        struct percpu_list_node *link = take(percpu_list_pop(list));

        if (link)
            give(link);
    }
}

#ifdef PERCPU_PLATFORM_RSEQ
static void drain(size_t cpu)
{
    struct percpu_list_node *first;
    int error;

    do {
        first = percpu_list_close(list, cpu);
        error = percpu_fence_cpu(cpu);
    } while (!percpu_list_open(list, cpu, first, error ? first : NULL) && !error);
    if (!error)
        drained += give_all(first);
}

static void *drains(void *unused)
{
    const struct timespec nap = {0, 2000000};

    while (!is_over) {
        percpu_for_each(cpu)
            drain(cpu);
        nanosleep(&nap, NULL);
    }
    return unused;
}
#endif

/* -- Signals and children ---------------------------------------------------------------------- */

static void block_in_handler(int which)
{
    if (is_doubtful()) {
        block_of_doubtful(1 + which);
        return;
    }
    if (rand_r(&mine->seed) % 2) {
        percpu_try_with_current(of_handlers[which], p) {
            change(p);
        } else {
            not_entered++;
            return;
        }
    } else {
        percpu_with_current(of_handlers[which], p)
            change(p);
    }
    handler_blocks[which]++;
}

/* Drains of the parent's may have closed lists: they stay closed. */
static void live_in_child(int which)
{
    in_child = true;
    alarm(PATIENCE);
    for (int i = 0; i < 20; i++) {
        update();
        block_in_handler(which);
    }
    _exit(0);
}

static void handle(int signal)
{
    int saved = errno, which = signal == SIGUSR2;

    signals++;
    update();
    block_in_handler(which);
    use_list((unsigned)which);
    if (may_fork && rand_r(&mine->seed) % 32 == 0) {
        /* In glibc a fork() waits for ever for one that its signal handler has interrupted. */
        may_fork = false;
        if (fork() == 0)
            live_in_child(which);
        forks++;
        may_fork = true;
    }
    errno = saved;
}

static void *sends(void *unused)
{
    const struct timespec nap = {0, 10000};
    unsigned seed = 1;

    while (!is_over) {
        int tid = slots[(unsigned)rand_r(&seed) % SLOTS].tid;

        if (tid != 0)
            syscall(SYS_tgkill, getpid(), tid, rand_r(&seed) % 2 ? SIGUSR1 : SIGUSR2);
        nanosleep(&nap, NULL);
    }
    return unused;
}

/* -- The threads of slots ---------------------------------------------------------------------- */

static void set_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(how, &set, NULL);
}

static void allocate(void)
{
    unsigned long PERCPU *p = percpu_alloc(unsigned long);

    CHECK(p && percpu_sum_at(p) == 0);
    percpu_add_at(p, 3);
    sched_yield();
    percpu_inc_at(p);
    CHECK(percpu_sum_at(p) == 4);
    percpu_free(p);
}

static void play_round(void)
{
    unsigned random = (unsigned)rand_r(&mine->seed);

    mine->where = "an update";
    update();
    mine->where = "a block";
    block(random);
    mine->where = "a list";
    use_list(random >> 4);
    if (!is_doubtful() && random % 8 == 0) {
        mine->where = "percpu_alloc()";
        allocate();
    }
    mine->rounds++;
}

static void *live(void *slot)
{
    int old;

    mine = slot;
#ifdef PERCPU_PLATFORM_THREAD
    CHECK(percpu_init_reg(mine->number) == 0);
#endif
    mine->tid = (int)syscall(SYS_gettid);
    may_fork = roles[mine->number] == LASTING;
    if (roles[mine->number] == ASYNCHRONOUS)
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    set_signals(SIG_UNBLOCK);
    for (int i = 0; roles[mine->number] != LASTING || i < IN_A_LIFE; i++)
        play_round();
    set_signals(SIG_BLOCK);
    mine->tid = 0;
    return NULL;
}

/* Makes one thread after the other; those that do not end by themselves it cancels. */
static void *manage(void *data)
{
    struct slot *slot = data;
    unsigned seed = slot->seed;

    for (unsigned long life = 0; life < lives; life++) {
        pthread_t thread;

        slot->where = "pthread_create()";
        CHECK(pthread_create(&thread, NULL, live, slot) == 0);
        if (roles[slot->number] != LASTING) {
            unsigned long enough = slot->rounds + (unsigned)rand_r(&seed) % IN_A_LIFE;

            while (slot->rounds < enough)
                sched_yield();
            CHECK(pthread_cancel(thread) == 0);
            cancelled++;
        }
        CHECK(pthread_join(thread, NULL) == 0);
        slot->tid = 0;
        slot->rounds++;
    }
    slot->where = NULL;
    return NULL;
}

/* -- A module ---------------------------------------------------------------------------------- */

static const char *module;

static void *opens(void *unused)
{
    for (long n = 1; module && !is_over; n++) {
        void *library = dlopen(module, RTLD_NOW);
        const struct blocks *blocks = library ? dlsym(library, "blocks") : NULL;

        CHECK(blocks);
        blocks->block(NULL);
        CHECK(blocks->sum() == n);
        CHECK(dlclose(library) == 0);
        usleep(1000);
    }
    return unused;
}

/* -- Who waits where --------------------------------------------------------------------------- */

static void say_who_waits(void)
{
    for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
        fprintf(stderr, "slot %zu, thread %d: in %s, system call %ld, %lu rounds\n", slot->number,
                slot->tid, slot->where ? slot->where : "nothing", sleeps_in(slot->tid),
                slot->rounds);
    percpu_for_each(cpu) {
        struct percpu_area_state state;

        if (percpu_area_info(cpu, &state, sizeof(state)) == 0)
            fprintf(stderr, "area %zu: owner %u, flags %u\n", cpu, state.owner, state.flags);
    }
    _exit(1);
}

static void reap(void)
{
    int status;

    while (waitpid(-1, &status, is_over ? 0 : WNOHANG) > 0)
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void *watches(void *unused)
{
    unsigned long seen[SLOTS] = {0};
    unsigned still[SLOTS] = {0};

    while (!is_over) {
        sleep(1);
        reap();
        for (size_t i = 0; i < SLOTS; i++) {
            still[i] = slots[i].rounds == seen[i] && slots[i].where ? still[i] + 1 : 0;
            seen[i] = slots[i].rounds;
            if (still[i] == PATIENCE)
                say_who_waits();
        }
    }
    return unused;
}

/* -- The claim --------------------------------------------------------------------------------- */

static void check_count(unsigned long sum, const struct count *count)
{
    fprintf(stderr, "%lu, of %lu begun %lu were done\n", sum, count->begun, count->done);
    CHECK(count->done <= sum && sum <= count->begun && count->begun - count->done <= 3 * cancelled);
}

static void check_all(void)
{
    unsigned long sum = 0, handlers[2] = {0, 0};
    unsigned left = 0;

    CHECK(updates[0].begun == updates[0].done);
    CHECK(percpu_sum(counter[0]) == updates[0].done);
    check_count(percpu_sum(counter[1]), &updates[1]);
    check_count(percpu_sum(of_cancelled[0]) + percpu_sum(of_cancelled[1]) +
                    percpu_sum(of_cancelled[2]),
                &block_counts[1]);
    percpu_for_each(cpu) {
        struct pair *p = percpu_remote_ptr(pair, cpu);
        struct percpu_list *head = percpu_remote_ptr(list, cpu);

        CHECK(p->a == p->b);
        sum += p->a;
        for (int i = 0; i < 2; i++) {
            p = percpu_remote_ptr(of_handlers[i], cpu);
            CHECK(p->a == p->b);
            handlers[i] += p->a;
        }
        for (struct percpu_list_node *link = head->first; link; link = link->next, left++)
            take(link);
    }
    CHECK(sum == block_counts[0].done);
    CHECK(handlers[0] == handler_blocks[0] && handlers[1] == handler_blocks[1]);
    CHECK(left == NODES);
    CHECK(percpu_alloc_stats().used == 0);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t managers[SLOTS], others[5];
    unsigned seed;
    size_t n = 0;

    CHECK(argc > 1);
    lives = strtoul(argv[1], NULL, 10) * LIVES_A_SECOND;
    seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)time(NULL);
    module = argc > 3 ? argv[3] : NULL;
    fprintf(stderr, "seed %u\n", seed);
#ifdef PERCPU_PLATFORM_THREAD
    struct percpu_layout layout = percpu_area_layout_expected_with(SLOTS + 1, 1 << 16);

    CHECK(percpu_init_with(aligned_alloc(layout.align, layout.size), SLOTS + 1, 1 << 16) > 0);
    CHECK(percpu_init_reg(SLOTS) == 0);
#endif
    set_signals(SIG_BLOCK);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    for (size_t i = 0; i < NODES; i++)
        percpu_list_push(list, &nodes[i].link);
    CHECK(pthread_create(&others[n++], NULL, watches, NULL) == 0);
    CHECK(pthread_create(&others[n++], NULL, sends, NULL) == 0);
    CHECK(pthread_create(&others[n++], NULL, opens, NULL) == 0);
#ifdef PERCPU_PLATFORM_RSEQ
    CHECK(pthread_create(&others[n++], NULL, drains, NULL) == 0);
#endif
    for (size_t i = 0; i < SLOTS; i++) {
        slots[i].number = i;
        slots[i].seed = seed + (unsigned)i;
        CHECK(pthread_create(&managers[i], NULL, manage, &slots[i]) == 0);
    }
    for (size_t i = 0; i < SLOTS; i++)
        CHECK(pthread_join(managers[i], NULL) == 0);
    is_over = true;
    while (n > 0)
        CHECK(pthread_join(others[--n], NULL) == 0);
    reap();
    fprintf(stderr,
            "%lu updates, %lu blocks, %lu signals, %lu cancelled, %lu forks, %lu not entered, %lu "
            "drained\n",
            updates[0].done, block_counts[0].done, signals, cancelled, forks, not_entered, drained);
    check_all();
    return right();
}
