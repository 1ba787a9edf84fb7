/* SPDX-License-Identifier: MIT */
/*
 * usage: cid [stranger]
 * Prints the areas in which 8 threads' updates are, where the threads run in turns and two at a
 * time; then their sum, the number of areas, and the way that was taken. With "stranger" the last
 * one is taken away from the kernel before it updates.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/percpu.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 8, UPDATES = 1000 };

static PERCPU_DEFINE(uint64_t, hits);

#if defined(OLD_KERNEL) || defined(SECURE) /* linked with --wrap=getauxval */
unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type)
{
#ifdef SECURE
    return type == AT_SECURE ? 1 : __real_getauxval(type);
#else
    return type == 27 ? 20 : __real_getauxval(type); /* AT_RSEQ_FEATURE_SIZE */
#endif
}
#endif

static void *use(void *is_stranger)
{
    if (is_stranger) {
        bool unregistered = false;
        for (unsigned bytes = 32; bytes <= 256; bytes += 32)
            unregistered |=
                syscall(SYS_rseq, percpu__rseq_area(), bytes, 1, PERCPU__RSEQ_SIGNATURE) == 0;
        if (!unregistered)
            exit(2);
    }
    for (int i = 0; i < UPDATES; i++) {
        percpu_inc(hits);
        if (i % 100 == 0)
            sched_yield();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];

    (void)argv;
    for (int t = 0; t < THREADS; t++) {
        void *is_stranger = argc > 1 && t == THREADS - 1 ? &threads : NULL;
        if (pthread_create(&threads[t % 2], NULL, use, is_stranger) != 0)
            return 2;
        if (t % 2 == 1) {
            pthread_join(threads[0], NULL);
            pthread_join(threads[1], NULL);
        }
    }
    percpu_for_each(cpu)
        if (percpu_remote_read(hits, cpu) != 0)
            printf("%zu ", cpu);
    printf("sum %llu areas %zu %s\n", (unsigned long long)percpu_sum(hits), percpu_area_num(),
           percpu_info());
    return 0;
}
