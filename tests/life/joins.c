/* SPDX-License-Identifier: MIT */
/*
 * usage: joins CASE
 * rseq: what the library makes of the modules of a process, when the dynamic linker's list has a
 * module before the program, or the program's own headers are others. A case is a line of the table
 * below. Linked with --wrap for dl_iterate_phdr getauxval dlsym; with REGISTERS for syscall and
 * __rseq_size, too: libc registers no threads, and the kernel takes each.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

enum { STRICT = 65536 };
static PERCPU_DEFINE(long, value) __attribute__((aligned(STRICT))) = 7;
#ifdef REGISTERS
static PERCPU_DEFINE(long, counted);
#endif

#define MAGIC 0x9c6b1f2ee85da347 /* of modules.c */
enum { LARGE = 1 << 22, IMAGE = 256, TABLE = 32 };

/* A module's mark, and to what it leads; or the program's dynamic section. */
enum what {
    NOTHING,
    MARK,
    MISALIGNED, /* the image of thread-local data begins between two multiples of 8 */
    LAST,       /* the mark is at the end of the image */
    SIZE,       /* the size differs, the version does not */
    VERSION,    /* the other way round */
    IN_LOAD,    /* it is not in the image of thread-local data */
    IN_ZEROS,   /* it is behind the image */
    TINY,       /* the image ends before the first multiple of 8 */
    CUT,        /* it ends within the mark */
    OTHER_MAGIC,
    READ_ONLY,    /* the mark leads to what nobody writes, */
    OUTSIDE,      /* out of the module, */
    LAST_BYTES,   /* to what ends too early, */
    NOT_LOADED,   /* to what is not loaded */
    LOST,         /* the program's own headers: no thread-local data, */
    ANOTHER,      /* another copy's mark, */
    ALIGNED,      /* a segment that is aligned to 4 MiB, */
    OTHER_ALIGNED /* and what is no segment */
};
enum {
    HASH = 1,
    GNU = 2,
    GNU_OTHER_ORDER = 4,
    GNU_EMPTY = 8,
    GNU_WIDE = 16, /* two words of Bloom filter */
    UNRELOCATED = 32,
    BEHIND_END = 64,
    OTHER_NAME = 128,
    UNKNOWN = 256,
    SAME = 512,
    NO_DYNAMIC = 1024, /* its section is another one's */
};
enum pin { NO_DLOPEN = 1, NO_PIN, PINNED };

static const char two[] = "two versions or configurations", mark[] = "mark is not in the image",
                  replaced[] = "is also a variable of another module";
#ifdef LM_ID_NEWLM
#define NAMESPACES "not in a namespace"
#else
#define NAMESPACES NULL /* musl has none */
#endif
static const struct scenario {
    const char *name;
    const char *refused; /* the words with which the process ends */
    bool is_second;      /* another module comes first */
    enum what what;
    unsigned symbols;
    enum pin pin;
    bool is_elsewhere, has_no_headers; /* AT_PHDR: others than the first module's, or 0 */
} scenarios[] = {
    {"program", NULL, false, NOTHING, 0, PINNED, .is_elsewhere = false},
    {"library", NULL, true, NOTHING, 0, PINNED, .is_elsewhere = false},
    {"found", two, true, MARK, 0, PINNED, .is_elsewhere = false},
    {"other-aligned", NULL, false, OTHER_ALIGNED, 0, PINNED, .is_elsewhere = false},
    {"misaligned", two, true, MISALIGNED, 0, PINNED, .is_elsewhere = false},
    {"last", two, true, LAST, 0, PINNED, .is_elsewhere = false},
    {"size", two, true, SIZE, 0, PINNED, .is_elsewhere = false},
    {"version", two, true, VERSION, 0, PINNED, .is_elsewhere = false},
    {"in-load", NULL, true, IN_LOAD, 0, PINNED, .is_elsewhere = false},
    {"in-zeros", NULL, true, IN_ZEROS, 0, PINNED, .is_elsewhere = false},
    {"tiny", NULL, true, TINY, 0, PINNED, .is_elsewhere = false},
    {"cut", NULL, true, CUT, 0, PINNED, .is_elsewhere = false},
    {"other-magic", NULL, true, OTHER_MAGIC, 0, PINNED, .is_elsewhere = false},
    {"read-only", NULL, true, READ_ONLY, 0, PINNED, .is_elsewhere = false},
    {"outside", NULL, true, OUTSIDE, 0, PINNED, .is_elsewhere = false},
    {"last-bytes", NULL, true, LAST_BYTES, 0, PINNED, .is_elsewhere = false},
    {"not-loaded", NULL, true, NOT_LOADED, 0, PINNED, .is_elsewhere = false},
    {"lost", mark, false, LOST, 0, PINNED, .is_elsewhere = false},
    {"another", mark, false, ANOTHER, 0, PINNED, .is_elsewhere = false},
    {"elsewhere", NAMESPACES, true, NOTHING, 0, PINNED, .is_elsewhere = true},
    {"no-headers", NULL, true, NOTHING, 0, PINNED, .has_no_headers = true},
    {"no-dlopen", NULL, true, NOTHING, 0, NO_DLOPEN, .is_elsewhere = false},
    {"no-pin", "could not be pinned", true, NOTHING, 0, NO_PIN, .is_elsewhere = false},
    {"hash", replaced, false, NOTHING, HASH, PINNED, .is_elsewhere = false},
    {"gnu", replaced, false, NOTHING, GNU, PINNED, .is_elsewhere = false},
    {"gnu-order", replaced, false, NOTHING, GNU | GNU_OTHER_ORDER, PINNED, .is_elsewhere = false},
    {"gnu-wide", replaced, false, NOTHING, GNU | GNU_WIDE, PINNED, .is_elsewhere = false},
    {"gnu-empty", NULL, false, NOTHING, GNU | GNU_EMPTY, PINNED, .is_elsewhere = false},
    {"no-hash", NULL, false, NOTHING, UNKNOWN, PINNED, .is_elsewhere = false},
    {"unrelocated", replaced, false, NOTHING, HASH | UNRELOCATED, PINNED, .is_elsewhere = false},
    {"behind-end", NULL, false, NOTHING, HASH | BEHIND_END, PINNED, .is_elsewhere = false},
    {"no-dynamic", NULL, false, NOTHING, HASH | NO_DYNAMIC, PINNED, .is_elsewhere = false},
    {"other-name", NULL, false, NOTHING, HASH | OTHER_NAME, PINNED, .is_elsewhere = false},
    {"unknown", NULL, false, NOTHING, HASH | UNKNOWN, PINNED, .is_elsewhere = false},
    {"same", NULL, false, NOTHING, HASH | SAME, PINNED, .is_elsewhere = false},
};
static const struct scenario *scenario;

/* Internal: the library's version and size; what is known of alignments. */
extern const uint32_t percpu__process[2] PERCPU__HIDDEN;
struct percpu__version;
struct percpu__joined {
    void *owner;
    size_t align;
    const char *name;
    bool is_program;
};
struct percpu__joined percpu__join(const struct percpu__version *mine) PERCPU__HIDDEN;
size_t percpu__template_align(void) PERCPU__HIDDEN;

/* -- The dynamic linker ------------------------------------------------------------------------ */

static struct {
    union {
        char bytes[IMAGE];
        uint64_t words[IMAGE / 8];
    } image;
    uint32_t versions[4];
} other;
static ElfW(Phdr) headers[TABLE], own_headers[TABLE];
static const ElfW(Phdr) * first_headers;
static ElfW(Dyn) dynamic[8];
static ElfW(Sym) symbols[5];
static uint32_t hash[16];
static const char names[] = "\0__PERCPU_of_both\0_PERCPU_of_both";
static unsigned pins;

static void put_mark(size_t at, const void *process)
{
    other.image.words[at / 8] = MAGIC + (scenario->what == OTHER_MAGIC);
    other.image.words[at / 8 + 1] = (uintptr_t)process;
}

/* At address 0, which makes its headers' addresses absolute. */
static void make_other(struct dl_phdr_info *info)
{
    enum what what = scenario->what;
    ElfW(Phdr) *data = &headers[0], *local = &headers[1];
    const size_t at = what == LAST ? IMAGE - 16 : 8;
    const uintptr_t end = (uintptr_t)(other.versions + 2);

    *data = (ElfW(Phdr)){.p_type = what == NOT_LOADED ? PT_NOTE : PT_LOAD,
                         .p_flags = PF_R | (what == READ_ONLY ? 0 : PF_W),
                         .p_vaddr = (uintptr_t)&other,
                         .p_align = LARGE};
    data->p_memsz = end - data->p_vaddr - (what == LAST_BYTES ? 4 : 0);
    data->p_filesz = data->p_memsz;
    *local = (ElfW(Phdr)){.p_type = what == IN_LOAD ? PT_LOAD : PT_TLS,
                          .p_flags = PF_R,
                          .p_vaddr = (uintptr_t)&other.image,
                          .p_filesz = IMAGE,
                          .p_memsz = IMAGE};
    other.versions[0] = percpu__process[0] + (what != SIZE);
    other.versions[1] = percpu__process[1] + (what == SIZE ? 8 : 0);
    if (what != NOTHING)
        put_mark(at, what == OUTSIDE ? other.versions + 2 : other.versions);
    if (what == MISALIGNED || what == TINY)
        local->p_vaddr += 3;
    if (what == MISALIGNED)
        local->p_filesz -= 3;
    if (what == TINY)
        local->p_filesz = 1;
    if (what == IN_ZEROS)
        local->p_filesz = at;
    if (what == CUT)
        local->p_filesz = at + 8;
    *info = (struct dl_phdr_info){.dlpi_name = "other", .dlpi_phdr = headers, .dlpi_phnum = 2};
}

static void add(size_t *n, ElfW(Sxword) tag, const void *at, const struct dl_phdr_info *info)
{
    uintptr_t place = (uintptr_t)at - (scenario->symbols & UNRELOCATED ? info->dlpi_addr : 0);

    dynamic[*n].d_tag = tag;
    dynamic[*n].d_un.d_ptr = place;
    ++*n;
}

/* ELF gABI, DT_HASH: the second word is the number of symbols. */
static void make_dynamic(ElfW(Phdr) * header, const struct dl_phdr_info *info)
{
    const unsigned how = scenario->symbols;
    size_t n = 0, word = 0;

    for (size_t i = 1; i < 5; i++)
        symbols[i] = (ElfW(Sym)){.st_name = 18, .st_shndx = 1, .st_value = i};
    if (!(how & OTHER_NAME))
        symbols[how & GNU_EMPTY ? 1 : 4].st_name = 1;
    add(&n, DT_SYMTAB, symbols, info);
    add(&n, DT_STRTAB, names, info);
    if (how & BEHIND_END)
        add(&n, DT_NULL, NULL, info);
    if (how & HASH) {
        hash[1] = 5;
        add(&n, DT_HASH, hash, info);
    }
    /* 2 buckets, of symbols 1 and 2, 3 and 4; their chains end with an odd number. */
    if (how & GNU) {
        const uint32_t first = how & GNU_EMPTY ? 0 : how & GNU_OTHER_ORDER ? 3 : 1;
        const uint32_t second = how & GNU_EMPTY ? 0 : 4 - first;
        const uint32_t words = how & GNU_WIDE ? 2 : 1;
        const uint32_t table[] = {first, second, 2, 3, 4, 5};

        hash[word++] = 2;
        hash[word++] = 1;
        hash[word++] = words;
        hash[word++] = 0;
        word += 2 * (size_t)words;
        memcpy(hash + word, table, sizeof(table));
        if (how & GNU_EMPTY)
            hash[word + 2] = 3;
        add(&n, DT_GNU_HASH, hash, info);
    }
    add(&n, DT_NULL, NULL, info);
    header->p_vaddr = (uintptr_t)dynamic - info->dlpi_addr;
    if (how & NO_DYNAMIC)
        header->p_type = PT_NOTE;
}

static void change_own(struct dl_phdr_info *info)
{
    enum what what = scenario->is_second ? NOTHING : scenario->what;
    bool is_first = true;

    CHECK(info->dlpi_phnum <= TABLE);
    memcpy(own_headers, info->dlpi_phdr, info->dlpi_phnum * sizeof(*own_headers));
    info->dlpi_phdr = own_headers;
    info->dlpi_name = "own";
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        ElfW(Phdr) *header = &own_headers[i];

        if (what == LOST && header->p_type == PT_TLS)
            header->p_type = PT_NOTE;
        if (what == ANOTHER && header->p_type == PT_TLS) {
            header->p_vaddr = (uintptr_t)&other.image - info->dlpi_addr;
            header->p_filesz = IMAGE;
            other.versions[0] = percpu__process[0];
            other.versions[1] = percpu__process[1];
            put_mark(8, other.versions);
        }
        if (what == ALIGNED && header->p_type == PT_LOAD && is_first) {
            header->p_align = LARGE;
            is_first = false;
        }
        if (what == OTHER_ALIGNED && header->p_type == PT_GNU_STACK)
            header->p_align = LARGE;
        if (scenario->symbols && header->p_type == PT_DYNAMIC)
            make_dynamic(header, info);
    }
}

struct call {
    int (*function)(struct dl_phdr_info *info, size_t size, void *data);
    void *data;
    size_t seen;
};

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
    struct call *call = data;
    struct dl_phdr_info changed = *info;
    int result;

    if (call->seen++ == 0) {
        struct dl_phdr_info another;

        change_own(&changed);
        first_headers = own_headers;
        if (scenario->is_second) {
            make_other(&another);
            first_headers = headers;
            result = call->function(&another, sizeof(another), call->data);
            if (result != 0)
                return result;
        }
    }
    return call->function(&changed, size, call->data);
}

int __real_dl_iterate_phdr(int (*function)(struct dl_phdr_info *, size_t, void *), void *data);
int __wrap_dl_iterate_phdr(int (*function)(struct dl_phdr_info *, size_t, void *), void *data);
int __wrap_dl_iterate_phdr(int (*function)(struct dl_phdr_info *, size_t, void *), void *data)
{
    struct call call = {function, data, 0};

    return __real_dl_iterate_phdr(visit, &call);
}

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type)
{
#ifdef PERCPU_RSEQ_MM_CID /* the size of what the kernel writes; mm_cid ends at 28 */
    if (type == 27)
        return scenario->is_second ? 27 : 28;
#endif
    if (type != AT_PHDR)
        return __real_getauxval(type);
    if (scenario->has_no_headers)
        return 0;
    return scenario->is_elsewhere ? (unsigned long)&other : (unsigned long)first_headers;
}

#ifdef REGISTERS
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list list;

    CHECK(number == SYS_rseq || number == SYS_memfd_create);
    errno = ENOSYS;
    if (number != SYS_rseq)
        return -1;
    va_start(list, number);
    va_arg(list, struct percpu__rseq *)->cpu_id = 0;
    va_end(list);
    return 0;
}
#endif

static void *pin(const char *name, int flags)
{
    CHECK(strcmp(name, "own") == 0);
    CHECK((flags & RTLD_NOLOAD) && (flags & RTLD_NODELETE));
    pins++;
    return scenario->pin == NO_PIN ? NULL : &other;
}

void *__wrap_dlsym(void *handle, const char *name);
void *__wrap_dlsym(void *handle, const char *name)
{
    uintptr_t own = 0;

    CHECK(handle == RTLD_DEFAULT);
    if (strcmp(name, "dlopen") == 0)
        return scenario->pin == NO_DLOPEN ? NULL
                                          : *(void **)&(void *(*[1])(const char *, int)){pin};
    if (!scenario->symbols || (scenario->symbols & UNKNOWN))
        return NULL;
    for (size_t i = 0; i < TABLE && own == 0; i++)
        if (own_headers[i].p_type == PT_DYNAMIC)
            own = (uintptr_t)dynamic - own_headers[i].p_vaddr;
    return scenario->symbols & SAME ? (void *)(own + 4) : (void *)&other;
}

/* -- The program ------------------------------------------------------------------------------- */

void percpu_panic(const char *message)
{
    CHECK(scenario->refused && strstr(message, scenario->refused));
    right();
    fflush(stdout);
    _exit(0);
}

__attribute__((constructor(100))) static void before(void)
{
    char line[4096] = "";
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, line, sizeof(line) - 1);
    const char *name = line + strlen(line) + 1;

    close(file);
    CHECK(size > 0 && name < line + size);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            scenario = &scenarios[i];
    CHECK(scenario);
    end_if_it_hangs();
}

/* The strictest alignment of the segments, which only the platform thread asks for. */
static size_t alignment_of(enum what what)
{
    static struct scenario again;

    again = *scenario;
    again.what = what;
    scenario = &again;
    return percpu__join((const struct percpu__version *)percpu__process).align;
}

#ifdef REGISTERS
enum { THREADS = 80, TIMES = 1000 };

static void *count(void *unused)
{
    for (int i = 0; i < TIMES; i++)
        percpu_inc(counted);
    return unused;
}

/* Threads of a library in a program that does not use percpu find their shards in a table. */
static void count_in_threads(void)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, count, NULL) == 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(percpu_sum(counted) == THREADS * TIMES);
}
#endif

int main(void)
{
    int cancelable;

    CHECK(!scenario->refused);
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancelable) == 0);
    CHECK(cancelable == PTHREAD_CANCEL_ENABLE);
#ifdef REGISTERS
    CHECK(strstr(percpu_info(),
                 scenario->is_second ? "itself does not use percpu" : "percpu registers threads"));
#endif
#ifdef PERCPU_RSEQ_MM_CID
    CHECK(strstr(percpu_info(), scenario->is_second ? "no mm_cid here" : "area of mm_cid"));
#endif
    CHECK(pins == (scenario->is_second && scenario->pin != NO_DLOPEN));
    CHECK(percpu__template_align() >= STRICT && percpu__template_align() < LARGE);
    percpu_inc(value);
    CHECK(percpu_sum(value) == 7 * (long)percpu_area_num() + 1);
#ifdef REGISTERS
    if (scenario->is_second) /* else threads have sequences that no kernel restarts */
        count_in_threads();
#endif
    if (strcmp(scenario->name, "program") == 0) {
        CHECK(alignment_of(ALIGNED) == LARGE);
        CHECK(alignment_of(OTHER_ALIGNED) < LARGE);
    }
    return right();
}
