// SPDX-License-Identifier: MIT
// error: percpu: the variable has fewer words of 64 bits
#include <percpu/percpu.h>

struct words {
    uint64_t a, b;
    uint32_t c;
};
static PERCPU_DEFINE(struct words, words);

void use(uint64_t *out);
void use(uint64_t *out)
{
#ifdef GOOD
    percpu_sum_words(words, 2, out);
#else
    percpu_sum_words(words, 4, out);
#endif
}
