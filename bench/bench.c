/* SPDX-License-Identifier: MIT */
/*
 * What an update of one 64-bit counter costs, beside its alternatives, on one thread; and a list.
 * What counts is the ratio to a plain increment in the same run.
 *
 * usage: bench [REPETITIONS]     (default 25, at least 9)
 */
#define _GNU_SOURCE
#include "bench.h"
#include "table.h"

#include <percpu/list.h>
#include <percpu/percpu.h>

#include <pthread.h>
#include <sched.h>

#ifdef BENCH_LIBRSEQ
#include <rseq/rseq.h>
#endif

#define LINE _Alignas(PERCPU_CACHE_LINE)

static PERCPU_DEFINE(uint64_t, counter);
static LINE uint64_t plain_counter[8], thread_line[8];
static LINE uint64_t atomic_counter;
static LINE uint64_t locked_counter;
static LINE pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    LINE uint64_t value;
} *shard; /* one for each CPU */

/* Loops of one site and of eight. */
#define LOOPS(name, before, operation)                                                             \
    LOOP(name##_1, 1, before, operation)                                                           \
    LOOP(name##_8, 8, before, operation)

static inline void with_current(void)
{
    percpu_with_current(counter, p) {
        ++*p;
    }
}

static inline void with_mutex(void)
{
    pthread_mutex_lock(&mutex);
    locked_counter++;
    pthread_mutex_unlock(&mutex);
}

static inline void sharded(void)
{
    __atomic_fetch_add(&shard[sched_getcpu()].value, 1, __ATOMIC_RELAXED);
}

LOOPS(plain, uint64_t *p = unknown(plain_counter), ++*p; __asm__ volatile("" : "+m"(*p)))
/*
 * A sequence tells the kernel where it is: a store to a line of the thread, which no increment can
 * do without. A processor that commits stores to one line per cycle needs two cycles.
 */
LOOPS(two_lines, uint64_t *p = unknown(plain_counter); uint64_t *q = unknown(thread_line), ++*p;
      *q = (uintptr_t)p; __asm__ volatile("" : "+m"(*p), "+m"(*q)))
LOOPS(one_line, uint64_t *p = unknown(plain_counter);
      uint64_t *q = unknown(plain_counter + 1), ++*p; *q = (uintptr_t)p;
      __asm__ volatile("" : "+m"(*p), "+m"(*q)))
LOOPS(inc, , percpu_inc(counter))
LOOPS(atomic, , __atomic_fetch_add(&atomic_counter, 1, __ATOMIC_RELAXED))
LOOP(read_write, 8, , percpu_write(counter, percpu_read(counter) + 1))
LOOP(add_return, 8, , (void)percpu_add_return(counter, 1))
LOOP(with_current, 8, , with_current())
LOOP(sharded, 8, , sharded())
LOOP(mutex, 8, , with_mutex())

#ifdef BENCH_LIBRSEQ
/* As its documentation does it: an array, the CPU's number read before, again when it was left. */
static inline void librseq_inc(void)
{
    int cpu;
    do
        cpu = (int)rseq_cpu_start();
    while (rseq_load_add_store__ptr(RSEQ_MO_RELAXED, RSEQ_PERCPU_CPU_ID,
                                    (intptr_t *)&shard[cpu].value, 1, cpu) != 0);
}
LOOPS(librseq, , librseq_inc())
#endif

/*
 * A list: pop a node and push it again. The alternatives have one list for each CPU, too, which
 * sched_getcpu() finds.
 */
#define NODES 8
struct node {
    struct node *next;
};
static struct node *plain_first;

static inline void plain_pop_push(struct node **first)
{
    struct node *node = *first;
    *first = node->next;
    __asm__ volatile("" : : : "memory");
    node->next = *first;
    *first = node;
    __asm__ volatile("" : : : "memory");
}

/* With what a sequence stores beside: see two_lines. */
static inline void stores_pop_push(struct node **first, uint64_t *q)
{
    struct node *node = *first;
    *q = 1;
    __asm__ volatile("" : "+m"(*q));
    *first = node->next;
    __asm__ volatile("" : : : "memory");
    *q = 2;
    __asm__ volatile("" : "+m"(*q));
    node->next = *first;
    *first = node;
    __asm__ volatile("" : : : "memory");
}

static struct locked_list {
    LINE pthread_mutex_t mutex;
    struct node *first;
} *locked_list; /* one for each CPU */

static inline void locked_pop_push(void)
{
    struct locked_list *list = &locked_list[sched_getcpu()];
    pthread_mutex_lock(&list->mutex);
    struct node *node = list->first;
    list->first = node->next;
    pthread_mutex_unlock(&list->mutex);
    __asm__ volatile("" : "+r"(node));
    list = &locked_list[sched_getcpu()];
    pthread_mutex_lock(&list->mutex);
    node->next = list->first;
    list->first = node;
    pthread_mutex_unlock(&list->mutex);
}

#ifdef __GCC_HAVE_SYNC_COMPARE_AND_SWAP_16
/* Treiber's stack; a count beside the pointer, exchanged with it, keeps A-B-A out. */
__extension__ typedef unsigned __int128 two_words;
union treiber {
    two_words both;
    struct {
        struct node *first;
        uintptr_t count;
    } now;
};
static struct {
    LINE union treiber list;
} *treiber; /* one for each CPU */

static inline bool treiber_replace(union treiber *list, union treiber old, struct node *first)
{
    union treiber new = {.now = {first, old.now.count + 1}};
    return __sync_bool_compare_and_swap(&list->both, old.both, new.both);
}

static inline union treiber treiber_read(union treiber *list)
{
    union treiber old; /* two reads: a torn pair is never there to be replaced */
    old.now.first = __atomic_load_n(&list->now.first, __ATOMIC_RELAXED);
    old.now.count = __atomic_load_n(&list->now.count, __ATOMIC_RELAXED);
    return old;
}

static inline void treiber_pop_push(void)
{
    union treiber *list = &treiber[sched_getcpu()].list, old;
    do
        old = treiber_read(list);
    while (!treiber_replace(list, old, old.now.first->next));
    struct node *node = old.now.first;
    list = &treiber[sched_getcpu()].list;
    do {
        old = treiber_read(list);
        node->next = old.now.first;
    } while (!treiber_replace(list, old, node));
}
LOOP(treiber_list, 1, , treiber_pop_push())
#endif

static inline struct node **unknown_list(void)
{
    struct node **first = &plain_first;
    __asm__ volatile("" : "+r"(first));
    return first;
}

LOOP(plain_list, 1, struct node **first = unknown_list(), plain_pop_push(first))
LOOP(stores_list, 1, struct node **first = unknown_list();
     uint64_t *q = unknown(thread_line), stores_pop_push(first, q))
LOOP(mutex_list, 1, , locked_pop_push())
static PERCPU_DEFINE(struct percpu_list, list);
LOOP(percpu_list, 1, , percpu_list_push(list, percpu_list_pop(list)))

#ifdef BENCH_LIBRSEQ
static struct librseq_list {
    LINE intptr_t first;
} *librseq_list; /* one for each CPU */

static inline void librseq_pop_push(void)
{
    intptr_t node, old;
    int cpu;
    do
        cpu = (int)rseq_cpu_start();
    while (rseq_load_cbeq_store_add_load_store__ptr(
               RSEQ_MO_RELAXED, RSEQ_PERCPU_CPU_ID, &librseq_list[cpu].first, 0,
               (long)offsetof(struct node, next), &node, cpu) != 0);
    do {
        cpu = (int)rseq_cpu_start();
        old = librseq_list[cpu].first;
        ((struct node *)node)->next = (struct node *)old;
    } while (rseq_load_cbne_store__ptr(RSEQ_MO_RELAXED, RSEQ_PERCPU_CPU_ID,
                                       &librseq_list[cpu].first, old, node, cpu) != 0);
}
LOOP(librseq_list, 1, , librseq_pop_push())
#endif

static const struct way one_site[] = {
    {"plain increment through a pointer", LAYOUT_NAMES(plain_1)},
    {"row 1, and a store to another line", LAYOUT_NAMES(two_lines_1)},
    {"row 1, and a store to the same line", LAYOUT_NAMES(one_line_1)},
    {"`percpu_inc`", LAYOUT_NAMES(inc_1)},
#ifdef BENCH_LIBRSEQ
    {"librseq, array indexed by CPU", LAYOUT_NAMES(librseq_1)},
#endif
    {"atomic increment, uncontended", LAYOUT_NAMES(atomic_1)},
};

static const struct way eight_sites[] = {
    {"plain increment through a pointer", LAYOUT_NAMES(plain_8)},
    {"row 1, and a store to another line", LAYOUT_NAMES(two_lines_8)},
    {"row 1, and a store to the same line", LAYOUT_NAMES(one_line_8)},
    {"`percpu_inc`", LAYOUT_NAMES(inc_8)},
    {"`percpu_write(percpu_read + 1)`", LAYOUT_NAMES(read_write)},
    {"`percpu_add_return`", LAYOUT_NAMES(add_return)},
    {"`percpu_with_current`", LAYOUT_NAMES(with_current)},
#ifdef BENCH_LIBRSEQ
    {"librseq, array indexed by CPU", LAYOUT_NAMES(librseq_8)},
#endif
    {"atomic increment, uncontended", LAYOUT_NAMES(atomic_8)},
    {"atomic increment, sharded by `sched_getcpu`", LAYOUT_NAMES(sharded)},
    {"mutex, uncontended", LAYOUT_NAMES(mutex)},
};

static const struct way lists[] = {
    {"plain increment through a pointer", LAYOUT_NAMES(plain_1)},
    {"a plain list, and two stores to another line", LAYOUT_NAMES(stores_list)},
    {"a plain list", LAYOUT_NAMES(plain_list)},
    {"`percpu_list_pop`, `percpu_list_push`", LAYOUT_NAMES(percpu_list)},
#ifdef BENCH_LIBRSEQ
    {"librseq, array indexed by CPU", LAYOUT_NAMES(librseq_list)},
#endif
#ifdef __GCC_HAVE_SYNC_COMPARE_AND_SWAP_16
    {"Treiber stack for each CPU, 16-byte exchange", LAYOUT_NAMES(treiber_list)},
#endif
    {"list and mutex for each CPU", LAYOUT_NAMES(mutex_list)},
};

/* For each CPU one element of zeros, in a cache line of its own. */
static void *for_each_cpu(size_t size)
{
    size_t bytes = (size_t)sysconf(_SC_NPROCESSORS_CONF) * size;
    void *p = aligned_alloc(PERCPU_CACHE_LINE, bytes);
    if (!p) {
        fprintf(stderr, "bench: no memory\n");
        exit(1);
    }
    memset(p, 0, bytes);
    return p;
}

static void chain(struct node **first, struct node nodes[NODES])
{
    for (size_t i = 0; i < NODES; i++) {
        nodes[i].next = *first;
        *first = &nodes[i];
    }
}

/* Lists with nodes on this CPU, where the thread stays: a node that it moved would be missed. */
static void make_lists(void)
{
    static struct node nodes[4][NODES];
    int cpu = sched_getcpu();
    cpu_set_t here;

    CPU_ZERO(&here);
    CPU_SET((size_t)cpu, &here);
    if (cpu < 0 || sched_setaffinity(0, sizeof(here), &here) != 0) {
        perror("bench: cannot stay on one CPU");
        exit(1);
    }
    chain(&plain_first, nodes[0]);
    locked_list = for_each_cpu(sizeof(*locked_list));
    pthread_mutex_init(&locked_list[cpu].mutex, NULL);
    chain(&locked_list[cpu].first, nodes[1]);
#ifdef __GCC_HAVE_SYNC_COMPARE_AND_SWAP_16
    treiber = for_each_cpu(sizeof(*treiber));
    chain(&treiber[cpu].list.now.first, nodes[2]);
#endif
#ifdef BENCH_LIBRSEQ
    librseq_list = for_each_cpu(sizeof(*librseq_list));
    chain((struct node **)&librseq_list[cpu].first, nodes[3]);
#endif
    static struct percpu_list_node percpu_nodes[NODES];
    for (size_t i = 0; i < NODES; i++)
        percpu_list_push(list, &percpu_nodes[i]);
}

int main(int argc, char **argv)
{
    size_t repetitions = bench_repetitions(argc > 1 ? argv[1] : NULL, 25);
    int error = percpu_init_in_place();

    if (error >= 0)
        error = percpu_init_reg(0);
    if (error < 0) {
        fprintf(stderr, "bench: %s\n", percpu_strerror(error));
        return 1;
    }
    shard = for_each_cpu(sizeof(*shard));
#ifdef BENCH_LIBRSEQ
    if (rseq_register_current_thread() != 0) {
        fprintf(stderr, "bench: librseq cannot register the thread\n");
        return 1;
    }
#endif
    printf("ns of CPU time for one increment, or one pop and push: %zu repetitions in each of %d\n"
           "code layouts.\n\n",
           repetitions, LAYOUTS);
    table("one site in a loop", one_site, COUNT(one_site), repetitions);
    table("eight sites in a loop", eight_sites, COUNT(eight_sites), repetitions);
    make_lists();
    table("a list", lists, COUNT(lists), repetitions);
    free(locked_list);
    free(shard);
    return 0;
}
