// SPDX-License-Identifier: MIT
// error: percpu: the variable has fewer words of 64 bits
#include <percpu/percpu.h>

struct words {
    uint64_t a, b;
    uint32_t c;
};
static PERCPU_DEFINE(struct words, words);

void use(void);
void use(void)
{
#ifdef GOOD
    percpu_add_each(words, 1, -2);
#else
    percpu_add_each(words, 1, -2, 3, 4);
#endif
}
