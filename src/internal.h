/* SPDX-License-Identifier: MIT */
/* What areas.c needs of a platform. Addresses of the template are link addresses (VMA). */
#ifndef PERCPU_INTERNAL_H
#define PERCPU_INTERNAL_H

#include <percpu/percpu.h>

/* First address, bytes, and strictest alignment (a power of two, at least 64) of the template. */
uintptr_t percpu__template_start(void) PERCPU__HIDDEN;
size_t percpu__template_size(void) PERCPU__HIDDEN;
size_t percpu__template_align(void) PERCPU__HIDDEN;

/* 0, or a negative error: it is not linked, loaded or as fresh as it must be. */
int percpu__template_check(void) PERCPU__HIDDEN;

/* PERCPU_RESTART: is the table of sequences in order? */
bool percpu__restart_sorted(void) PERCPU__HIDDEN;

/* Where the template can be read. For overlap checks. */
void percpu__template_image(uintptr_t *first, uintptr_t *end) PERCPU__HIDDEN;

/* Copy the template into an area, nothing else. */
void percpu__template_copy(uintptr_t area) PERCPU__HIDDEN;

/*
 * The memory of percpu_init_in_place(). percpu__slots() says how many areas there will be, also
 * before initialisation; percpu__slots_take() answers a negative error or 0 and the base.
 */
size_t percpu__slots(void) PERCPU__HIDDEN;
int percpu__slots_take(size_t count, size_t stride, uintptr_t *base) PERCPU__HIDDEN;
void percpu__slots_give_back(void) PERCPU__HIDDEN;

/* May the register hold this delta? */
bool percpu__delta_fits(uintptr_t delta) PERCPU__HIDDEN;

/* percpu_init_reg(): claim the CPU and set the register; 0 or a negative error. */
int percpu__reg_claim(size_t cpu, uintptr_t delta) PERCPU__HIDDEN;
/* percpu_fini(): 0, and the calling CPU's claim is gone, or a negative error. */
int percpu__reg_release_all(void) PERCPU__HIDDEN;
/* PERCPU_DEBUG: was the register of the calling CPU set to a live area? */
bool percpu__reg_valid(void) PERCPU__HIDDEN;

/* Another CPU holds the lock: let it go on. */
void percpu__wait(void) PERCPU__HIDDEN;

#endif
