// SPDX-License-Identifier: MIT
// error: percpu: a per-CPU variable cannot be const
#include <percpu/percpu.h>

#ifdef GOOD
PERCPU_DEFINE(int[3], fixed);
#else
PERCPU_DEFINE(const int[3], fixed);
#endif
