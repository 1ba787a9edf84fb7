/* SPDX-License-Identifier: MIT */
/* Calls redzone.c's function; the template itself is the current CPU's area. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

unsigned long sum(const unsigned long *from);

struct {
    unsigned long delta, cpu, magic;
} head __asm__("__PERCPU_percpu__head");

int main(void)
{
    const unsigned long from[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    unsigned long all;

    syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, 0UL);
    all = sum(from);
    printf("%lu\n", all);
    return all != 36;
}
