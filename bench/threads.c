/* SPDX-License-Identifier: MIT */
/*
 * What counting costs when 1, 2, 4 and 8 threads do it, in four ways: CPU time of all threads for
 * one increment. They are spread over the CPUs and stay there; they wait for each other at the
 * start only. No way may lose an increment.
 *
 * usage: threads [REPETITIONS [FILE]]     (default 11, at least 9; FILE: the figures for the plot)
 */
#define _GNU_SOURCE
#include "bench.h"

#include <percpu/percpu.h>
#include <pthread.h>
#include <sched.h>

#define MAX_THREADS 8
#define CHUNK 1000u
#define FENCES 100
static const struct timespec run_time = {.tv_nsec = 40000000};

#define LINE _Alignas(PERCPU_CACHE_LINE)

static PERCPU_DEFINE(uint64_t, counter);
static struct {
    LINE uint64_t value;
} *shard; /* one for each CPU */
static size_t shards;
static LINE uint64_t atomic_counter;
static LINE struct {
    pthread_mutex_t mutex;
    uint64_t value;
} locked = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void do_percpu(void)
{
    for (unsigned i = 0; i < CHUNK; i++)
        percpu_inc(counter);
}

static void do_sharded(void)
{
    for (unsigned i = 0; i < CHUNK; i++)
        __atomic_fetch_add(&shard[sched_getcpu()].value, 1, __ATOMIC_RELAXED);
}

static void do_atomic(void)
{
    for (unsigned i = 0; i < CHUNK; i++)
        __atomic_fetch_add(&atomic_counter, 1, __ATOMIC_RELAXED);
}

static void do_mutex(void)
{
    for (unsigned i = 0; i < CHUNK; i++) {
        pthread_mutex_lock(&locked.mutex);
        locked.value++;
        pthread_mutex_unlock(&locked.mutex);
    }
}

static uint64_t count_percpu(void)
{
    return percpu_sum(counter);
}

static uint64_t count_sharded(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < shards; i++)
        sum += shard[i].value;
    return sum;
}

static uint64_t count_atomic(void)
{
    return atomic_counter;
}

static uint64_t count_mutex(void)
{
    return locked.value;
}

static const struct way {
    const char *name;
    void (*run)(void); /* CHUNK increments */
    uint64_t (*count)(void);
} ways[] = {
    {"`percpu_inc`", do_percpu, count_percpu},
    {"sharded atomic", do_sharded, count_sharded},
    {"one atomic", do_atomic, count_atomic},
    {"one mutex", do_mutex, count_mutex},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static struct worker {
    pthread_t thread;
    size_t index, cpu;
    const struct way *way;
    uint64_t increments;
    double ns;
} workers[MAX_THREADS];
static pthread_barrier_t begin;
static int stop;
static cpu_set_t allowed;

/* Stay on the index-th CPU that the process may use, and again from the first. Returns which. */
static size_t stay(size_t index)
{
    cpu_set_t here;
    size_t cpu = 0;

    for (index %= (size_t)CPU_COUNT(&allowed); !CPU_ISSET(cpu, &allowed) || index-- > 0;)
        cpu++;
    CPU_ZERO(&here);
    CPU_SET(cpu, &here);
    if (sched_setaffinity(0, sizeof(here), &here) != 0) {
        perror("threads: cannot stay on one CPU");
        exit(1);
    }
    return cpu;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    w->cpu = stay(w->index);
#ifdef PERCPU_PLATFORM_THREAD
    int error = percpu_init_reg(w->index);
    if (error < 0) {
        fprintf(stderr, "threads: %s\n", percpu_strerror(error));
        exit(1);
    }
#endif
    pthread_barrier_wait(&begin);
    double start = cpu_time();
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        w->way->run();
        w->increments += CHUNK;
    }
    w->ns = cpu_time() - start;
#ifdef PERCPU_PLATFORM_THREAD
    percpu_write_reg(0);
#endif
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* They wait at `begin` for one more. */
static void create(const struct way *way, size_t threads)
{
    stop = 0;
    pthread_barrier_init(&begin, NULL, (unsigned)threads + 1);
    for (size_t i = 0; i < threads; i++) {
        workers[i] = (struct worker){.index = i, .way = way};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fprintf(stderr, "threads: cannot make %zu threads\n", threads);
            exit(1);
        }
    }
}

/* ns for one increment; and how many CPUs the threads had. */
static double measure(const struct way *way, size_t threads, double *cpus)
{
    uint64_t before = way->count(), increments = 0;
    double ns = 0, start;

    create(way, threads);
    start = now();
    pthread_barrier_wait(&begin);
    nanosleep(&run_time, NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        increments += workers[i].increments;
        ns += workers[i].ns;
    }
    *cpus = ns / (now() - start);
    pthread_barrier_destroy(&begin);
    if (way->count() - before != increments) {
        fprintf(stderr, "threads: %s: %llu of %llu increments were counted\n", way->name,
                (unsigned long long)(way->count() - before), (unsigned long long)increments);
        exit(1);
    }
    return ns / (double)increments;
}

#ifdef PERCPU_PLATFORM_RSEQ
/* The time of one percpu_fence_cpu() to the CPU on which a thread counts, and to another. */
static void fences(size_t repetitions)
{
    double *ns = bench_alloc(repetitions, sizeof(*ns));

    printf("| ns of one call | min | median | max |\n|---|---|---|---|\n");
    for (size_t index = 0; index < 2; index++) {
        uint64_t before = ways[0].count();
        create(&ways[0], 1);
        stay(index);
        pthread_barrier_wait(&begin);
        while (ways[0].count() == before)
            sched_yield(); /* it counts on its CPU now */
        for (size_t r = 0; r < repetitions; r++) {
            double start = cpu_time();
            for (size_t i = 0; i < FENCES; i++)
                if (percpu_fence_cpu(workers[0].cpu) != 0) {
                    fprintf(stderr, "threads: no percpu_fence_cpu() to CPU %zu\n", workers[0].cpu);
                    exit(1);
                }
            ns[r] = (cpu_time() - start) / FENCES;
        }
        __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
        pthread_join(workers[0].thread, NULL);
        pthread_barrier_destroy(&begin);
        struct spread s = spread(ns, repetitions);
        printf("| `percpu_fence_cpu`, %s | %.0f | %.0f | %.0f |\n",
               index ? "a CPU where a thread counts" : "this CPU", s.min, s.median, s.max);
    }
    printf("\n");
    free(ns);
}
#endif

/* Memory for areas of MAX_THREADS CPUs, where the library does not have its own. */
static void init(void)
{
#ifdef PERCPU_PLATFORM_THREAD
    struct percpu_layout layout = percpu_area_layout_expected(MAX_THREADS);
    int error = percpu_init(aligned_alloc(layout.align, layout.size), MAX_THREADS);
    if (error < 0) {
        fprintf(stderr, "threads: %s\n", percpu_strerror(error));
        exit(1);
    }
#endif
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        perror("threads: which CPUs are there");
        exit(1);
    }
    shards = (size_t)sysconf(_SC_NPROCESSORS_CONF);
    shard = aligned_alloc(sizeof(*shard), shards * sizeof(*shard));
    if (!shard) {
        fprintf(stderr, "threads: no memory for %zu counters\n", shards);
        exit(1);
    }
    memset(shard, 0, shards * sizeof(*shard));
}

#ifdef PERCPU_PLATFORM_SINGLE
static const size_t counts[] = {1}; /* nothing keeps its increments whole among threads */
#else
static const size_t counts[] = {1, 2, 4, MAX_THREADS};
#endif
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

int main(int argc, char **argv)
{
    size_t repetitions = bench_repetitions(argc > 1 ? argv[1] : NULL, 11);
    double medians[COUNTS][WAYS], *ns, *cpus;
    FILE *file = argc > 2 ? fopen(argv[2], "w") : NULL;

    if (argc > 2 && !file) {
        perror(argv[2]);
        return 1;
    }
    ns = bench_alloc(COUNTS * WAYS * repetitions, sizeof(*ns));
    cpus = bench_alloc(COUNTS * repetitions * WAYS, sizeof(*cpus));
    init();
    for (size_t r = 0; r < repetitions; r++)
        for (size_t c = 0; c < COUNTS; c++)
            for (size_t w = 0; w < WAYS; w++)
                ns[(c * WAYS + w) * repetitions + r] =
                    measure(&ways[w], counts[c], &cpus[(c * repetitions + r) * WAYS + w]);

    printf(
        "ns of CPU time of all threads for one increment, median (min-max) of %zu repetitions of\n"
        "%ld ms; how many CPUs the threads had.\n\n| threads | CPUs |",
        repetitions, run_time.tv_nsec / 1000000);
    for (size_t w = 0; w < WAYS; w++)
        printf(" %s |", ways[w].name);
    printf("\n|---|---|---|---|---|---|\n");
    for (size_t c = 0; c < COUNTS; c++) {
        printf("| %zu | %.1f |", counts[c],
               spread(cpus + c * repetitions * WAYS, repetitions * WAYS).median);
        if (file)
            fprintf(file, "%zu", counts[c]);
        for (size_t w = 0; w < WAYS; w++) {
            struct spread s = spread(ns + (c * WAYS + w) * repetitions, repetitions);
            medians[c][w] = s.median;
            printf(" %.2f (%.2f-%.2f) |", s.median, s.min, s.max);
            if (file)
                fprintf(file, " %.3f %.3f %.3f", s.median, s.min, s.max);
        }
        printf("\n");
        if (file)
            fprintf(file, "\n");
    }
    printf("\n| threads, times `percpu_inc` |");
    for (size_t w = 1; w < WAYS; w++)
        printf(" %s |", ways[w].name);
    printf("\n|---|---|---|---|\n");
    for (size_t c = 0; c < COUNTS; c++) {
        printf("| %zu |", counts[c]);
        for (size_t w = 1; w < WAYS; w++)
            printf(" %.1f |", medians[c][w] / medians[c][0]);
        printf("\n");
    }
    printf("\n");
    if (file && fclose(file) != 0) {
        perror(argv[2]);
        return 1;
    }
#ifdef PERCPU_PLATFORM_RSEQ
    fences(repetitions);
#endif
    free(ns);
    free(cpus);
    free(shard);
    return 0;
}
