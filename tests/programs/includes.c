/* SPDX-License-Identifier: MIT */
/* The header, and nothing that it declares. */
#include <percpu/percpu.h>

int main(void)
{
    return 0;
}
