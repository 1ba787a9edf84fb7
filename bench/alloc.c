/* SPDX-License-Identifier: MIT */
/*
 * Dynamic memory: what an allocation costs, and how much memory it takes. Each figure has its limit
 * beside it. With SIMULATED (platform rseq): the costs of zeroing, by the number of possible CPUs,
 * which the library reads from the file that the environment variable BENCH_POSSIBLE names.
 *
 * usage: alloc [REPETITIONS]     (default 15, at least 9)
 */
#include <percpu/alloc.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long repetitions;

/* CPU time, system calls and page faults included: what else runs does not count. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void die(const char *what)
{
    fprintf(stderr, "alloc: %s\n", what);
    exit(1);
}

/* A row: minimum, median, maximum of what `measure` returns. Returns the median. */
static double row(const char *name, double (*measure)(size_t n), size_t n, double limit)
{
    double *all = calloc((size_t)repetitions, sizeof(*all)), median;

    if (!all)
        die("no memory");
    (void)measure(n); /* warms up */
    for (long r = 0; r < repetitions; r++)
        all[r] = measure(n);
    qsort(all, (size_t)repetitions, sizeof(*all), compare);
    median = all[repetitions / 2];
    printf("%-52s%10.2f%10.2f%10.2f", name, all[0], median, all[repetitions - 1]);
    if (limit > 0)
        printf("%10.2f  %s", limit, median <= limit ? "ok" : "OVER");
    printf("\n");
    free(all);
    return median;
}

static void header(const char *unit)
{
    printf("\n%-52s%10s%10s%10s%10s\n", unit, "min", "median", "max", "limit");
}

static void PERCPU *must_alloc(size_t size)
{
    void PERCPU *p = percpu_alloc_bytes(size, 8);
    if (!p)
        die("percpu_alloc_bytes() failed");
    return p;
}

static double pair(size_t size)
{
    unsigned pairs = percpu_area_num() > 100 ? 300 : 10000;
    double start = now();
    for (unsigned i = 0; i < pairs; i++)
        percpu_free(must_alloc(size));
    return (now() - start) / pairs;
}

#ifndef SIMULATED

enum { MILLION = 1000000 };
static void PERCPU *objects[MILLION];

static void make(size_t n)
{
    for (size_t i = 0; i < n; i++)
        objects[i] = must_alloc(64);
}

static void give_back(size_t n)
{
    for (size_t i = 0; i < n; i++)
        percpu_free(objects[i]);
}

static double million(size_t n)
{
    double start = now();
    make(n);
    give_back(n);
    return (now() - start) / 1e9;
}

static unsigned dice_state = 1;
static unsigned dice(unsigned sides)
{
    dice_state = dice_state * 1664525 + 1013904223;
    return (unsigned)(((unsigned long long)(dice_state >> 8) * sides) >> 24);
}

/*
 * A million operations on objects that take 70 % of 32 MiB. Committed memory over live bytes.
 */
static double fragmentation(size_t room)
{
    struct percpu_alloc_usage s = percpu_alloc_stats();
    size_t live = 0, count = 0, before = s.committed;
    void PERCPU *probe;
    static size_t size[MILLION];
    double ratio;

    for (int i = 0; i < MILLION; i++) {
        if (live * 10 < room * 7) {
            size[count] = 8 + dice(4089);
            objects[count] = must_alloc(size[count]);
            live += size[count++];
        } else {
            size_t k = dice((unsigned)count);
            percpu_free(objects[k]);
            live -= size[k];
            objects[k] = objects[--count];
            size[k] = size[count];
        }
    }
    probe = must_alloc(4096);
    percpu_free(probe);
    s = percpu_alloc_stats();
    ratio = (double)(s.committed - before) / (double)live;
    give_back(count);
    return ratio;
}

static void *nothing(void *unused)
{
    return unused;
}

static void start_a_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        die("no thread");
}

static void measure(void)
{
    struct percpu_alloc_usage s;
    double few = 0, many = 0;
    char name[80];

    if (percpu_init_in_place() < 0 || percpu_init_reg(0) < 0)
        die("no areas");
    printf("%zu areas\n", percpu_area_num());
    header("ns for a pair: alloc and free, 64 bytes");
    for (size_t n = 10; n <= MILLION; n *= 10) {
        make(n);
        snprintf(name, sizeof name, "with %zu live objects", n);
        many = row(name, pair, 64, 50);
        if (n == 10)
            few = many;
        give_back(n);
    }
    printf("%-62s%10.2f%20.2f  %s\n", "1,000,000 over 10 live objects", many / few, 2.0,
           many <= 2 * few ? "ok" : "OVER");

    header("a million objects of 64 bytes");
    row("seconds to make them and give them back", million, MILLION, 0.2);
    make(MILLION);
    s = percpu_alloc_stats();
    printf("%-62s%10.2f%20.2f  %s\n", "metadata, % of one CPU's bytes",
           100.0 * (double)s.metadata / (double)s.used, 5.0,
           s.metadata * 20 <= s.used ? "ok" : "OVER");
    give_back(MILLION);

    header("a million operations, 8 to 4096 bytes, 70 % in use");
    row("committed over live bytes; 4096 bytes are found", fragmentation, 32 << 20, 1.35);

    header("the process has started a second thread");
    start_a_thread();
    make(1000);
    row("ns for a pair, 64 bytes, with 1000 live objects", pair, 64, 70);
    give_back(1000);
}

#else

/* Of objects that every CPU had written to when they were given back. */
static double pair_touched(size_t size)
{
    enum { OBJECTS = 200 };
    static unsigned char PERCPU *p[OBJECTS];
    double start, spent;

    start = now();
    for (int i = 0; i < OBJECTS; i++)
        p[i] = must_alloc(size);
    spent = now() - start;
    for (int i = 0; i < OBJECTS; i++)
        percpu_for_each(cpu)
            memset(percpu_remote_ptr_raw_at(p[i], cpu), 1, size);
    start = now();
    for (int i = 0; i < OBJECTS; i++)
        percpu_free(p[i]);
    return (spent + now() - start) / (double)OBJECTS;
}

/* In a process of its own, which believes that there are so many CPUs. */
static void measure_for(const char *self, const char *count, unsigned cpus)
{
    char file[] = "/tmp/percpu-bench-XXXXXX", text[32];
    int status, fd = mkstemp(file), length = snprintf(text, sizeof text, "0-%u\n", cpus - 1);
    pid_t child;

    if (fd < 0 || write(fd, text, (size_t)length) != length || close(fd) != 0 ||
        setenv("BENCH_POSSIBLE", file, 1) != 0)
        die("no temporary file");
    fflush(stdout);
    child = fork();
    if (child == 0) {
        execl("/proc/self/exe", self, count, "measure", (char *)NULL);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        die("the measuring process failed");
    unlink(file);
}

static void measure(void)
{
    static const size_t sizes[] = {64, 4096};
    size_t cpus = percpu_area_num() - 1;
    char name[80];

    snprintf(name, sizeof name, "%zu possible CPUs: ns for a pair", cpus);
    header(name);
    for (size_t s = 0; s < 2; s++) {
        double median;
        snprintf(name, sizeof name, "%zu bytes, CPUs do not touch them", sizes[s]);
        median = row(name, pair, sizes[s], 0);
        printf("%-62s%10.2f\n", "  per CPU", median / (double)cpus);
        snprintf(name, sizeof name, "%zu bytes, every CPU has written them", sizes[s]);
        median = row(name, pair_touched, sizes[s], 0);
        printf("%-62s%10.2f\n", "  per CPU", median / (double)cpus);
    }
}

#endif

int main(int argc, char **argv)
{
    struct utsname machine;
#ifdef SIMULATED
    char count[32];
#endif

    repetitions = argc > 1 ? strtol(argv[1], NULL, 10) : 15;
    if (repetitions < 9 || repetitions > 1000) {
        fprintf(stderr, "usage: alloc [REPETITIONS]   from 9 to 1000\n");
        return 2;
    }
    if (uname(&machine) != 0)
        die("uname() failed");
#ifdef SIMULATED
    if (argc == 3) {
        measure();
        return 0;
    }
#endif
    printf("CPU time, %ld repetitions; %s %s, compiler %s\n", repetitions, machine.sysname,
           machine.machine, __VERSION__);
#ifdef SIMULATED
    snprintf(count, sizeof count, "%ld", repetitions);
    for (size_t i = 0; i < 3; i++)
        measure_for(argv[0], count, (const unsigned[]){2, 64, 1024}[i]);
#else
    measure();
#endif
    return 0;
}
