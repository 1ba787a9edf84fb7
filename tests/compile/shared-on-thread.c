// SPDX-License-Identifier: MIT
// error: percpu: percpu_alloc_shared() is for PERCPU_PLATFORM_RSEQ
// flags: -O1 -DPERCPU_PLATFORM_THREAD
#include <percpu/alloc.h>

void PERCPU *use(void);
void PERCPU *use(void)
{
#ifdef GOOD
    return percpu_alloc_bytes(8, 8);
#else
    return percpu_alloc_shared(8, 8);
#endif
}
