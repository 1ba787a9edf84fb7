/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the library share: areas to run in, memory to make them of, and the reports of
 * percpu_panic().
 *
 * A body that with_areas() runs may expect its variables to have their initial values, once: on
 * single and rseq nothing brings them back, so no two tests use the same variable.
 */
#ifndef TESTS_AREAS_H
#define TESTS_AREAS_H

#include "harness.h"

#include <percpu/percpu.h>

#include <stdatomic.h>

#if HARNESS_BARE
#include "machine.h"
#else
#include <stdlib.h>
#include <string.h>
#endif

#define TEST_MAX_CPUS 64

/* A whole word, for what is also accessed from other CPUs: not all ports do this with 8 bytes. */
typedef unsigned long word;
#define REMOTE_8_BYTES (PERCPU__REMOTE_MAX == 8)

/*
 * Initialise, let `bound` CPUs call percpu_init_reg(), run the body on CPU 0, undo everything; once
 * in place, once in the caller's memory; only once on single and rseq. In place a host
 * has as many areas as CPUs, which may be fewer than the harness has: then the CPUs from `bound` on
 * take no part.
 */
void with_areas(void (*body)(size_t bound));

/* In a body: run fn on the bound CPUs. */
void on_bound(void (*fn)(size_t cpu, void *data), void *data);

/* The calling CPU becomes CPU `cpu` for the library, and none. For on_cpu() and on_cpus(). */
void bind(size_t cpu, void *unused);
void unbind(size_t cpu, void *unused);

/*
 * Memory for `count` areas, full of garbage; every call takes the same bytes, `slot` areas from the
 * arena's start. At most 2 * TEST_MAX_CPUS areas in all.
 */
void *area_memory(size_t slot, size_t count);

/* percpu_init() for test_cpus() areas in area_memory(0, test_cpus()); checks that it succeeds. */
bool init_here(void);

/* One area's size with padding. */
size_t stride(void);

/*
 * Between the two calls percpu_panic() counts and returns; otherwise it ends the program.
 * panics_end() answers how often it was called, and each message must have contained `part`.
 */
void panics_begin(void);
unsigned panics_end(const char *part);
const char *panic_last(void); /* the message; "" for none */

/* How often PERCPU_DEBUG builds report something, other builds never. */
#ifdef PERCPU_DEBUG
#define IN_DEBUG(count) (count)
#else
#define IN_DEBUG(count) 0
#endif

/*
 * Guards that the calling CPU holds, as the hooks count them; else 0. With PERCPU_PREEMPT_STATE it
 * is the state that percpu_preempt_enable() gets that says how many are left.
 */
int guards_held(void);
#if defined(PERCPU_PREEMPT) || defined(PERCPU_PREEMPT_STATE)
#define TEST_HOOKS 1
unsigned hook_calls(void); /* on the calling CPU */
#define WITH_HOOKS(count) (count)
#else
#define WITH_HOOKS(count) 0
#endif

/*
 * bare, PERCPU_CALL: the tests' CPUs look for calls of other CPUs instead of taking interrupts. A
 * CPU that takes none is down. Elsewhere the functions do nothing. The counters are of calls of
 * percpu_call_cpu(), and of those for the caller's own CPU.
 */
void takes_calls(size_t cpu, bool does);
void serve_calls(size_t cpu);
extern atomic_uint cpu_calls, own_cpu_calls;

/* For loops that wait for another CPU. */
void wait_a_little(void);

/* qemu-user 7.2 calls handlers with a stack that is 8 bytes off its alignment. */
#if __has_attribute(force_align_arg_pointer)
#define SIGNAL_HANDLER __attribute__((force_align_arg_pointer))
#else
#define SIGNAL_HANDLER
#endif

bool string_contains(const char *s, const char *part);

#endif
