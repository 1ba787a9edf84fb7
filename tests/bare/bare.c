/* SPDX-License-Identifier: MIT */
/* What all bare machines share: start, CPUs, printing, and the C library that compilers expect. */
#include "machine.h"

#include "harness.h"

#include <stdatomic.h>

_Alignas(MACHINE_STACK_SIZE) unsigned char bare_stacks[MACHINE_MAX_CPUS][MACHINE_STACK_SIZE];

void (*volatile bare_tick)(void);
uintptr_t (*volatile bare_return_pc)(uintptr_t pc);
uintptr_t (*volatile bare_switch)(uintptr_t frame);
size_t (*volatile bare_task_cpu)(void);

/* Memory. Compiled so that these loops are not turned into calls to themselves. */

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    while (n-- > 0)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    if ((uintptr_t)to <= (uintptr_t)from)
        return memcpy(to, from, n);
    while (n-- > 0)
        t[n] = f[n];
    return to;
}

void *memset(void *to, int c, size_t n)
{
    unsigned char *t = to;

    while (n-- > 0)
        *t++ = (unsigned char)c;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0')
        n++;
    return n;
}

/* Printing */

static atomic_flag print_locked = ATOMIC_FLAG_INIT;

bool bare_print_lock(void)
{
    bool irq_was_on = machine_irq_off();

    while (atomic_flag_test_and_set(&print_locked))
        machine_relax();
    return irq_was_on;
}

void bare_print_unlock(bool irq_was_on)
{
    atomic_flag_clear(&print_locked);
    if (irq_was_on)
        machine_irq_on();
}

int putchar(int c)
{
    machine_putc((char)c);
    return c;
}

/* By subtraction: 32-bit machines have no 64-bit division without the compiler's library. */
static char *decimal(char *end, unsigned long long v)
{
    static const unsigned long long power[] = {
        10000000000000000000u,
        1000000000000000000,
        100000000000000000,
        10000000000000000,
        1000000000000000,
        100000000000000,
        10000000000000,
        1000000000000,
        100000000000,
        10000000000,
        1000000000,
        100000000,
        10000000,
        1000000,
        100000,
        10000,
        1000,
        100,
        10,
        1,
    };
    char *s = end - 20;

    for (int i = 0; i < 20; i++) {
        s[i] = '0';
        for (; v >= power[i]; v -= power[i])
            s[i]++;
    }
    while (s < end - 1 && *s == '0')
        s++;
    return s;
}

static char *hex(char *end, unsigned long long v)
{
    do
        *--end = "0123456789abcdef"[v & 15];
    while ((v >>= 4) != 0);
    return end;
}

static void print_padded(const char *s, size_t len, size_t width, char pad)
{
    for (; width > len; width--)
        putchar(pad);
    while (len-- > 0)
        putchar(*s++);
}

int vprintf(const char *fmt, va_list ap)
{
    char buf[24], *end = buf + sizeof buf, *s;

    for (; *fmt != '\0'; fmt++) {
        char pad = ' ';
        size_t width = 0;
        int size = 0; /* 0 int, 1 long, size_t and intmax_t too where they are, 2 long long */
        unsigned long long v;

        if (*fmt != '%') {
            putchar(*fmt);
            continue;
        }
        if (*++fmt == '0')
            pad = '0';
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            width = width * 10 + (size_t)(*fmt - '0');
        for (;; fmt++) {
            if (*fmt == 'l')
                size++;
            else if (*fmt == 'z')
                size = sizeof(size_t) == sizeof(int) ? 0 : 1;
            else if (*fmt == 'j')
                size = 2;
            else
                break;
        }
        switch (*fmt) {
        case 'd':
        case 'i': {
            long long d = size == 2   ? va_arg(ap, long long)
                          : size == 1 ? va_arg(ap, long)
                                      : va_arg(ap, int);
            s = decimal(end, d < 0 ? 0 - (unsigned long long)d : (unsigned long long)d);
            if (d < 0)
                *--s = '-';
            print_padded(s, (size_t)(end - s), width, pad);
            break;
        }
        case 'u':
        case 'x':
            v = size == 2   ? va_arg(ap, unsigned long long)
                : size == 1 ? va_arg(ap, unsigned long)
                            : va_arg(ap, unsigned);
            s = *fmt == 'u' ? decimal(end, v) : hex(end, v);
            print_padded(s, (size_t)(end - s), width, pad);
            break;
        case 'p':
            s = hex(end, (uintptr_t)va_arg(ap, void *));
            *--s = 'x';
            *--s = '0';
            print_padded(s, (size_t)(end - s), width, ' ');
            break;
        case 's':
            s = va_arg(ap, char *);
            if (s == NULL)
                s = "(null)";
            print_padded(s, strlen(s), width, ' ');
            break;
        case 'c': putchar(va_arg(ap, int)); break;
        case '%': putchar('%'); break;
        default: bare_panic("printf: conversion '%c' is not known", *fmt);
        }
    }
    return 0;
}

/* Without the lock. */
__attribute__((format(printf, 1, 2))) static void print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
}

int printf(const char *fmt, ...)
{
    va_list ap;
    bool irq_was_on = bare_print_lock();

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    bare_print_unlock(irq_was_on);
    return 0;
}

void bare_panic(const char *fmt, ...)
{
    static atomic_size_t panicking; /* CPU + 1 */
    size_t first = 0;
    va_list ap;

    machine_irq_off();
    if (!atomic_compare_exchange_strong(&panicking, &first, test_cpu() + 1)) {
        if (first == test_cpu() + 1) { /* an exception in here */
            for (const char *c = "\nBail out! panic in bare_panic()\n"; *c != '\0'; c++)
                machine_putc(*c);
            machine_exit(1);
        }
        for (;;) /* the other CPU exits */
            machine_relax();
    }
    /* Wait for another CPU's line to end, but it may be this CPU that holds the lock. */
    for (int i = 0; i < 100000 && atomic_flag_test_and_set(&print_locked); i++)
        machine_relax();
    print("\nBail out! CPU %zu: ", test_cpu());
    va_start(ap, fmt);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
    machine_exit(1);
}

/* Timer */

uintptr_t bare_timer_tick(uintptr_t pc, bool kernel)
{
    if (bare_tick != NULL)
        bare_tick();
    return kernel && bare_return_pc != NULL ? bare_return_pc(pc) : pc;
}

uintptr_t bare_next_frame(uintptr_t frame)
{
    return bare_switch != NULL ? bare_switch(frame) : frame;
}

/* CPUs */

struct job {
    void (*fn)(size_t cpu, void *data);
    void *data;
    atomic_size_t waiting; /* how many are not at the start barrier yet */
    atomic_size_t running; /* how many are not done; the job is gone when none are */
};

static struct job *_Atomic box[MACHINE_MAX_CPUS]; /* what each CPU is to run, or is running */
static atomic_size_t up;                          /* CPUs that came up */

__attribute__((weak)) void test_cpu_enter(size_t cpu)
{
    (void)cpu;
}

__attribute__((weak)) void machine_idle(void)
{
    machine_relax();
}

__attribute__((weak)) void machine_wake(void)
{
}

__attribute__((weak)) bool machine_atomics_work(void)
{
    return true;
}

__attribute__((weak)) bool machine_change_caches(void)
{
    return false;
}

size_t test_cpus(void)
{
    return machine_cpu_count();
}

/* By the stack. */
size_t test_cpu(void)
{
    /* A division by a power of two. */
    size_t cpu =
        ((uintptr_t)__builtin_frame_address(0) - (uintptr_t)bare_stacks) / MACHINE_STACK_SIZE;

    return cpu >= MACHINE_MAX_CPUS && bare_task_cpu != NULL ? bare_task_cpu() : cpu;
}

/*
 * Interrupts are off. A host that has fewer CPUs than the machine gets to the next one only when a
 * waiting one sleeps, or at the end of a time slice, which is much longer than most jobs.
 */
static void wait_until_0(atomic_size_t *count)
{
    while (*count != 0)
        machine_idle();
}

static void count_down(atomic_size_t *count)
{
    if (--*count == 0)
        machine_wake();
}

static void run(size_t cpu, struct job *job)
{
    count_down(&job->waiting);
    wait_until_0(&job->waiting);
    job->fn(cpu, job->data);
    box[cpu] = NULL;
    count_down(&job->running);
}

void bare_cpu_main(size_t cpu)
{
    struct job *job;

    test_cpu_enter(cpu);
    up++;
    for (;;) {
        while ((job = box[cpu]) == NULL)
            machine_idle();
        run(cpu, job);
    }
}

static void run_on(size_t first, size_t end, struct job *job)
{
    if (test_cpu() != 0 || first >= end || end > test_cpus())
        bare_panic("on_cpus() for CPUs %zu to %zu", first, end);
    job->waiting = job->running = end - first;
    for (size_t cpu = first; cpu < end; cpu++)
        if (cpu != 0)
            box[cpu] = job;
    machine_wake();
    if (first == 0)
        run(0, job);
    wait_until_0(&job->running);
    /* A stack's last bytes are 0, being .bss, until the stack gets there. */
    for (size_t cpu = first; cpu < end; cpu++)
        for (size_t i = 0; i < 1024; i++)
            if (bare_stacks[cpu][i] != 0)
                bare_panic("CPU %zu's stack is too small", cpu);
}

void on_cpus(void (*fn)(size_t cpu, void *data), void *data)
{
    run_on(0, test_cpus(), &(struct job){.fn = fn, .data = data});
}

void on_cpu(size_t cpu, void (*fn)(size_t cpu, void *data), void *data)
{
    run_on(cpu, cpu + 1, &(struct job){.fn = fn, .data = data});
}

/* Start */

int bare_argc;
char *bare_argv[16];

static void split_cmdline(void)
{
    static char name[] = "image", words[256];
    const char *s = machine_cmdline();
    size_t n = 0;

    bare_argv[bare_argc++] = name;
    while (*s != '\0' && n < sizeof words - 1 && bare_argc < 15) {
        while (*s == ' ')
            s++;
        if (*s == '\0')
            break;
        bare_argv[bare_argc++] = &words[n];
        while (*s != '\0' && *s != ' ' && n < sizeof words - 1)
            words[n++] = *s++;
        words[n++] = '\0';
    }
}

void bare_start(void)
{
    machine_init();
    if (machine_cpu_count() > MACHINE_MAX_CPUS)
        bare_panic("%zu CPUs, at most %d are supported", machine_cpu_count(), MACHINE_MAX_CPUS);
    split_cmdline();
    test_cpu_enter(0);
    up++;
    printf("# starting %zu CPUs\n", machine_cpu_count());
    machine_start_cpus();
    while (up < machine_cpu_count())
        machine_relax();
    machine_exit(bare_main());
}
