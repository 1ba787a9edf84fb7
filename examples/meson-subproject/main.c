/* SPDX-License-Identifier: MIT */
#include <percpu/percpu.h>
#include <stdio.h>

static PERCPU_DEFINE(unsigned long, requests);

int main(void)
{
    int error = percpu_init_in_place();
    if (error > 0)
        error = percpu_init_reg(0); /* this thread plays CPU 0 */
    if (error < 0) {
        fprintf(stderr, "%s\n", percpu_strerror(error));
        return 1;
    }
    percpu_write(requests, percpu_read(requests) + 5);
    printf("here %lu, on all CPUs %lu\n", percpu_read(requests), percpu_sum(requests));
    return 0;
}
