// SPDX-License-Identifier: MIT
// error: percpu: a per-CPU variable is copied as bytes and never destroyed
#include <percpu/percpu.h>

struct owner {
    int value;
#ifndef GOOD
    ~owner();
#endif
};
PERCPU_DEFINE(owner, owned) = {1};
