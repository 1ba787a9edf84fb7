// SPDX-License-Identifier: MIT
// error: const
#include <percpu/percpu.h>

int answer();
#ifdef GOOD
PERCPU_DEFINE(int, value) = 42;
#else
PERCPU_DEFINE(int, value) = answer();
#endif
