/* SPDX-License-Identifier: MIT */
/*
 * usage: places CASE
 * rseq: where areas are, how many, and what is in them, when the system answers otherwise than it
 * does here. A case is a line of the table below. Linked with --wrap for what it answers instead of
 * the system: fopen fclose sysconf sched_getaffinity sched_getcpu mmap mprotect madvise getrlimit
 * pwrite syscall pthread_atfork percpu__template_size.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include "hang.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { PAGE = 4096, MANY = 99999 };
#ifndef STRICT
#define STRICT 65536
#endif
static const size_t SLOT = PERCPU__SLOT_SIZE;

enum memory { ALL, MISPLACED, FEW, NONE, NO_ACCESS };
enum file {
    FILES,
    OLD_KERNEL,
    ONLY_NOEXEC,
    NO_FILE,
    SHORT,
    LIMITED,
    ENOUGH,
    TOO_LITTLE,
    NO_LIMITS,
    NO_VIEWS
};
static const struct scenario {
    const char *name;
    const char *possible; /* the system's list of CPUs; NULL: there is no such file */
    long configured;      /* sysconf(_SC_NPROCESSORS_CONF) */
    int highest;          /* CPU of the affinity; -1: it cannot be had */
    size_t areas;         /* expected */
    enum memory memory;
    enum file file;
    const char *refused; /* the words with which the process ends */
    int current;         /* 0; or sched_getcpu()'s answer, without sequences */
} scenarios[] = {
    {"plain", "0-3\n", 4, 1, 5, .current = 0},
    {"no-list", NULL, 3, 0, 4, .current = 0},
    {"list", "0-3,7\n", 1, 0, 9, .current = 0},
    {"unordered", "7,0-3\n", 1, 0, 9, .current = 0},
    {"two-lines", "0-3\n17\n", 1, 0, 5, .current = 0},
    {"configured", "0-1\n", 6, 0, 7, .current = 0},
    {"nothing-known", NULL, -1, -1, 2, .current = 0},
    {"affinity", "0-1\n", 2, 40, 42, .current = 0},
    {"many", "0-99999\n", 2, 1, PERCPU_MAX_CPUS, .current = 0},
    {"misplaced", "0-3\n", 4, 1, 5, MISPLACED, .current = 0},
    {"few", "0-15\n", 4, 1, 5, FEW, .current = 0},
    {"none", "0-15\n", 4, 1, 0, NONE, .refused = "no address space for one area"},
    {"no-access", "0-3\n", 4, 1, 0, NO_ACCESS, .refused = "no memory for the per-CPU variables"},
    {"too-large", "0-3\n", 4, 1, 0, .refused = "the per-CPU variables of one module take more"},
    {"too-aligned", "0-3\n", 4, 1, 0,
     .refused = "a per-CPU variable is aligned to more than 64 KiB"},
    {"no-atfork", "0-3\n", 4, 1, 0, .refused = "pthread_atfork() failed"},
    {"panic-returns", "0-3\n", 4, 1, 0, .refused = "pthread_atfork() failed"},
    {"old-kernel", "0-3\n", 4, 1, 5, ALL, OLD_KERNEL, .current = 0},
    {"only-noexec", "0-3\n", 4, 1, 5, ALL, ONLY_NOEXEC, .current = 0},
    {"no-file", "0-3\n", 4, 1, 5, ALL, NO_FILE, .current = 0},
    {"short", "0-3\n", 4, 1, 5, ALL, SHORT, .current = 0},
    {"limited", "0-3\n", 4, 1, 5, ALL, LIMITED, .current = 0},
    {"enough", "0-3\n", 4, 1, 5, ALL, ENOUGH, .current = 0},
    {"too-little", "0-3\n", 4, 1, 5, ALL, TOO_LITTLE, .current = 0},
    {"no-limits", "0-3\n", 4, 1, 5, ALL, NO_LIMITS, .current = 0},
    {"no-views", "0-3\n", 4, 1, 5, ALL, NO_VIEWS, .current = 0},
    {"far-cpu", "0-3\n", 4, 1, 5, .current = MANY},
    {"no-cpu", "0-3\n", 4, 1, 5, .current = -1},
};
static const struct scenario *scenario;

static bool is(const char *name)
{
    return strcmp(scenario->name, name) == 0;
}

/* Internal, but what a limit on files is about. */
PERCPU__HIDDEN uintptr_t percpu__template_start(void);
PERCPU__HIDDEN size_t percpu__template_size(void);
PERCPU__HIDDEN uintptr_t percpu__offset(uintptr_t vma);
extern const char __start_percpu_vars[] PERCPU__HIDDEN, __stop_percpu_vars[] PERCPU__HIDDEN;
extern const char __start_percpu_isolated[] PERCPU__HIDDEN, __stop_percpu_isolated[] PERCPU__HIDDEN;

/* Pages that are all ones; pages of zeros between two others; and the strictest alignment. */
static PERCPU_DEFINE(char[3 * PAGE], ones)
    __attribute__((aligned(STRICT))) = {[0 ... 3 * PAGE - 1] = 1};
static PERCPU_DEFINE(long[5 * 512], spread) = {[0] = 1, [5 * 512 - 1] = 5};
static PERCPU_DEFINE(long, strict) __attribute__((aligned(STRICT))) = 7;
static PERCPU_DEFINE(long, hits);

/* -- The system -------------------------------------------------------------------------------- */

static uintptr_t reserved, reserved_end;
static uintptr_t no_huge, no_huge_end;
static unsigned views;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    int ends[2];
    char name[64];
    FILE *opened;

    if (strcmp(path, "/sys/devices/system/cpu/possible") != 0)
        return __real_fopen(path, mode);
    if (!scenario->possible)
        return NULL;
    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], scenario->possible, strlen(scenario->possible)) > 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[0]);
    opened = __real_fopen(name, mode);
    close(ends[0]);
    close(ends[1]);
    return opened;
}

int __real_fclose(FILE *file);
int __wrap_fclose(FILE *file);
int __wrap_fclose(FILE *file)
{
    CHECK(fcntl(fileno(file), F_GETFD) & FD_CLOEXEC);
    return __real_fclose(file);
}

long __real_sysconf(int name);
long __wrap_sysconf(int name);
long __wrap_sysconf(int name)
{
    return name == _SC_NPROCESSORS_CONF ? scenario->configured : __real_sysconf(name);
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    if (scenario->highest < 0) {
        memset(set, 0xff, size);
        return -1;
    }
    memset(set, 0, size);
    CPU_SET(0, set);
    CPU_SET((size_t)scenario->highest, set);
    return 0;
}

static unsigned questions;
int __wrap_sched_getcpu(void);
int __wrap_sched_getcpu(void)
{
    errno = ENOSYS;
    questions++;
    return scenario->current;
}

void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    enum memory memory = scenario->memory;
    char *mapped;

    if (file >= 0) {
        if (scenario->file == NO_VIEWS && views++ % 2 == 1)
            return MAP_FAILED;
        return __real_mmap(at, size, protection, flags, file, offset);
    }
    if (size < SLOT || at)
        return __real_mmap(at, size, protection, flags, file, offset);
    /* What may become memory is counted, and so is what may be written. */
    if ((protection & PROT_WRITE) || !(flags & MAP_NORESERVE))
        return MAP_FAILED;
    if (memory == NONE || (memory == FEW && size > 7 * SLOT))
        return MAP_FAILED;
    /* A page behind a multiple of 2 MiB, and what is around it is somebody else's. */
    mapped = __real_mmap(NULL, size + SLOT, protection, flags, -1, 0);
    CHECK(mapped != MAP_FAILED);
    if (memory == MISPLACED)
        mapped = (char *)(((uintptr_t)mapped | (((uintptr_t)1 << 21) - 1)) + 1 + PAGE);
    if (reserved == 0) {
        reserved = (uintptr_t)mapped;
        reserved_end = reserved + size;
    }
    return mapped;
}

/* Of what was reserved, nothing that is next to it. */
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size)
{
    if ((uintptr_t)at >= reserved && (uintptr_t)at < reserved_end) {
        CHECK((uintptr_t)at + size <= reserved_end);
        if ((uintptr_t)at == reserved)
            reserved += size;
        else
            reserved_end = (uintptr_t)at;
    }
    return __real_munmap(at, size);
}

int __real_mprotect(void *at, size_t size, int protection);
int __wrap_mprotect(void *at, size_t size, int protection);
int __wrap_mprotect(void *at, size_t size, int protection)
{
    if (scenario->memory == NO_ACCESS)
        return -1;
    return __real_mprotect(at, size, protection);
}

int __wrap_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice)
{
    if (advice == MADV_NOHUGEPAGE && size >= SLOT) {
        no_huge = (uintptr_t)at;
        no_huge_end = no_huge + size;
    }
    return 0;
}

int __real_getrlimit(int resource, struct rlimit *limit);
int __wrap_getrlimit(int resource, struct rlimit *limit);
int __wrap_getrlimit(int resource, struct rlimit *limit)
{
    *limit = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    return scenario->file == NO_LIMITS ? -1 : __real_getrlimit(resource, limit);
}

ssize_t __real_pwrite(int file, const void *from, size_t size, off_t offset);
ssize_t __wrap_pwrite(int file, const void *from, size_t size, off_t offset);
ssize_t __wrap_pwrite(int file, const void *from, size_t size, off_t offset)
{
    CHECK(fcntl(file, F_GETFD) & FD_CLOEXEC);
    return __real_pwrite(file, from, scenario->file == SHORT ? size / 2 : size, offset);
}

/* MFD_NOEXEC_SEAL is 8. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list list;
    long all[6];

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        all[i] = va_arg(list, long);
    va_end(list);
    errno = 0;
    if (number == SYS_memfd_create && scenario->file == OLD_KERNEL && (all[1] & 8))
        errno = EINVAL;
    if (number == SYS_memfd_create && scenario->file == ONLY_NOEXEC && !(all[1] & 8))
        errno = EACCES;
    if ((number == SYS_memfd_create && scenario->file == NO_FILE) ||
        (number == SYS_rseq && scenario->current))
        errno = ENOSYS;
    return errno ? -1 : __real_syscall(number, all[0], all[1], all[2], all[3], all[4], all[5]);
}

int __real_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
    /* The heap's, which is not meant, has all three. */
    if (!parent && scenario->refused && strstr(scenario->refused, "atfork"))
        return ENOMEM;
    return __real_pthread_atfork(before, parent, child);
}

size_t __real_percpu__template_size(void);
size_t __wrap_percpu__template_size(void);
size_t __wrap_percpu__template_size(void)
{
    return is("too-large") ? SLOT : __real_percpu__template_size();
}

/* -- Before the library ------------------------------------------------------------------------ */

static size_t count_files(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

void percpu_panic(const char *message)
{
    CHECK(scenario->refused && strncmp(message, "percpu: ", 8) == 0);
    const char *words = strstr(message + 8, scenario->refused);
    CHECK(words == message + 8 || /* musl: behind the program's name */
          (words && words > message + 10 && strncmp(words - 2, ": ", 2) == 0));
    if (is("panic-returns"))
        return;
    right();
    fflush(stdout);
    _exit(0);
}

static void on_abort(int number)
{
    static const char text[] = "right\n";

    (void)number;
    CHECK(write(STDOUT_FILENO, text, sizeof(text) - 1) > 0);
    _exit(0);
}

extern const ptrdiff_t __rseq_offset __attribute__((weak));
static size_t files;

__attribute__((constructor(100))) static void before(void)
{
    char line[4096] = "";
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, line, sizeof(line) - 1);
    const char *name = line + strlen(line) + 1;
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    close(file);
    CHECK(size > 0 && name < line + size);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            scenario = &scenarios[i];
    CHECK(scenario);
    end_if_it_hangs();
    if (scenario->current && &__rseq_offset) /* as where libc could not register the thread */
        CHECK(__real_syscall(SYS_rseq, percpu__thread_pointer() + (uintptr_t)__rseq_offset, 32, 1,
                             PERCPU__RSEQ_SIGNATURE) == 0);
    signal(SIGABRT, is("panic-returns") ? on_abort : SIG_DFL);
    limit.rlim_cur = percpu__template_start() % PAGE + __real_percpu__template_size();
    if (scenario->file == LIMITED)
        limit.rlim_cur = 0;
    if (scenario->file == TOO_LITTLE)
        limit.rlim_cur--;
    if (scenario->file == LIMITED || scenario->file == TOO_LITTLE || scenario->file == ENOUGH)
        CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    files = count_files();
}

/* -- And after it ------------------------------------------------------------------------------ */

static sigjmp_buf jump;

static void on_fault(int number)
{
    (void)number;
    siglongjmp(jump, 1);
}

static bool faults(uintptr_t at)
{
    if (sigsetjmp(jump, 1))
        return true;
    (void)*(volatile char *)at;
    return false;
}

static unsigned count_views(void)
{
    char line[512];
    unsigned count = 0;
    FILE *file = __real_fopen("/proc/self/maps", "re");

    while (file && fgets(line, sizeof(line), file))
        count += strstr(line, "memfd:percpu") != NULL;
    CHECK(file && __real_fclose(file) == 0);
    return count;
}

static bool is_copy(size_t cpu, const char *first, const char *end)
{
    uintptr_t copy = percpu_area_base(cpu) + percpu__offset((uintptr_t)first);

    return memcmp((const void *)copy, first, (size_t)(end - first)) == 0;
}

/* All of the module's, in this area. */
static bool is_initial(size_t cpu)
{
    return is_copy(cpu, __start_percpu_vars, __stop_percpu_vars) &&
           is_copy(cpu, __start_percpu_isolated, __stop_percpu_isolated);
}

static void look_at_values(void)
{
    percpu_for_each(cpu) {
        CHECK((uintptr_t)percpu_remote_ptr(strict, cpu) % STRICT == 0);
        CHECK(percpu_remote_read(spread[5 * 512 - 1], cpu) == 5);
        CHECK(is_initial(cpu));
    }
    /* A block writes to the start of the area. */
    percpu_with_current(strict, p) {
        CHECK(*p == 7);
        percpu_for_each(cpu)
            CHECK(is_initial(cpu));
    }
    percpu_for_each(cpu) {
        *percpu_remote_ptr(ones[PAGE + 1], cpu) = 2;
        for (size_t other = cpu + 1; other < percpu_area_num() && other < cpu + 9; other++)
            CHECK(percpu_remote_read(ones[PAGE + 1], other) == 1);
        *percpu_remote_ptr(ones[PAGE + 1], cpu) = 1;
    }
}

static void look_at_places(void)
{
    const uintptr_t base = percpu_area_base(0);
    const uintptr_t guard = base + percpu_area_num() * SLOT;

    CHECK(percpu_area_num() == scenario->areas);
    CHECK(base % STRICT == 0 && base == reserved && guard + SLOT == reserved_end);
    CHECK(no_huge <= base && guard <= no_huge_end);
    signal(SIGSEGV, on_fault);
    CHECK(faults(guard) && faults(guard + SLOT - 1));
    /* Of an area only what is used is there, and of what is behind it nothing is. */
    CHECK(faults(guard - 1) && faults(base + SLOT - 1) && !faults(base));
    CHECK(faults(base + percpu_area_size() + PAGE));
    signal(SIGSEGV, SIG_DFL);
}

static void look_at_the_last_area(void)
{
    const size_t last = percpu_area_num() - 1;

    CHECK(strncmp(percpu_info(), "atomic instructions", 19) == 0);
    errno = EDOM;
    percpu_inc(hits);
    (void)percpu_read(strict);
    CHECK(percpu_read_reg() == percpu_area_base(last));
    CHECK(errno == EDOM);
    CHECK(percpu_remote_read(hits, last) == 1 && percpu_sum(hits) == 1);
    /* A thread asks once in 64 operations. */
    questions = 0;
    for (int i = 0; i < 640; i++)
        percpu_inc(hits);
    CHECK(questions == 10 && percpu_sum(hits) == 641);
}

int main(void)
{
    unsigned count;
    long PERCPU *object;

    CHECK(!scenario->refused);
    CHECK(count_files() == files);
    look_at_places();
    count = count_views();
    if (scenario->file >= NO_FILE && scenario->file != ENOUGH && scenario->file != NO_VIEWS)
        CHECK(count == 0);
    else
        CHECK(count > 0);
    CHECK(count <= 16384);
    look_at_values();
    if (scenario->current)
        look_at_the_last_area();
    object = percpu_alloc(long);
    CHECK(object);
    percpu_for_each(cpu)
        CHECK(++*percpu_remote_ptr_at(object, cpu) == 1);
    return right();
}
