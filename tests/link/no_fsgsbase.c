/* SPDX-License-Identifier: MIT */
/* Linked into the host's tests with --wrap=getauxval: every run on the system call's path. */
#include <sys/auxv.h>

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

unsigned long __wrap_getauxval(unsigned long type)
{
    unsigned long value = __real_getauxval(type);
    return type == AT_HWCAP2 ? value & ~2ul : value;
}
