/* SPDX-License-Identifier: MIT */
/*
 * Counts the bytes, lines and words of files, and how often each byte value occurs, with more
 * threads than there are CPUs. Every counter is a per-CPU variable: no thread ever waits for
 * another one to count. Then compares: with a serial count, and with other ways to count.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getcpu() */
#endif
#define _FILE_OFFSET_BITS 64

#include <percpu/percpu.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/include"
#define THREADS_PER_CPU 4
#define MAX_THREADS 1024
#define PIECE (1 << 20)  /* what a thread takes of a file */
#define CHUNK (64 << 10) /* what it reads and counts at once */

#define TIMING_DATA (1 << 20)
#define TIMING_CHUNK (16 << 10)
#define TIMING_SECONDS 0.1 /* of one repetition, at least */
#define TIMING_REPETITIONS 5

/* -- Counting ------------------------------------------------------------------------------ */

struct counts {
    uint64_t chunks, bytes, lines, words;
    uint64_t hist[256];
};

static PERCPU_DEFINE(struct counts, counts);

/* The other ways to count. */
static struct counts shared;
static struct counts locked;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

enum way { PER_CPU, PRIVATE, ATOMIC, MUTEX, WAYS };

static const char *const way_name[] = {
    [PER_CPU] = "per-CPU counters",
    [PRIVATE] = "a plain set in each thread",
    [ATOMIC] = "one set of atomic counters",
    [MUTEX] = "one set and a mutex",
};

/* The ways differ in nothing else. `way` is a constant wherever this is compiled. */
#define ADD(field, n)                                                                              \
    do {                                                                                           \
        if (way == PER_CPU) {                                                                      \
            percpu_add(counts.field, (n));                                                         \
        } else if (way == PRIVATE) {                                                               \
            own->field += (n);                                                                     \
        } else if (way == ATOMIC) {                                                                \
            __atomic_fetch_add(&shared.field, (n), __ATOMIC_RELAXED);                              \
        } else {                                                                                   \
            pthread_mutex_lock(&lock);                                                             \
            locked.field += (n);                                                                   \
            pthread_mutex_unlock(&lock);                                                           \
        }                                                                                          \
    } while (0)

/* As isspace() in the C locale. */
static inline bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * A word is a run of bytes that are not space; some versions of wc leave out those without a
 * printable byte. Returns whether the data end in a word.
 */
static inline __attribute__((always_inline)) bool
count(enum way way, struct counts *own, const unsigned char *data, size_t size, bool in_word)
{
    (void)own;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = data[i];
        bool space = is_space(c);

        ADD(hist[c], 1);
        if (c == '\n')
            ADD(lines, 1);
        if (!space && !in_word)
            ADD(words, 1);
        in_word = !space;
    }
    ADD(bytes, size);
    ADD(chunks, 1);
    return in_word;
}

static void cpu_enter(void);
static void cpu_leave(void);

static bool count_chunk(enum way way, struct counts *own, const unsigned char *data, size_t size,
                        bool in_word)
{
    switch (way) {
    case PER_CPU:
        cpu_enter();
        in_word = count(PER_CPU, own, data, size, in_word);
        cpu_leave();
        return in_word;
    case PRIVATE: return count(PRIVATE, own, data, size, in_word);
    case ATOMIC: return count(ATOMIC, own, data, size, in_word);
    default: return count(MUTEX, own, data, size, in_word);
    }
}

/* Nobody counts meanwhile. */
static void reset_counts(void)
{
    percpu_for_each(cpu)
        *percpu_remote_ptr_raw(counts, cpu) = (struct counts){0};
    memset(&shared, 0, sizeof shared);
    memset(&locked, 0, sizeof locked);
}

static struct counts total_counts(void)
{
    struct counts total = {
        .chunks = percpu_sum(counts.chunks),
        .bytes = percpu_sum(counts.bytes),
        .lines = percpu_sum(counts.lines),
        .words = percpu_sum(counts.words),
    };

    for (size_t c = 0; c < 256; c++)
        total.hist[c] = percpu_sum(counts.hist[c]);
    return total;
}

/* -- Messages and the progress bar --------------------------------------------------------- */

static bool progress_wanted;
static volatile sig_atomic_t progress_shown;
static pthread_mutex_t terminal = PTHREAD_MUTEX_INITIALIZER;

#define CLEAR_LINE "\r\033[K"

static int terminal_width(int fd)
{
    struct winsize size;

    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Draws no more than ten times a second. */
static void progress(const char *what, uint64_t done, uint64_t all)
{
    static double last;
    double share = done >= all ? 1 : (double)done / (double)all;
    int width, filled;

    if (!progress_wanted || now() - last < 0.1)
        return;
    last = now();
    width = terminal_width(STDERR_FILENO) - 21;
    width = width < 0 ? 0 : width > 60 ? 60 : width;
    filled = (int)(share * width);

    pthread_mutex_lock(&terminal);
    progress_shown = 1;
    fprintf(stderr, CLEAR_LINE "%-10.10s [", what);
    for (int i = 0; i < width; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "] %3d %%", (int)(share * 100));
    fflush(stderr);
    pthread_mutex_unlock(&terminal);
}

/* With `terminal` held, or with no other thread around. */
static void progress_clear(void)
{
    if (progress_shown)
        fputs(CLEAR_LINE, stderr);
    fflush(stderr);
    progress_shown = 0;
}

__attribute__((format(printf, 1, 2))) static void report(const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&terminal);
    progress_clear();
    fputs("demo: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    pthread_mutex_unlock(&terminal);
}

#define die(...) (report(__VA_ARGS__), exit(1))

static void interrupted(int number)
{
    (void)number;
    if (progress_shown && write(STDERR_FILENO, CLEAR_LINE, sizeof CLEAR_LINE - 1) < 0)
        _exit(130);
    _exit(130);
}

/* -- Threads and CPUs ---------------------------------------------------------------------- */

static unsigned threads;

#ifdef PERCPU_PLATFORM_RSEQ

/* A thread counts on the CPU that it runs on. */
static void cpus_init(void)
{
}

static void cpu_enter(void)
{
}

static void cpu_leave(void)
{
}

#else

/* A CPU is played by one thread at a time: whoever has something to count takes a free one. */
static sem_t free_cpus;

static void cpus_init(void)
{
    int error = percpu_init_in_place();

    if (error < 0)
        die("%s", percpu_strerror(error));
    if (sem_init(&free_cpus, 0, (unsigned)percpu_area_num()) != 0)
        die("sem_init: %s", strerror(errno));
}

static void cpu_enter(void)
{
    int error, cpu = sched_getcpu(); /* best the real one: its cache has the counters */
    size_t n = cpu < 0 ? 0 : (size_t)cpu;

    while (sem_wait(&free_cpus) != 0)
        ;
    do
        error = percpu_init_reg(n++ % percpu_area_num());
    while (error == -PERCPU_EBUSY);
    if (error != 0)
        die("%s", percpu_strerror(error));
}

static void cpu_leave(void)
{
    percpu_write_reg(0);
    sem_post(&free_cpus);
}

#endif

/* The threads wait here until all are there. */
static pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER;

static void *thread_main(void *work)
{
    pthread_rwlock_rdlock(&gate);
    pthread_rwlock_unlock(&gate);
    (*(void (**)(void))work)();
    return NULL;
}

/* Runs work in all threads. Returns the seconds from when they are there until all are done. */
static double run_threads(void (*work)(void))
{
    static pthread_t thread[MAX_THREADS];
    unsigned started = 0;
    int error = 0;
    double start;

    pthread_rwlock_wrlock(&gate);
    while (started < threads &&
           (error = pthread_create(&thread[started], NULL, thread_main, &work)) == 0)
        started++;
    if (started == 0)
        die("cannot create a thread: %s", strerror(error));
    if (started < threads)
        report("only %u of %u threads can be created: %s", started, threads, strerror(error));
    threads = started;
    start = now();
    pthread_rwlock_unlock(&gate);
    for (unsigned i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    return now() - start;
}

/* -- Files --------------------------------------------------------------------------------- */

struct file {
    char *path;
    off_t size;
    struct timespec changed;
    bool bad;
};

static struct file *files;
static size_t file_count, bad_count, link_count;
static uint64_t expected_bytes;

/* Room for one more element. Sizes are powers of two, so only a count that is one is full. */
static void *grow(void *array, size_t count, size_t size)
{
    void *larger;

    if (count > 0 && (count < 16 || (count & (count - 1)) != 0))
        return array;
    larger = realloc(array, (count < 16 ? 16 : count * 2) * size);
    if (larger == NULL)
        die("out of memory");
    return larger;
}

static char *join(const char *folder, const char *name)
{
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);

    if (path == NULL)
        die("out of memory");
    snprintf(path, size, "%s%s%s", folder, slash, name);
    return path;
}

static void add_file(char *path, const struct stat *info)
{
    files = grow(files, file_count, sizeof *files);
    files[file_count++] = (struct file){
        .path = path,
        .size = info->st_size,
        .changed = info->st_ctim,
    };
    expected_bytes += (uint64_t)info->st_size;
}

static void add_bad(const char *path, const char *why)
{
    report("%s: %s", path, why);
    bad_count++;
}

/* Folders that are found go to a list, not to a recursive call: no depth is too deep. */
static char **folders;
static size_t folder_count;

static void add_path(char *path, bool argument)
{
    struct stat info;

    if ((argument ? stat(path, &info) : lstat(path, &info)) != 0) {
        add_bad(path, strerror(errno));
    } else if (S_ISDIR(info.st_mode)) {
        folders = grow(folders, folder_count, sizeof *folders);
        folders[folder_count++] = path;
        return;
    } else if (S_ISREG(info.st_mode)) {
        add_file(path, &info);
        return;
    } else if (argument) {
        add_bad(path, "neither a file nor a folder");
    } else if (S_ISLNK(info.st_mode)) {
        link_count++;
    }
    free(path);
}

static void read_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    if (folder == NULL) {
        add_bad(path, strerror(errno));
        return;
    }
    while (errno = 0, (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            add_path(join(path, entry->d_name), false);
    if (errno != 0)
        add_bad(path, strerror(errno));
    closedir(folder);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void find_files(char **paths, size_t path_count)
{
    for (size_t i = 0; i < path_count; i++) {
        char *path = strdup(paths[i]);

        if (path == NULL)
            die("out of memory");
        add_path(path, true);
    }
    if (bad_count == path_count)
        die("nothing to count: no such file or folder");
    while (folder_count > 0) {
        char *path = folders[--folder_count];

        read_folder(path);
        free(path);
    }
    free(folders);
    if (file_count > 0)
        qsort(files, file_count, sizeof *files, by_path);
}

/* A file is read in pieces, so that many threads work on a large one. */
struct piece {
    struct file *file;
    off_t start, end;
};

struct cursor {
    size_t file;
    off_t start;
};

static bool next_piece(struct cursor *cursor, struct piece *piece)
{
    if (cursor->file >= file_count)
        return false;
    *piece = (struct piece){
        .file = &files[cursor->file],
        .start = cursor->start,
        .end = cursor->start + PIECE,
    };
    cursor->start = piece->end;
    if (piece->end >= piece->file->size) {
        piece->end = INT64_MAX; /* to the end, wherever it is by now: /proc says 0 */
        cursor->file++;
        cursor->start = 0;
    }
    return true;
}

static ssize_t read_at(int fd, unsigned char *to, off_t size, off_t offset)
{
    ssize_t n;

    do
        n = pread(fd, to, (size_t)size, offset);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Returns false, with errno, for what cannot be read. */
static bool count_piece(enum way way, struct counts *own, const struct piece *piece,
                        unsigned char *buffer)
{
    int error, fd = open(piece->file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = 1;
    bool in_word = false;

    if (fd < 0)
        return false;
    if (piece->start > 0 && (n = read_at(fd, buffer, 1, piece->start - 1)) > 0)
        in_word = !is_space(buffer[0]);
    for (off_t at = piece->start; n > 0 && at < piece->end; at += n) {
        off_t left = piece->end - at;

        n = read_at(fd, buffer, left < CHUNK ? left : CHUNK, at);
        if (n > 0)
            in_word = count_chunk(way, own, buffer, (size_t)n, in_word);
    }
    error = errno;
    close(fd);
    errno = error;
    return n >= 0;
}

/* -- The parallel count -------------------------------------------------------------------- */

static struct cursor parallel_cursor;
static pthread_mutex_t parallel_lock = PTHREAD_MUTEX_INITIALIZER;
static bool parallel_done;

static bool parallel_next(struct piece *piece)
{
    bool more;

    pthread_mutex_lock(&parallel_lock);
    more = next_piece(&parallel_cursor, piece);
    pthread_mutex_unlock(&parallel_lock);
    return more;
}

static void count_files(void)
{
    unsigned char *buffer = calloc(1, CHUNK);
    struct piece piece;

    if (buffer == NULL)
        die("out of memory");
    while (parallel_next(&piece)) {
        if (count_piece(PER_CPU, NULL, &piece, buffer))
            continue;
        if (!__atomic_exchange_n(&piece.file->bad, true, __ATOMIC_RELAXED)) {
            report("%s: %s", piece.file->path, strerror(errno));
            __atomic_fetch_add(&bad_count, 1, __ATOMIC_RELAXED);
        }
    }
    free(buffer);
}

/* The sum over all CPUs, read while they count. */
static void *watch(void *unused)
{
    while (!__atomic_load_n(&parallel_done, __ATOMIC_ACQUIRE)) {
        progress("counting", percpu_sum(counts.bytes), expected_bytes);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return unused;
}

static double count_parallel(void)
{
    pthread_t watcher;
    bool watched = progress_wanted && pthread_create(&watcher, NULL, watch, NULL) == 0;
    double seconds = run_threads(count_files);

    __atomic_store_n(&parallel_done, true, __ATOMIC_RELEASE);
    if (watched)
        pthread_join(watcher, NULL);
    return seconds;
}

static void print_size(uint64_t bytes)
{
    if (bytes < 1 << 10)
        printf("%" PRIu64 " bytes", bytes);
    else if (bytes < 1 << 20)
        printf("%.1f KiB", (double)bytes / (1 << 10));
    else
        printf("%.1f MiB", (double)bytes / (1 << 20));
}

/* A table's column: one CPU's counts, or a sum. */
struct column {
    char title[32];
    uint64_t row[4];
};

static struct column column_of(size_t cpu)
{
    struct column column = {
        .row =
            {
                percpu_remote_read(counts.bytes, cpu),
                percpu_remote_read(counts.lines, cpu),
                percpu_remote_read(counts.words, cpu),
                percpu_remote_read(counts.chunks, cpu),
            },
    };

    snprintf(column.title, sizeof column.title, "CPU %zu", cpu);
    return column;
}

static void print_columns(const struct column *columns, size_t count, int width)
{
    static const char *const name[] = {"bytes", "lines", "words", "chunks"};

    printf("\n  %-6s", "");
    for (size_t i = 0; i < count; i++)
        printf(" %*s", width, columns[i].title);
    putchar('\n');
    for (size_t row = 0; row < 4; row++) {
        printf("  %-6s", name[row]);
        for (size_t i = 0; i < count; i++)
            printf(" %*" PRIu64, width, columns[i].row[row]);
        putchar('\n');
    }
}

/* CPUs that counted nothing have no column. As wide as the terminal, in up to 4 blocks. */
static void print_table(const struct counts *total)
{
    enum { MAX_COLUMNS = 64 };
    struct column columns[MAX_COLUMNS];
    struct column others = {.title = "others"};
    struct column sum = {
        .title = "total",
        .row = {total->bytes, total->lines, total->words, total->chunks},
    };
    int width = snprintf(NULL, 0, "%" PRIu64, total->bytes);
    size_t per_line, limit, count = 0, more = 0;

    width = width < 9 ? 9 : width;
    per_line = (size_t)(terminal_width(STDOUT_FILENO) - 8) / (size_t)(width + 1);
    per_line = per_line < 2 ? 2 : per_line > 10 ? 10 : per_line;
    limit = 4 * per_line - 2;

    percpu_for_each(cpu) {
        struct column column = column_of(cpu);

        if (column.row[3] == 0)
            continue;
        if (count < limit) {
            columns[count++] = column;
            continue;
        }
        more++;
        for (size_t row = 0; row < 4; row++)
            others.row[row] += column.row[row];
    }
    if (more == 1) /* it fits in the place of the sum over it */
        columns[count++] = others, more = 0;
    if (more > 1)
        columns[count++] = others;
    columns[count++] = sum;
    for (size_t first = 0; first < count; first += per_line)
        print_columns(columns + first, count - first < per_line ? count - first : per_line, width);
    if (more > 1)
        printf("\n  (others: %zu more CPUs)\n", more);
}

static void print_histogram(const struct counts *total)
{
    uint64_t hist[256], highest = 0;

    memcpy(hist, total->hist, sizeof hist);
    if (total->bytes > 0)
        printf("\n  the most frequent bytes:\n");
    for (int rank = 0; rank < 6; rank++) {
        size_t best = 0;
        int length;

        for (size_t c = 0; c < 256; c++)
            if (hist[c] > hist[best])
                best = c;
        if (hist[best] == 0)
            break;
        if (rank == 0)
            highest = hist[best];
        if (best > ' ' && best < 127)
            printf("    '%c'", (int)best);
        else
            printf("   0x%02zx", best);
        printf(" %5.1f %% ", 100 * (double)hist[best] / (double)total->bytes);
        length = (int)(40 * (double)hist[best] / (double)highest + 0.5);
        for (int i = 0; i < length; i++)
            putchar('#');
        putchar('\n');
        hist[best] = 0;
    }
}

/* -- The serial count ---------------------------------------------------------------------- */

static bool same(const struct counts *a, const struct counts *b)
{
    return a->bytes == b->bytes && a->lines == b->lines && a->words == b->words &&
           memcmp(a->hist, b->hist, sizeof a->hist) == 0;
}

static void report_changed_files(void)
{
    size_t changed = 0;

    for (size_t i = 0; i < file_count; i++) {
        struct stat info;

        if (stat(files[i].path, &info) == 0 && info.st_size == files[i].size &&
            info.st_ctim.tv_sec == files[i].changed.tv_sec &&
            info.st_ctim.tv_nsec == files[i].changed.tv_nsec)
            continue;
        if (++changed <= 5)
            report("%s: the file has changed meanwhile", files[i].path);
    }
    if (changed > 5)
        report("so have %zu more files", changed - 5);
}

static void check_serial(const struct counts *total)
{
    static struct counts serial;
    static unsigned char buffer[CHUNK];
    struct cursor cursor = {0, 0};
    struct piece piece;
    double start = now();

    while (next_piece(&cursor, &piece)) {
        count_piece(PRIVATE, &serial, &piece, buffer);
        progress("checking", serial.bytes, expected_bytes);
    }
    progress_clear();
    if (!same(total, &serial)) {
        report_changed_files();
        die("the totals differ from a serial count: %" PRIu64 " bytes, %" PRIu64 " lines, %" PRIu64
            " words",
            serial.bytes, serial.lines, serial.words);
    }
    printf("\nA serial count in plain C gives the same totals (%.2f s).\n", now() - start);
}

/* -- Timing -------------------------------------------------------------------------------- */

static unsigned char *timing_data;
static size_t timing_size;
static enum way timing_way;
static size_t timing_chunks, timing_next;
static struct counts private_total;

static const unsigned char *timing_chunk(size_t n, size_t *size)
{
    size_t start = n % ((timing_size + TIMING_CHUNK - 1) / TIMING_CHUNK) * TIMING_CHUNK;

    *size = timing_size - start < TIMING_CHUNK ? timing_size - start : TIMING_CHUNK;
    return timing_data + start;
}

static void add_private(const struct counts *own)
{
    pthread_mutex_lock(&lock);
    private_total.bytes += own->bytes;
    private_total.lines += own->lines;
    private_total.words += own->words;
    for (size_t c = 0; c < 256; c++)
        private_total.hist[c] += own->hist[c];
    pthread_mutex_unlock(&lock);
}

static void count_timed(void)
{
    struct counts own = {0};
    size_t n, size;

    while ((n = __atomic_fetch_add(&timing_next, 1, __ATOMIC_RELAXED)) < timing_chunks) {
        const unsigned char *data = timing_chunk(n, &size);

        count_chunk(timing_way, &own, data, size, false);
    }
    add_private(&own);
}

static void read_timing_data(void)
{
    timing_data = calloc(1, TIMING_DATA);
    if (timing_data == NULL)
        die("out of memory");
    for (size_t i = 0; i < file_count && timing_size < TIMING_DATA; i++) {
        int fd = open(files[i].path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        ssize_t n = 1;

        while (fd >= 0 && n > 0 && timing_size < TIMING_DATA) {
            n = read(fd, timing_data + timing_size, TIMING_DATA - timing_size);
            if (n > 0)
                timing_size += (size_t)n;
        }
        if (fd >= 0)
            close(fd);
    }
}

/* Seconds for so many passes over the data. Every run is checked, too. */
static double time_way(enum way way, size_t passes, const struct counts *one_pass)
{
    struct counts result, expected = *one_pass;
    double seconds;

    reset_counts();
    memset(&private_total, 0, sizeof private_total);
    timing_way = way;
    timing_next = 0;
    timing_chunks = passes * ((timing_size + TIMING_CHUNK - 1) / TIMING_CHUNK);
    seconds = run_threads(count_timed);

    result = way == PER_CPU   ? total_counts()
             : way == PRIVATE ? private_total
             : way == ATOMIC  ? shared
                              : locked;
    expected.bytes *= passes;
    expected.lines *= passes;
    expected.words *= passes;
    for (size_t c = 0; c < 256; c++)
        expected.hist[c] *= passes;
    if (!same(&result, &expected))
        die("%s: wrong result", way_name[way]);
    return seconds;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void compare_ways(void)
{
    double seconds[WAYS][TIMING_REPETITIONS], cpus[WAYS] = {0};
    size_t size, passes[WAYS];
    static struct counts one_pass;
    unsigned steps = 0, all_steps = WAYS * (TIMING_REPETITIONS + 1);

    read_timing_data();
    if (timing_size < TIMING_DATA / 4) {
        printf("\nToo little data to compare the speed with other counters.\n");
        return;
    }
    for (size_t n = 0; n * TIMING_CHUNK < timing_size; n++) {
        const unsigned char *data = timing_chunk(n, &size);

        count_chunk(PRIVATE, &one_pass, data, size, false);
    }
    for (enum way way = 0; way < WAYS; way++) {
        double once = time_way(way, 1, &one_pass);

        passes[way] = once < TIMING_SECONDS ? (size_t)(TIMING_SECONDS / once) + 1 : 1;
        progress("timing", ++steps, all_steps);
    }
    for (int i = 0; i < TIMING_REPETITIONS; i++) {
        for (enum way way = 0; way < WAYS; way++) {
            clock_t cpu_time = clock();
            double wall = time_way(way, passes[way], &one_pass);

            seconds[way][i] = wall / (double)passes[way];
            cpus[way] += (double)(clock() - cpu_time) / CLOCKS_PER_SEC / wall / TIMING_REPETITIONS;
            progress("timing", ++steps, all_steps);
        }
    }
    progress_clear();

    printf("\nTime to count ");
    print_size(timing_size);
    printf(" of these files from memory, by %u threads. Each byte is an update,\n"
           "each line and word another one. Wall clock, %d repetitions, taking turns. The last\n"
           "column is how many CPUs the system gave to us: contention needs two.\n\n"
           "  %-27s %8s %8s %8s %9s %6s\n",
           threads, TIMING_REPETITIONS, "ns per byte", "min", "median", "max", "ratio", "CPUs");
    for (enum way way = 0; way < WAYS; way++)
        qsort(seconds[way], TIMING_REPETITIONS, sizeof(double), by_value);
    for (enum way way = 0; way < WAYS; way++) {
        double scale = 1e9 / (double)timing_size;
        double median = seconds[way][TIMING_REPETITIONS / 2];

        printf("  %-27s %8.2f %8.2f %8.2f %9.2f %6.1f\n", way_name[way], seconds[way][0] * scale,
               median * scale, seconds[way][TIMING_REPETITIONS - 1] * scale,
               median / seconds[PER_CPU][TIMING_REPETITIONS / 2], cpus[way]);
    }
    free(timing_data);
}

/* -- The program --------------------------------------------------------------------------- */

static void usage(FILE *to)
{
    fprintf(to,
            "usage: demo [-j THREADS] [-n] [FILE | FOLDER]...\n"
            "Counts bytes, lines and words with per-CPU counters. Default: %s\n"
            "  -j THREADS  number of threads, 1 to %d (default: %d for each CPU)\n"
            "  -n          do not compare the speed with other counters\n"
            "  -h          this text\n"
            "Exit status: 0 counted; 1 error, or totals that differ from a serial count;\n"
            "2 wrong usage. What cannot be read is reported and no error.\n",
            DEFAULT_PATH, MAX_THREADS, THREADS_PER_CPU);
}

static unsigned parse_threads(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || n < 1 || n > MAX_THREADS) {
        report("not a number of threads: %s", text);
        usage(stderr);
        exit(2);
    }
    return (unsigned)n;
}

static void set_up_terminal(void)
{
    const char *kind = getenv("TERM");
    struct sigaction action = {.sa_handler = interrupted}, old;

    progress_wanted = isatty(STDERR_FILENO) && kind != NULL && strcmp(kind, "dumb") != 0;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
}

int main(int argc, char **argv)
{
    static char default_path[] = DEFAULT_PATH;
    char *default_paths[] = {default_path};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    bool compare = true;
    struct counts total;
    double seconds;
    int option;

    while ((option = getopt(argc, argv, "j:nh")) != -1) {
        switch (option) {
        case 'j': threads = parse_threads(optarg); break;
        case 'n': compare = false; break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
        }
    }
    if (cpus < 1)
        cpus = 1;
    if (threads == 0)
        threads =
            cpus < MAX_THREADS / THREADS_PER_CPU ? (unsigned)cpus * THREADS_PER_CPU : MAX_THREADS;

    set_up_terminal();
    cpus_init();
    if (optind < argc)
        find_files(argv + optind, (size_t)(argc - optind));
    else
        find_files(default_paths, 1);

    seconds = count_parallel();
    progress_clear();
    total = total_counts();
    printf("%zu file%s, ", file_count, file_count == 1 ? "" : "s");
    print_size(total.bytes);
    printf(", counted by %u thread%s on %ld CPU%s in %.2f s\n", threads, threads == 1 ? "" : "s",
           cpus, cpus == 1 ? "" : "s", seconds);
    if (link_count > 0)
        printf("symbolic links not followed: %zu\n", link_count);
    if (bad_count > 0)
        printf("could not be read: %zu\n", bad_count);
    print_table(&total);
    print_histogram(&total);
    fflush(stdout);

    check_serial(&total);
    fflush(stdout);
    if (compare)
        compare_ways();
    if (fflush(stdout) != 0 || ferror(stdout))
        die("cannot write the result: %s", strerror(errno));
    return 0;
}
