/* SPDX-License-Identifier: MIT */
/*
 * usage: areas fini|claim|claim-moved|fork|handlers|late|block|coming
 * thread: calls that come in the middle of another one, which the linker's --wrap lets in.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/alloc.h>

#include "hang.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static const char *mode = "";
static int is(const char *name)
{
    return strcmp(mode, name) == 0;
}

static void run(void *(*fn)(void *))
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, fn, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* -- percpu_fini() and claims ------------------------------------------------------------------ */

static int result, finished;

int __real_percpu__reg_claim(size_t cpu, uintptr_t delta);
int __wrap_percpu__reg_claim(size_t cpu, uintptr_t delta);
int __real_percpu__reg_release_all(void);
int __wrap_percpu__reg_release_all(void);

static void *finish(void *unused)
{
    finished = percpu_fini();
    return unused;
}

static _Atomic bool refused; /* a claim */

enum { PAGE = 4096, BLOCK = 1 << 16, FAR = 1 << 20 };
static char memory[4 * FAR] __attribute__((aligned(PAGE)));

/* The areas come again, elsewhere. */
static void *move_areas(void *unused)
{
    CHECK(percpu_fini() == 0);
    CHECK(percpu_init_cpu(0, memory) == 1);
    return unused;
}

/* percpu_fini() comes after a thread has looked whether there are areas, before it claims one. */
int __wrap_percpu__reg_claim(size_t cpu, uintptr_t delta)
{
    static int once;
    int error;

    if (is("claim") && !once++)
        run(finish);
    if (is("claim-moved") && !once++)
        run(move_areas);
    error = __real_percpu__reg_claim(cpu, delta);
    refused |= error != 0;
    return error;
}

static sem_t claimed;

static void *claim(void *unused)
{
    result = percpu_init_reg(1);
    sem_post(&claimed);
    return unused;
}

/* A thread claims when percpu_fini() has looked at the claims: it waits, and there is no area. */
int __wrap_percpu__reg_release_all(void)
{
    int error = __real_percpu__reg_release_all();
    pthread_t thread;

    if (is("fini") && !error) {
        CHECK(pthread_create(&thread, NULL, claim, NULL) == 0);
        CHECK(pthread_detach(thread) == 0);
        while (!refused && sem_trywait(&claimed) != 0)
            sched_yield();
    }
    return error;
}

static void *claim_0(void *unused)
{
    CHECK(percpu_init_reg(0) == 0);
    return unused;
}

static void test_claim(void)
{
    CHECK(percpu_init_in_place() > 0);
    CHECK(percpu_init_reg(0) == -PERCPU_ENOTINIT);
    CHECK(finished == 0);
    CHECK(percpu_init_in_place() > 0); /* nobody has a claim */
    run(claim_0);
    CHECK(percpu_init_reg(0) == 0);
    CHECK(percpu_fini() == 0);
}

static void test_claim_moved(void)
{
    CHECK(percpu_init_in_place() > 0);
    CHECK(percpu_init_reg(0) == 0);
    CHECK(percpu_read_reg() == percpu_area_base(0));
}

static void test_fini(void)
{
    result = 1;
    CHECK(percpu_init_in_place() > 1);
    CHECK(percpu_fini() == 0);
    while (__atomic_load_n(&result, __ATOMIC_RELAXED) == 1)
        sched_yield();
    CHECK(result == -PERCPU_ENOTINIT);
}

/* -- fork() while another thread makes the areas ----------------------------------------------- */

static sem_t inside, go_on;
static volatile int stop_in_mmap;

void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (stop_in_mmap) {
        stop_in_mmap = 0;
        sem_post(&inside);
        wait_until(&go_on);
    }
    return __real_mmap(at, size, protection, flags, file, offset);
}

static void *make_areas(void *unused)
{
    CHECK(percpu_init_in_place() > 0);
    return unused;
}

static void let_go_on(void)
{
    sem_post(&go_on);
}

static void test_fork(void)
{
    pthread_t thread;
    pid_t child;

    /* It runs before the library's. */
    CHECK(pthread_atfork(let_go_on, NULL, NULL) == 0);
    stop_in_mmap = 1;
    CHECK(pthread_create(&thread, NULL, make_areas, NULL) == 0);
    wait_until(&inside);
    CHECK(pthread_cancel(pthread_self()) == 0); /* fork() waits, and is no cancellation point */
    child = fork();
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0);
    if (child == 0) {
        end_if_it_hangs();
        CHECK(percpu_init_in_place() == 0); /* fork() has waited for the areas */
        CHECK(percpu_init_reg(0) == 0);
        _exit(0);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(ends_well(child));
}

/* -- Fork handlers of others ------------------------------------------------------------------- */

static void in_handler(void)
{
    if (!is("handlers"))
        return;
    CHECK(percpu_init_in_place() == 0);
    CHECK(percpu_fini() == 0);
    CHECK(percpu_init_in_place() > 0);
}

__attribute__((constructor(100))) static void come_first(void)
{
    pthread_atfork(in_handler, in_handler, in_handler);
}

static void *initialise_again(void *unused)
{
    CHECK(percpu_init_in_place() == 0);
    return unused;
}

static void test_handlers(void)
{
    pid_t child;

    CHECK(percpu_init_in_place() > 0);
    child = fork();
    if (child == 0) {
        end_if_it_hangs();
        run(initialise_again);
        _exit(percpu_init_reg(0) != 0 || percpu_fini() != 0);
    }
    run(initialise_again);
    CHECK(ends_well(child));
    CHECK(percpu_fini() == 0);
}

/* -- The first allocation while a CPU comes late ----------------------------------------------- */

static int let_in_allocation, let_in_block;

static pthread_t adder;
static volatile int adders_tid, has_added;

static void *add_block(void *unused)
{
    adders_tid = (int)syscall(SYS_gettid);
    CHECK(percpu_alloc_add_block(memory + FAR, BLOCK) == 0);
    has_added = 1;
    return unused;
}

void __real_percpu__template_copy(uintptr_t area);
void __wrap_percpu__template_copy(uintptr_t area);
void __wrap_percpu__template_copy(uintptr_t area)
{
    if (let_in_allocation) {
        let_in_allocation = 0;
        CHECK(percpu_alloc_bytes(64, 64) == NULL); /* there is no memory yet */
    }
    if (let_in_block) { /* another thread's, which waits until the CPU is there */
        let_in_block = 0;
        CHECK(pthread_create(&adder, NULL, add_block, NULL) == 0);
        while (!has_added && (adders_tid == 0 || sleeps_in(adders_tid) != SYS_futex))
            sched_yield();
        CHECK(!has_added);
    }
    __real_percpu__template_copy(area);
}

static void test_late(void)
{
    size_t align = percpu_area_layout_expected(1).align;
    const char PERCPU *p;

    CHECK(align < PAGE);
    CHECK(percpu_init_cpu(0, memory) == 1);
    let_in_allocation = 1;
    CHECK(percpu_init_cpu(1, memory + 2 * FAR + align) == 1);
    CHECK(!let_in_allocation);
    CHECK(percpu_alloc_add_block(memory + FAR, BLOCK) == 0);
    p = percpu_alloc_bytes(64, PAGE);
    CHECK(!p || (uintptr_t)percpu_remote_ptr_at(p, 1) % PAGE == 0);
    p = percpu_alloc_bytes(64, 64);
    CHECK(p && (uintptr_t)percpu_remote_ptr_at(p, 1) % 64 == 0);
}

/* Of a CPU that came, or was refused, the next areas know nothing. */
static void test_coming(void)
{
    size_t align = percpu_area_layout_expected(1).align;

    for (int refused_one = 0; refused_one < 2; refused_one++) {
        CHECK(percpu_init_cpu(0, memory) == 1);
        CHECK(percpu_alloc_add_block(memory + FAR, BLOCK) == 0);
        if (refused_one)
            CHECK(percpu_init_cpu(1, memory + 2 * FAR + align) == -PERCPU_EALIGN);
        else
            CHECK(percpu_fini() == 0 && percpu_init_cpu(0, memory) == 1 &&
                  percpu_init_cpu(1, memory + 2 * FAR + align) == 1);
        CHECK(percpu_fini() == 0);
        CHECK(percpu_init(memory, 1) == 1);
        CHECK(percpu_alloc_add_block(memory + FAR, BLOCK) == 0);
        CHECK(percpu_alloc_bytes(64, PAGE));
        CHECK(percpu_fini() == 0);
    }
}

static void test_block(void)
{
    CHECK(percpu_init_cpu(0, memory) == 1);
    let_in_block = 1;
    CHECK(percpu_init_cpu(1, memory + 2 * FAR) == 1);
    CHECK(pthread_join(adder, NULL) == 0);
    CHECK(has_added);
}

int main(int argc, char **argv)
{
    mode = argc > 1 ? argv[1] : "";
    sem_init(&inside, 0, 0);
    sem_init(&go_on, 0, 0);
    sem_init(&claimed, 0, 0);
    end_if_it_hangs();
    if (is("fini"))
        test_fini();
    else if (is("claim"))
        test_claim();
    else if (is("claim-moved"))
        test_claim_moved();
    else if (is("coming"))
        test_coming();
    else if (is("fork"))
        test_fork();
    else if (is("handlers"))
        test_handlers();
    else if (is("block"))
        test_block();
    else
        test_late();
    return right();
}
