// SPDX-License-Identifier: MIT
// error: percpu__flexible
#include <percpu/percpu.h>

struct histogram {
    int n;
#ifdef GOOD
    int bucket[3];
#else
    int bucket[];
#endif
};
PERCPU_DECLARE(struct histogram, other);
PERCPU_DECLARE(int[4], array);

void use(struct histogram PERCPU *p);
void use(struct histogram PERCPU *p)
{
    percpu_reset_to_init(array);
    percpu_reset_to_init(array[2]);
    percpu_reset_to_init(other.n);
    percpu_reset_to_init_at(p), percpu_reset_to_init_at(&p->n);
}
