/* SPDX-License-Identifier: MIT */
/*
 * usage: claims keys|slots|room|reg|end
 * thread: what the system refuses or answers. Linked with --wrap=pthread_key_create,
 * --wrap=pthread_setspecific,--wrap=sysconf,--wrap=mmap,--wrap=madvise.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include "hang.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 16384, ODD = 4096 };

static PERCPU_DEFINE(long, value) = 7;
static PERCPU_DEFINE(char, aligned) __attribute__((aligned(ALIGN)));
static char memory[1 << 16] __attribute__((aligned(1 << 16)));
static int refuse_keys, refuse_values, no_huge_pages;
static long configured;
static size_t largest = SIZE_MAX; /* mapping that there is memory for */
static size_t asked;              /* the last one's size */
static uintptr_t mapped;          /* and address */

int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    return refuse_keys ? EAGAIN : __real_pthread_key_create(key, destructor);
}

int __real_pthread_setspecific(pthread_key_t key, const void *data);
int __wrap_pthread_setspecific(pthread_key_t key, const void *data);
int __wrap_pthread_setspecific(pthread_key_t key, const void *data)
{
    return refuse_values ? ENOMEM : __real_pthread_setspecific(key, data);
}

long __real_sysconf(int name);
long __wrap_sysconf(int name);
long __wrap_sysconf(int name)
{
    return name == _SC_NPROCESSORS_CONF && configured != 0 ? configured : __real_sysconf(name);
}

void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (size > largest || (size > 1 << 24 && !(flags & MAP_NORESERVE))) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    at = __real_mmap(at, size + ODD, protection, flags, file, offset);
    CHECK(at != MAP_FAILED);
    asked = size;
    mapped = (uintptr_t)at + ODD;
    return (void *)mapped;
}

int __real_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice);
int __wrap_madvise(void *at, size_t size, int advice)
{
    no_huge_pages |= advice == MADV_NOHUGEPAGE;
    return __real_madvise(at, size, advice);
}

int percpu__slots_take(size_t count, size_t stride, size_t align, uintptr_t *base);

static void *claim_0(void *answer)
{
    *(int *)answer = percpu_init_reg(0);
    return NULL;
}

/* Its destructor cannot be called again. */
static void *claim_0_last(void *answer)
{
    claim_0(answer);
    refuse_values = 1;
    return NULL;
}

static int claim_by(void *(*thread_of)(void *))
{
    pthread_t thread;
    int answer = 1;

    CHECK(pthread_create(&thread, NULL, thread_of, &answer) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return answer;
}

static int claim_by_another(void)
{
    return claim_by(claim_0);
}

/* What cannot be given back at the end of the thread is not claimed. */
static void test_keys(void)
{
    CHECK(percpu_init_in_place() > 0);
    refuse_keys = 1;
    CHECK(percpu_init_reg(0) == -PERCPU_ESYS);
    refuse_keys = 0;
    refuse_values = 1;
    CHECK(percpu_init_reg(0) == -PERCPU_ESYS);
    refuse_values = 0;
    CHECK(claim_by_another() == 0);
    CHECK(claim_by(claim_0_last) == 0);
    refuse_values = 0;
    CHECK(percpu_init_reg(0) == 0);
}

/* As many areas as there may be CPUs. */
static void test_slots(void)
{
    uintptr_t base;
    size_t step;

    CHECK(percpu_area_layout_expected(1).align <= sizeof(memory)); /* a page of segments, at most */
    configured = -1;
    CHECK(percpu_area_num() == 1);
    configured = PERCPU_MAX_CPUS + 1L;
    CHECK(percpu_area_num() == PERCPU_MAX_CPUS);
    configured = 3;
    CHECK(percpu_init_in_place() == 3);
    CHECK(no_huge_pages);
    step = percpu_area_base(1) - percpu_area_base(0);
    CHECK(step > 1 << 24); /* with as much for objects as there can be */
    CHECK((uintptr_t)percpu_remote_ptr(aligned, 0) % ALIGN == 0 && step % ALIGN == 0);
    CHECK(asked >= 3 * step + (-mapped & (ALIGN - 1)));
    CHECK(percpu_fini() == 0);
    CHECK(percpu__slots_take(SIZE_MAX / 2 + 2, 2, 64, &base) == -PERCPU_ENOMEM);
    CHECK(percpu__slots_take(1, SIZE_MAX - 8, 64, &base) == -PERCPU_ENOMEM);
}

/* As much as there is; the variables are what must fit. */
static void test_room(void)
{
    configured = 3;
    largest = 0;
    CHECK(percpu_init_in_place() == -PERCPU_ENOMEM);
    largest = 64 << 20;
    CHECK(percpu_init_in_place() == 3);
    CHECK(percpu_remote_read(value, 2) == 7);
}

/* A second claim of one's own CPU sets the register; the end of the areas gives it up. */
static void test_reg(void)
{
    CHECK(percpu_init_in_place() > 1);
    CHECK(percpu_init_reg(0) == 0);
    percpu_write_reg(percpu_area_base(1));
    CHECK(percpu_init_reg(0) == 0);
    CHECK(percpu_read_reg() == percpu_area_base(0));
    percpu_write(value, 8);
    CHECK(percpu_remote_read(value, 0) == 8 && percpu_remote_read(value, 1) == 7);
    CHECK(percpu_fini() == 0);
    CHECK(percpu_read_reg() == 0);
    CHECK(percpu_init_in_place() > 1);
    CHECK(claim_by_another() == 0);
    CHECK(percpu_init_reg(0) == 0);
    CHECK(percpu_fini() == 0);
    CHECK(percpu_init_cpu(0, memory) == 1);
    CHECK(percpu_area_num() == 1);
}

/* -- end --------------------------------------------------------------------------------------- */

#ifndef PTHREAD_DESTRUCTOR_ITERATIONS
#define PTHREAD_DESTRUCTOR_ITERATIONS _POSIX_THREAD_DESTRUCTOR_ITERATIONS
#endif

static pthread_key_t newer;
static _Thread_local int rounds;
static int claims_in;

/* Of a key that is newer than percpu's. */
static void claim_at_the_end(void *value)
{
    if (++rounds == claims_in)
        CHECK(percpu_init_reg(1) == 0);
    if (rounds < PTHREAD_DESTRUCTOR_ITERATIONS)
        CHECK(pthread_setspecific(newer, value) == 0);
}

static void *ends(void *unused)
{
    CHECK(pthread_setspecific(newer, &newer) == 0);
    return unused;
}

/* Until the system has ended the thread, which is after pthread_join(), it has its CPU. */
static void test_end(void)
{
    pthread_t thread;

    CHECK(percpu_init_in_place() > 1);
    CHECK(percpu_init_reg(0) == 0);
    CHECK(pthread_key_create(&newer, claim_at_the_end) == 0);
    for (claims_in = 1; claims_in <= PTHREAD_DESTRUCTOR_ITERATIONS; claims_in++)
        for (int fini = 0; fini < 2; fini++) {
            int error;

            CHECK(pthread_create(&thread, NULL, ends, NULL) == 0);
            CHECK(pthread_join(thread, NULL) == 0);
            errno = 4711;
            do
                error = fini ? percpu_fini() : percpu_init_reg(1);
            while (error == -PERCPU_EBUSY);
            CHECK(error == 0 && errno == 4711);
            CHECK(fini == 0 || percpu_init_in_place() > 1);
            CHECK(percpu_init_reg(0) == 0);
        }
}

void percpu_panic(const char *message)
{
    fprintf(stderr, "%s\n", message);
    _exit(1);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    end_if_it_hangs();
    if (strcmp(mode, "keys") == 0)
        test_keys();
    else if (strcmp(mode, "slots") == 0)
        test_slots();
    else if (strcmp(mode, "room") == 0)
        test_room();
    else if (strcmp(mode, "end") == 0)
        test_end();
    else
        test_reg();
    return right();
}
