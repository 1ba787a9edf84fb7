/* SPDX-License-Identifier: MIT */
#include <percpu/percpu.h>
#include <stdio.h>

static PERCPU_DEFINE(unsigned long, requests);

int main(void)
{
#ifndef PERCPU_PLATFORM_RSEQ /* where this is not needed */
    int error = percpu_init_in_place();
    if (error > 0)
        error = percpu_init_reg(0); /* this thread plays CPU 0 */
    if (error < 0) {
        fprintf(stderr, "%s\n", percpu_strerror(error));
        return 1;
    }
#endif
    percpu_add(requests, 5);
    printf("%lu requests on all CPUs\n", percpu_sum(requests));
    return 0;
}
