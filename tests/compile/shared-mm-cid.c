// SPDX-License-Identifier: MIT
// error: percpu: percpu_alloc_shared() is not for PERCPU_RSEQ_MM_CID
// flags: -O1 -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ -DPERCPU_RSEQ_MM_CID
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
