/* SPDX-License-Identifier: MIT */
/*
 * How far addresses reach, for tests/link-arm.sh. The offset in a variable has 16 bits, signed, in
 * the relocations of MOVW and MOVT, and assemblers need not say that it does not fit; at VMA 0 code
 * has only the MOVW.
 */
#include "harness.h"

#include <percpu/percpu.h>

static PERCPU_DEFINE(char[40000], big) = {[0] = 1, [32767] = 2, [32768] = 3, [39999] = 4};
static PERCPU_DEFINE(int, last) = 5;
#ifdef LARGE
static PERCPU_DEFINE(char[LARGE], large) = {[LARGE - 1] = 6};
#endif
#ifdef NEAR
static PERCPU_DEFINE_NEAR(struct { char bytes[NEAR]; }, much);
#endif

static _Alignas(4096) char memory[1 << 20];

static void use(size_t cpu, void *index)
{
    check_eq(percpu_init_reg(cpu), 0);
    check_eq(percpu_read(big[0]), 1);
    check_eq(percpu_read(big[32767]), 2);
    check_eq(percpu_read(big[32768]), 3);
    check_eq(percpu_read(big[39999]), 4);
    check_eq(percpu_read(big[*(size_t *)index]), 4);
    check_eq(*percpu_current_ptr(big[39999]), 4);
    check_eq(percpu_read(last), 5);
    percpu_write(big[39998], 7);
    percpu_add(big[39997], 8);
    check_eq((*percpu_remote_ptr(big, cpu))[39998], 7);
    check_eq((*percpu_remote_ptr(big, cpu))[39997], 8);
#ifdef LARGE
    check_eq(percpu_read(large[LARGE - 1]), 6);
    percpu_write(large[LARGE - 2], 9);
    check_eq((*percpu_remote_ptr(large, cpu))[LARGE - 2], 9);
#endif
#ifdef NEAR
    check_eq(percpu_read(much.bytes[NEAR - 1]), 0);
#endif
}

/* REFUSED: linked by a script that does not assert what our fragment does. */
#ifdef REFUSED
#define ANSWER -PERCPU_EVMA
#else
#define ANSWER 4
#endif

TEST(reach)
{
    size_t index = 39999;
    int answer = percpu_init(memory, 4);

    check_eq(answer, ANSWER);
    if (answer > 0)
        on_cpus(use, &index);
}
