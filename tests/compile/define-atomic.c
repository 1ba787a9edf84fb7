// SPDX-License-Identifier: MIT
// error: percpu: a per-CPU variable cannot be _Atomic
#include <percpu/percpu.h>

#ifdef GOOD
PERCPU_DEFINE(int, shared);
#else
PERCPU_DEFINE(_Atomic int, shared);
#endif
