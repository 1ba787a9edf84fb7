// SPDX-License-Identifier: MIT
// error: percpu: a per-CPU variable is copied as bytes and never destroyed
#include <percpu/percpu.h>

struct owner {
    int *p = nullptr;
    constexpr owner() = default;
#ifndef GOOD
    owner(const owner &other);
#endif
};
PERCPU_DEFINE(owner, owned);
