/* SPDX-License-Identifier: MIT */
/*
 * thread: fences. An update is one instruction or one atomic operation, so a memory barrier on each
 * CPU is a fence.
 */
#include "process.h"

#ifdef PERCPU_PLATFORM_THREAD

bool percpu_has_sequences(void)
{
    return false;
}

#ifdef __linux__

#include "membarrier.h"

bool percpu_has_fence(void)
{
    return percpu__state &&
           percpu__fence_works(&percpu__state->fence, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

int percpu_fence(void)
{
    return percpu_has_fence() && percpu__fenced(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)
               ? 0
               : -PERCPU_ESYS;
}

#else

bool percpu_has_fence(void)
{
    return false;
}

int percpu_fence(void)
{
    return -PERCPU_ESYS;
}

#endif

int percpu_fence_cpu(size_t cpu)
{
    return percpu__has_area(cpu) ? percpu_fence() : -PERCPU_ERANGE;
}

#endif
