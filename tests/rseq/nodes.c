/* SPDX-License-Identifier: MIT */
/*
 * usage: nodes [has-policy | fails]
 * On which nodes do areas lie? There is none but node 0 here: this program's system calls are its
 * own (--wrap=syscall,--wrap=mmap), and so is its tree of nodes. Prints of each area which node was
 * preferred while its initial values were written; "-": none.
 */
#include <percpu/percpu.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static PERCPU_DEFINE(uint64_t, ones) = 1;

enum { MAX_AREAS = 64, PAGES = 16, PAGE = 4096 };

static char *reservation;
static size_t areas;
static int preferred = -1;
static int node_of[MAX_AREAS];
static bool is_written[MAX_AREAS];

void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    void *memory = __real_mmap(at, size, protection, flags, file, offset);

    if (memory != MAP_FAILED && !reservation) {
        reservation = memory;
        areas = (size >> PERCPU__SLOT_SHIFT) - 1;
    }
    return memory;
}

/* Whose pages have come since the last call came with what was preferred since. */
static void see(void)
{
    unsigned char resident[PAGES];

    for (size_t area = 0; area < areas && area < MAX_AREAS; area++) {
        if (is_written[area])
            continue;
        if (mincore(reservation + (area << PERCPU__SLOT_SHIFT), (size_t)PAGES * PAGE, resident) ==
                0 &&
            memchr(resident, 1, PAGES)) {
            is_written[area] = true;
            node_of[area] = preferred;
        }
    }
}

static const char *mode(void)
{
    static char words[256];
    FILE *file = fopen("/proc/self/cmdline", "r");
    size_t size = file ? fread(words, 1, sizeof(words) - 1, file) : 0;

    if (file)
        fclose(file);
    return strlen(words) + 1 < size ? words + strlen(words) + 1 : "";
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list list;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_get_mempolicy) {
        *(int *)a[0] = strcmp(mode(), "has-policy") == 0 ? 3 : 0;
        return 0;
    }
    if (number == SYS_set_mempolicy) {
        see();
        preferred = a[0] == 1 && strcmp(mode(), "fails") != 0
                        ? __builtin_ctzl(*(const unsigned long *)a[1])
                        : -1;
        return a[0] == 1 && strcmp(mode(), "fails") == 0 ? -1 : 0;
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int main(void)
{
    bool right = percpu_sum(ones) == percpu_area_num();

    see();
    for (size_t area = 0; area < areas && area < MAX_AREAS; area++) {
        if (is_written[area] && node_of[area] >= 0)
            printf("%d ", node_of[area]);
        else
            printf("%s ", is_written[area] ? "-" : "?");
    }
    printf("%s\n", right ? "right" : "wrong");
    return 0;
}
