/* SPDX-License-Identifier: MIT */
/* For ThreadSanitizer: the library's untorn accesses meet each other; with RACE a plain one. */
#include <percpu/percpu.h>
#include <pthread.h>
#include <stdio.h>

static PERCPU_DEFINE(unsigned long, n);

static void *work(void *argument)
{
    unsigned long *sum = argument;

    for (int i = 0; i < 20000; i++) {
        percpu_inc(n);
        *sum += percpu_read(n);
    }
    return NULL;
}

int main(void)
{
    pthread_t thread;
    unsigned long sum = 0;

    if (pthread_create(&thread, NULL, work, &sum))
        return 2;
    for (int i = 0; i < 500; i++)
        percpu_for_each(cpu) {
#ifdef RACE
            *percpu_remote_ptr(n, cpu) |= 1ul << 40;
#else
            percpu_remote_write(n, cpu, percpu_remote_read(n, cpu) | 1ul << 40);
#endif
        }
    pthread_join(thread, NULL);
    printf("%d\n", sum != 0);
    return 0;
}
