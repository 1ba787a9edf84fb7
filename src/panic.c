/* SPDX-License-Identifier: MIT */
/* percpu_panic() has a file of its own: a program that defines one does not link this file. */
#include <percpu/percpu.h>

#if __STDC_HOSTED__
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((weak)) void percpu_panic(const char *message)
{
    /* write() is async-signal-safe. Nothing can be done when it fails. */
    if (write(STDERR_FILENO, message, strlen(message)) < 0 || write(STDERR_FILENO, "\n", 1) < 0)
        abort();
    abort();
}
#else
__attribute__((weak)) void percpu_panic(const char *message)
{
    (void)message; /* percpu_panic_message has it: there is nowhere to print to */
    __builtin_trap();
}
#endif
