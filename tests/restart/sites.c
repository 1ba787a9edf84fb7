/* SPDX-License-Identifier: MIT */
/*
 * Restartable sequences wherever compilers put code: for table.py, linked and not run. The same
 * source is a program's two files: FIRST has what there is once. Also C++, where inline functions
 * of both files become one.
 */
#ifdef FIRST
#define PERCPU__DEFINE_CONFIG 1
#endif
#include <percpu/percpu.h>

#ifdef __cplusplus
#define C_NAME extern "C"
#else
#define C_NAME
#endif

C_NAME void _start(void);
C_NAME void second(unsigned n);
C_NAME void *memcpy(void *to, const void *from, size_t size);
C_NAME void *__aeabi_memcpy(void *to, const void *from, size_t size);

PERCPU_DECLARE(uintptr_t, everywhere);
#ifdef FIRST
PERCPU_DEFINE(uintptr_t, everywhere);
#endif
static PERCPU_DEFINE(uintptr_t, count);
static PERCPU_DEFINE(uintptr_t[8], row);
static PERCPU_DEFINE(uint8_t, byte);

/* Inlined again and again. */
static inline uintptr_t step(uintptr_t n)
{
    percpu_add(count, n);
    return percpu_xchg(byte, (uint8_t)n);
}

/* Unrolled. */
static void loop(void)
{
    for (unsigned i = 0; i < 8; i++)
        percpu_add(row[i], i);
}

/* Moved away from the rest of its function. */
static __attribute__((cold, noinline)) void rarely(void)
{
    uintptr_t old = 1;
    while (!percpu_try_cmpxchg(count, &old, (uintptr_t)(old + 1))) {
    }
}

/* In a section of its own. */
static __attribute__((noinline, section(".text.elsewhere"))) void elsewhere(void)
{
    percpu_or(byte, 1);
}

/* The same code in both files: linkers may make one function of them (ICF). */
static __attribute__((noinline)) void alike(void)
{
    percpu_xor(everywhere, 5);
}

#ifdef __cplusplus
inline __attribute__((noinline)) uintptr_t in_both(uintptr_t n)
{
    return percpu_fetch_add(everywhere, n);
}
#else
#define in_both(n) ((void)0)
#endif

/* Dropped with --gc-sections; at_exit() also by a script. */
#ifdef FIRST
C_NAME void at_exit(void);
C_NAME __attribute__((section(".exit.text"))) void at_exit(void)
{
    percpu_add(count, 5);
}

C_NAME void never(void);
C_NAME void never(void)
{
    percpu_sub(count, 3);
    percpu_xor(byte, 5);
}
#endif

static void all(unsigned n)
{
    step(1);
    if (__builtin_expect(n == 7, 0))
        rarely();
    for (unsigned i = 0; i < n; i++)
        step(i);
    loop();
    elsewhere();
    alike();
    in_both(n);
}

#ifdef FIRST
void _start(void)
{
    all(3);
    second(4);
    all((unsigned)percpu_restart_pc((uintptr_t)_start));
}

void *memcpy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

/* arm's name for it. */
void *__aeabi_memcpy(void *to, const void *from, size_t size)
{
    return memcpy(to, from, size);
}
#else
void second(unsigned n)
{
    all(n);
}
#endif
