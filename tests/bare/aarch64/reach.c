/* SPDX-License-Identifier: MIT */
/* What addresses reach, for tests/link-aarch64.sh: linked, not run. */
#include <percpu/percpu.h>

struct __attribute__((packed)) packed {
    char c;
    uint64_t v;
};

static PERCPU_DEFINE(uint64_t, var);
static PERCPU_DEFINE(uint64_t[4], array);
static PERCPU_DEFINE_NEAR(uint64_t, near);
#ifdef LARGE
static PERCPU_DEFINE(char[LARGE], large);
#endif
#ifdef NEAR
static PERCPU_DEFINE_NEAR(struct { char bytes[NEAR]; }, much);
#endif
#ifdef PACKED
static PERCPU_DEFINE_NEAR(struct packed, packed);
#endif

int _start(int i);
int _start(int i)
{
    uint64_t sum = percpu_read(var) + percpu_read(array[2]) + percpu_read(near);

    (void)i;
#ifdef INDEX
    sum += percpu_read(array[i]);
#endif
#ifdef LARGE
    sum += (uint64_t)percpu_read(large[LARGE - 1]);
#endif
#ifdef NEAR
    sum += (uint64_t)percpu_read(much.bytes[NEAR - 1]);
#endif
#ifdef PACKED
    sum += percpu_read(packed.v);
#endif
    return (int)sum;
}
