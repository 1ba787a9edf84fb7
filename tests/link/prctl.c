/* SPDX-License-Identifier: MIT */
/*
 * x86_64 Linux without the FSGSBASE instructions, where the register is set by a system call, which
 * fails when this program says so. Linked with --wrap=getauxval --wrap=syscall.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static PERCPU_DEFINE(int, value) = 3;
static bool refuse;
static unsigned calls, panics;

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

unsigned long __wrap_getauxval(unsigned long type)
{
    unsigned long value = __real_getauxval(type);
    return type == AT_HWCAP2 ? value & ~2ul : value;
}

long __wrap_syscall(long number, ...)
{
    long a, b;
    va_list ap;

    va_start(ap, number);
    a = va_arg(ap, long);
    b = va_arg(ap, long);
    va_end(ap);
    calls += number == SYS_arch_prctl;
    if (refuse && number == SYS_arch_prctl) {
        errno = EPERM;
        return -1;
    }
    return __real_syscall(number, a, b);
}

void percpu_panic(const char *message)
{
    panics += strstr(message, "arch_prctl") != 0;
}

int main(void)
{
    size_t size = percpu_area_layout_expected(1).size;
    void *low = mmap((void *)(1 << 20), size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (low == MAP_FAILED || (uintptr_t)low > percpu_symbol_vma(value))
        return 8;
    if (percpu_init(low, 1) != -PERCPU_EDELTA) /* no negative ones */
        return 9;
    if (percpu_init_in_place() < 1)
        return 1;
    refuse = true;
    if (percpu_init_reg(0) != -PERCPU_ESYS || calls != 1)
        return 2;
    percpu_write_reg(percpu_area_base(0)); /* returns nothing: it reports */
    if (panics != 1)
        return 3;
    if (percpu_read_reg() != 0 || panics != 2)
        return 10;
    refuse = false;
    if (percpu_init_reg(0) != 0) /* the claim was given back */
        return 4;
    if (percpu_cpu_id() != 0 || percpu_read(value) != 3 || percpu_read_reg() != percpu_area_base(0))
        return 5;
    if (percpu_fini() != 0)
        return 6;
    if (calls < 4)
        return 7;
    puts("right");
    return 0;
}
