/* SPDX-License-Identifier: MIT */
/* For site.py: SITES functions of one increment each. Linked, and not run. */
#define PERCPU__DEFINE_CONFIG 1
#include <percpu/percpu.h>

static PERCPU_DEFINE(uint64_t, hits);

/* What a module has: src/platform/rseq.c, and rseq_slow.c. */
__asm__(".pushsection .data\n\t"
        ".balign 8\n"
        ".globl percpu__bias, percpu__rseq_offset, percpu__rseq_mask, percpu__rseq_cpus\n\t"
        ".hidden percpu__bias, percpu__rseq_offset, percpu__rseq_mask, percpu__rseq_cpus\n"
        "percpu__bias: .long 0, 0\n"
        "percpu__rseq_offset: .long 0, 0\n"
        "percpu__rseq_mask: .long 0, 0\n"
        "percpu__rseq_cpus: .long 0, 0\n\t"
        ".popsection");

uint64_t percpu__slow(enum percpu__slow_operation operation, volatile void *p, size_t size,
                      uint64_t value, uint64_t expected)
{
    (void)operation, (void)p, (void)size, (void)value;
    return expected;
}

#define SITE(n)                                                                                    \
    void site_##n(void);                                                                           \
    void site_##n(void)                                                                            \
    {                                                                                              \
        percpu_inc(hits);                                                                          \
    }
#define FOUR(n) SITE(n##0) SITE(n##1) SITE(n##2) SITE(n##3)
#define SIXTEEN(n) FOUR(n##0) FOUR(n##1) FOUR(n##2) FOUR(n##3)

SIXTEEN(0)
#if SITES == 32
SIXTEEN(1)
#endif
