// SPDX-License-Identifier: MIT
// error: percpu: no restartable sequences for this architecture
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef GOOD
#undef __x86_64__
#endif
#include <percpu/percpu.h>

typedef int empty;
