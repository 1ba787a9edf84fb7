/* SPDX-License-Identifier: MIT */
/*
 * rseq: the program's copy of the library is as one in a shared library that came by dlopen().
 * Linked with --wrap=percpu__join,--wrap=percpu__pin.
 */
#include "../../src/platform/modules.h"

struct percpu__joined __real_percpu__join(const struct percpu__version *mine);
struct percpu__joined __wrap_percpu__join(const struct percpu__version *mine);
struct percpu__joined __wrap_percpu__join(const struct percpu__version *mine)
{
    struct percpu__joined joined = __real_percpu__join(mine);

    joined.is_program = false;
    return joined;
}

void __wrap_percpu__pin(const char *name);
void __wrap_percpu__pin(const char *name)
{
    (void)name;
}
