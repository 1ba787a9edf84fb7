// SPDX-License-Identifier: MIT
// error: percpu: the variable is not aligned to 8 bytes
#include <percpu/percpu.h>

static PERCPU_DEFINE(uint32_t[4], halves);
static PERCPU_DEFINE(uint64_t[2], words);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_add_each(words, 1, 2);
    (void)percpu_read(halves[0]);
#else
    percpu_add_each(halves, 1, 2);
    (void)percpu_read(words[0]);
#endif
}
