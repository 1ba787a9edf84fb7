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

#ifdef __cplusplus
}
#endif

#endif
