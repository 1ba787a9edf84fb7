/* SPDX-License-Identifier: MIT */
/* rseq: fences. */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include "membarrier.h"

bool percpu_has_sequences(void)
{
    return percpu__state && percpu__state->rseq_cpus != 0;
}

/* A command that aborts sequences is a barrier, too. Without sequences any barrier will do. */
bool percpu_has_fence(void)
{
    return percpu__state && percpu__fence_works(&percpu__state->fence,
                                                percpu_has_sequences()
                                                    ? MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
                                                    : MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

static bool fence(unsigned flags, size_t cpu)
{
    return percpu_has_fence() &&
           percpu__fenced(percpu_has_sequences() ? MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
                                                 : MEMBARRIER_CMD_PRIVATE_EXPEDITED,
                          flags, cpu);
}

/*
 * Where sequences run, the kernel aborts the sequence that runs on the CPU; a thread that does not
 * run aborts its own when it resumes. On other areas an operation that has read writes nothing once
 * the value has changed; the lock for lists is for pops, which read a node that is not theirs yet.
 */
int percpu_fence_cpu(size_t cpu)
{
    bool is_cpu;

    if (cpu >= percpu__limit)
        return -PERCPU_ERANGE;
    is_cpu = cpu < percpu__state->rseq_cpus;
    if (!is_cpu && !percpu__wait_for_lists(cpu))
        return -PERCPU_ESYS;
#ifdef PERCPU_RSEQ_MM_CID
    is_cpu = false; /* the kernel does not tell which CPU uses an mm_cid */
#endif
    return fence(is_cpu ? MEMBARRIER_CMD_FLAG_CPU : 0, is_cpu ? cpu : 0) ? 0 : -PERCPU_ESYS;
}

int percpu_fence(void)
{
    if (percpu__limit == 0)
        return -PERCPU_ESYS;
    for (size_t cpu = percpu__state->rseq_cpus; cpu < percpu__limit; cpu++)
        if (!percpu__wait_for_lists(cpu))
            return -PERCPU_ESYS;
    return fence(0, 0) ? 0 : -PERCPU_ESYS;
}

#endif
