/* SPDX-License-Identifier: MIT */
/* TAP output and the list of tests; everything here is the same on the host and bare. */
#include "harness.h"

#include <stdarg.h>
#include <stdatomic.h>

#if HARNESS_BARE
#include "machine.h"
#define print_lock() bool irq_was_on = bare_print_lock()
#define print_unlock() bare_print_unlock(irq_was_on)
#else
#include <stdio.h>
#include <string.h>
#define print_lock() flockfile(stdout)
#define print_unlock() funlockfile(stdout)
#endif

/* The linker makes these two for a section whose name is a C identifier. */
extern const struct test *__start_percpu_tests[], *__stop_percpu_tests[];

static atomic_bool failed; /* the running test */

void note(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_lock();
    putchar('#');
    putchar(' ');
    vprintf(fmt, ap);
    putchar('\n');
    print_unlock();
    va_end(ap);
}

bool test_check(bool held, const char *file, int line, const char *what)
{
    if (!held) {
        failed = true;
        note("%s:%d: CPU %zu: %s", file, line, test_cpu(), what);
    }
    return held;
}

bool test_check_eq(long long a, long long b, const char *file, int line, const char *what)
{
    if (a != b) {
        failed = true;
        note("%s:%d: CPU %zu: %s: 0x%llx (%lld), not 0x%llx (%lld)", file, line, test_cpu(), what,
             (unsigned long long)a, a, (unsigned long long)b, b);
    }
    return a == b;
}

static bool contains(const char *s, const char *part)
{
    size_t n = strlen(part);

    for (; strlen(s) >= n; s++)
        if (memcmp(s, part, n) == 0)
            return true;
    return false;
}

/* No words choose all tests, but for those whose names contain a word after a dash. */
static bool chosen(const struct test *t, int argc, char **argv)
{
    bool found = false, all = true;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (contains(t->name, argv[i] + 1))
                return false;
            continue;
        }
        all = false;
        found |= contains(t->name, argv[i]);
    }
    return found || all;
}

int test_main(int argc, char **argv)
{
    unsigned plan = 0, n = 0, passed = 0;

    for (const struct test **t = __start_percpu_tests; t < __stop_percpu_tests; t++)
        plan += chosen(*t, argc, argv);
    if (plan == 0) { /* "1..0" would mean "skipped" */
        printf("Bail out! no test's name contains '%s'\n", argv[1]);
        return 1;
    }

    printf("1..%u\n", plan);
    for (const struct test **t = __start_percpu_tests; t < __stop_percpu_tests; t++) {
        if (!chosen(*t, argc, argv))
            continue;
        failed = false;
        (*t)->fn();
        n++;
        passed += !failed;
        printf("%s %u - %s\n", failed ? "not ok" : "ok", n, (*t)->name);
    }
    printf("# end: %u passed, %u failed\n", passed, n - passed);
    return passed == plan ? 0 : 1;
}

#if HARNESS_BARE
int bare_main(void)
{
    return test_main(bare_argc, bare_argv);
}
#endif
