// SPDX-License-Identifier: MIT
// error: percpu: a per-CPU variable cannot be const
#include <percpu/percpu.h>

#ifdef GOOD
PERCPU_DEFINE(const int *, fixed);
#else
PERCPU_DEFINE(int *const, fixed);
#endif
