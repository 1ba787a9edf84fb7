/* SPDX-License-Identifier: MIT */
/* A hook of the compiler's that counts its calls for each CPU, and is exempt from itself. */
#include <percpu/list.h>
#include <percpu/percpu.h>

#ifdef __clang__
#define EXEMPT                                                                                     \
    __attribute__((no_instrument_function, no_sanitize("coverage"),                                \
                   disable_sanitizer_instrumentation, xray_never_instrument))
#else
#define EXEMPT                                                                                     \
    __attribute__((no_instrument_function, no_sanitize_coverage,                                   \
                   no_sanitize("address", "kernel-address", "thread")))
#endif

static PERCPU_DEFINE(uint64_t, calls);
static PERCPU_DEFINE(uint64_t[16], buckets);
static PERCPU_DEFINE(struct percpu_list, list);

void hook_counts(unsigned n, struct percpu_list_node *node);
EXEMPT void hook_counts(unsigned n, struct percpu_list_node *node)
{
    percpu_inc(calls);
    percpu_add(buckets[n & 15], percpu_read(calls));
    if (percpu_cmpxchg(buckets[0], 1, 2) == 1 && percpu_xchg(calls, 0) > percpu_fetch_add(calls, 1))
        percpu_write(calls, percpu_cpu_id());
    percpu_with_current(calls, p) {
        *p += n;
    }
    percpu_list_push(list, node);
    if (percpu_list_pop(list) == percpu_list_take_all(list))
        *percpu_current_ptr(calls) = 1;
}

/* For the test: there are hooks. */
unsigned user(volatile unsigned *p, unsigned n);
unsigned user(volatile unsigned *p, unsigned n)
{
    return n ? *p : p[1];
}
