// SPDX-License-Identifier: MIT
// error: percpu: percpu_add_each() takes 2 to 8 operands
#include <percpu/percpu.h>

static PERCPU_DEFINE(uint64_t[16], words);

void use();
void use()
{
#ifdef GOOD
    percpu_add_each(words, 1, -2, 3u, 4, 5, 6, 7, 8);
#else
    percpu_add_each(words, 1, 2, 3, 4, 5, 6, 7, 8, 9);
#endif
}
