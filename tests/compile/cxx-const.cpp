// SPDX-License-Identifier: MIT
// error: percpu: a per-CPU variable cannot be const
#include <percpu/percpu.h>

#ifdef GOOD
PERCPU_DEFINE(int, fixed) = 1;
#else
PERCPU_DEFINE(const int, fixed) = 1;
#endif
