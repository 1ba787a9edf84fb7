// SPDX-License-Identifier: MIT
// error: percpu: the operand is const
#include <percpu/percpu.h>

void use(uint64_t PERCPU *words, const uint64_t PERCPU *constants);
void use(uint64_t PERCPU *words, const uint64_t PERCPU *constants)
{
#ifdef GOOD
    percpu_add_each_at(words, percpu_read_at(constants), 2);
#else
    percpu_add_each_at(constants, percpu_read_at(words), 2);
#endif
}
