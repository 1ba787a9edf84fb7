/* SPDX-License-Identifier: MIT */
/*
 * The test harness: one test source runs on the host and on every bare machine. Output is TAP.
 *
 *     TEST(counter_wraps)
 *     {
 *         check(percpu_area_num() > 0);
 *         check_eq(percpu_read(counter), 3);
 *         on_cpus(work, &shared);
 *     }
 *
 * A failing check prints where and what, and the test goes on. No test may depend on time passing:
 * wait for events. The runner's time limit finds the tests that hang.
 *
 * The harness uses nothing of percpu, so that it still reports when percpu is broken.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1 on a bare machine; then tests may also use machine.h. */
#define HARNESS_BARE (!__STDC_HOSTED__)

/* CPUs. On the host a CPU is a thread that lives as long as the program; CPU 0 is main's. */

size_t test_cpus(void);

/* The calling CPU, found without percpu. */
size_t test_cpu(void);

/*
 * Called on each CPU as it comes up, before anything else runs there; empty unless a test source
 * defines it. CPU 0's call returns before any other CPU is started. No check() in here.
 */
void test_cpu_enter(size_t cpu);

/*
 * Run fn on every CPU, or on one, and return when it has returned everywhere. on_cpus() lets no CPU
 * into fn before all are ready, so that they run together. Only CPU 0 may call these. On a bare
 * machine fn starts with interrupts off and leaves them off.
 */
void on_cpus(void (*fn)(size_t cpu, void *data), void *data);
void on_cpu(size_t cpu, void (*fn)(size_t cpu, void *data), void *data);

/* Checks. Both answer whether they held: if (!check(p)) return; */

#define check(cond) test_check(!!(cond), __FILE__, __LINE__, #cond)

/* Integers and pointers, compared by value as 64 bits: -1 equals -1L, and not 0xffffffffu. */
#define check_eq(a, b) test_check_eq(TEST_VALUE(a), TEST_VALUE(b), __FILE__, __LINE__, #a " == " #b)

/* Prints "# " and a line. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Runs the tests whose names contain one of argv[1] and following, or all. Returns 0 when every
 * one passed, else 1, so also when none matched.
 */
int test_main(int argc, char **argv);

/* What the macros above are made of. */

struct test {
    const char *name;
    void (*fn)(void);
};

/* Kept by the linker, on bare machines by its script, in the order of the source. */
#if __has_attribute(retain) && !HARNESS_BARE /* arm-none-eabi-gcc says: ignored */
#define TEST_RETAIN __attribute__((used, retain))
#else
#define TEST_RETAIN __attribute__((used))
#endif
#if __has_attribute(no_reorder)
#define TEST_IN_ORDER __attribute__((no_reorder))
#else
#define TEST_IN_ORDER
#endif

/*
 * The section holds pointers and not the structs: compilers may align a struct more strictly than
 * its size, and then an array made by the linker has holes.
 */
#define TEST(id)                                                                                   \
    static void test_##id(void);                                                                   \
    static const struct test test_desc_##id = {#id, test_##id};                                    \
    TEST_RETAIN TEST_IN_ORDER                                                                      \
        __attribute__((section("percpu_tests"))) static const struct test *test_entry_##id =       \
            &test_desc_##id;                                                                       \
    static void test_##id(void)

/* Class 5 is "pointer". The detour avoids casting a pointer to a wider integer. */
#define TEST_VALUE(x)                                                                              \
    ((long long)__builtin_choose_expr(__builtin_classify_type(x) == 5, (uintptr_t)(x), (x)))

bool test_check(bool held, const char *file, int line, const char *what);
bool test_check_eq(long long a, long long b, const char *file, int line, const char *what);

#endif
