// SPDX-License-Identifier: MIT
// error: no restartable sequences for this architecture
// bad: -DPERCPU_PLATFORM_RSEQ -U__x86_64__
// good: -DPERCPU_PLATFORM_RSEQ
#include <percpu/detail/config.h> /* alone: there is no libc for it */

typedef int empty;
