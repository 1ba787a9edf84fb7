// SPDX-License-Identifier: MIT
// error: PERCPU_RSEQ_MM_CID is for PERCPU_PLATFORM_RSEQ
// bad: -DPERCPU_PLATFORM_THREAD
// good: -DPERCPU_PLATFORM_RSEQ
// flags: -DPERCPU_RSEQ_MM_CID
#include <percpu/percpu.h>

typedef int empty;
