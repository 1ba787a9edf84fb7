/* SPDX-License-Identifier: MIT */
#ifndef LIBRARY_H
#define LIBRARY_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Adds 1 to its own variable, and to the caller's if it is given one. Returns how much is wrong. On
 * platform thread the calling thread plays a CPU.
 */
typedef int library_use(unsigned long *counter);
__attribute__((visibility("default"))) library_use use;

/* thread: what percpu_init_cpu() says of no memory for CPU 63. */
typedef int library_late(void);
__attribute__((visibility("default"))) library_late late;

#ifdef __cplusplus
}
#endif

#endif
