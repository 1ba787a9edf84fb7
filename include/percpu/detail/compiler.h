/* SPDX-License-Identifier: MIT */
/*
 * Refuses compilers that are too old. Every public header includes this file first, since such a
 * compiler would report thousands of lines.
 */
#ifndef PERCPU_DETAIL_COMPILER_H
#define PERCPU_DETAIL_COMPILER_H

#if !defined(__GNUC__)
#error "percpu: GCC 12, clang 14 or newer is needed (GNU C extensions)"
#include <percpu/detail/refused.h>
#elif defined(__clang__)
#if __clang_major__ < 14
#error "percpu: this clang is too old: clang 14, GCC 12 or newer is needed"
#include <percpu/detail/refused.h>
#endif
#elif __GNUC__ < 12
#error "percpu: this GCC is too old: GCC 12, clang 14 or newer is needed"
#include <percpu/detail/refused.h>
#endif

#if !defined(__cplusplus) && !defined(__ASSEMBLER__)
#if !defined(__STDC_VERSION__) || __STDC_VERSION__ < 199901L
#error "percpu: C99 or newer is needed, or -std=gnu99"
#include <percpu/detail/refused.h>
#endif
#endif

#endif
