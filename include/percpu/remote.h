/* SPDX-License-Identifier: MIT */
/*
 * Other CPUs' copies, while their CPUs go on. Part of percpu.h, which has percpu_remote_read(),
 * percpu_remote_write() and percpu_sum(). docs/semantics.md has the contract of gates: a CPU that
 * adds by percpu_add_unless() while another one sets a bit of the mask by percpu_remote_or().
 */
#ifndef PERCPU_PERCPU_H /* which includes this, in its place */
#include <percpu/percpu.h>
#endif

#ifndef PERCPU_REMOTE_H
#define PERCPU_REMOTE_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * percpu_remote_read() with acquire order: who reads what percpu_write_release() wrote sees what
 * its writer wrote before.
 */
#define percpu_remote_read_acquire(var, cpu)                                                       \
    PERCPU__ON(__PERCPU_##var, PERCPU__REMOTE_READ_ACQUIRE, cpu)
#define percpu_remote_read_acquire_at(p, cpu) PERCPU__REMOTE_READ_ACQUIRE(p, PERCPU__POINTER, cpu)

/*
 * Set the bits of the copy of CPU `cpu` that are set in `bits`, or clear those that are not. The
 * copy is an integer, of at most 4 bytes where percpu_remote_read() takes no more. When the result
 * is 0,
 *
 * - the copy has the change, and no update of that CPU was lost;
 * - each update of that CPU that had read the copy without the change has been written; others read
 *   the copy with the change;
 * - what the caller wrote before the call is visible to whoever sees the change.
 *
 * Otherwise nothing has changed: -PERCPU_ERANGE, the CPU has no area; -PERCPU_ESYS, there are no
 * fences (percpu_has_fence()).
 *
 * The bits are the remote CPU's to read, and its updates leave them as they are: a bit that it
 * changes back meanwhile is changed again. percpu_write(), percpu_write_release(), percpu_xchg(),
 * percpu_reset_to_init(), the _raw forms and blocks may overwrite the bits. A signed count leaves
 * its high bits to the sign: take bit 0 for the flag, and count by 2.
 *
 * Contexts: those of percpu_fence_cpu(). Any threads may call at a time, also for the same copy.
 * rseq, thread: fences until the change has stayed. bare: with PERCPU_CALL, the change is made on
 * that CPU; where the CPU is down, by the caller. bare: an NMI's update may be lost, or be made of
 * the old value, where no PERCPU_RESTART makes it restartable.
 */
#define percpu_remote_or(var, cpu, bits)                                                           \
    PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE_REMOTE, percpu__remote_or, bits, cpu)
#define percpu_remote_and(var, cpu, bits)                                                          \
    PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE_REMOTE, percpu__remote_and, bits, cpu)
#define percpu_remote_or_at(p, cpu, bits)                                                          \
    PERCPU__UPDATE_REMOTE(p, PERCPU__POINTER, percpu__remote_or, bits, cpu)
#define percpu_remote_and_at(p, cpu, bits)                                                         \
    PERCPU__UPDATE_REMOTE(p, PERCPU__POINTER, percpu__remote_and, bits, cpu)

/*
 * The same for the copy of every CPU that has an area, with fences of all CPUs at once. A CPU that
 * gets its area meanwhile, or later, begins with the template's value. Returns 0, or -PERCPU_ESYS.
 */
#define percpu_or_all(var, bits)                                                                   \
    PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE_ALL, percpu__or_all, bits)
#define percpu_and_all(var, bits)                                                                  \
    PERCPU__ON(__PERCPU_##var, PERCPU__UPDATE_ALL, percpu__and_all, bits)
#define percpu_or_all_at(p, bits) PERCPU__UPDATE_ALL(p, PERCPU__POINTER, percpu__or_all, bits)
#define percpu_and_all_at(p, bits) PERCPU__UPDATE_ALL(p, PERCPU__POINTER, percpu__and_all, bits)

/*
 * percpu_sum() of `n` counters at once. The variable is an array, or a structure that begins with
 * n integers of 64 bits; word i of `out`, a uint64_t *, becomes the sum over all CPUs of its word
 * i, modulo 2^64. `n` words more than the variable has are an error of the compiler where it knows
 * n; otherwise the program traps. percpu_sum_words_at(p, ...): also a pointer to the first of n
 * integers, whose number is the caller's business.
 */
#define percpu_sum_words(var, n, out)                                                              \
    PERCPU__ON(__PERCPU_##var, PERCPU__SUM_WORDS, sizeof(__PERCPU_##var) / 8, n, out)
#define percpu_sum_words_at(p, n, out)                                                             \
    PERCPU__SUM_WORDS(p, PERCPU__POINTER, (sizeof(*(p)) == 8 ? SIZE_MAX : sizeof(*(p))) / 8, n, out)

/*
 * What was counted since the last call with this base: percpu_sum() minus *base, which becomes the
 * sum. An integer of the variable's type, as is *base, which is 0 at first. No count is lost: what
 * comes after a copy was read belongs to the next call. One caller at a time per base.
 */
#define percpu_take_sum(var, base) PERCPU__ON(__PERCPU_##var, PERCPU__TAKE_SUM, base)
#define percpu_take_sum_at(p, base) PERCPU__TAKE_SUM(p, PERCPU__POINTER, base)

/*
 * percpu_add() of 2 to 8 words at once: percpu_add_each(var, n0, n1, ...). The variable is an
 * array, or a structure that begins with that many integers of 64 bits; each operand, an integer of
 * any sign, is added once to its word. Each addition is an update of its own: a reader may see one
 * without the next, and after a migration between two the words belong to two CPUs. Contexts are
 * percpu_add()'s. percpu_add_each_at(p, ...): also a pointer to the first of these integers, whose
 * number is the caller's business.
 */
#define percpu_add_each(var, ...)                                                                  \
    PERCPU__ON(__PERCPU_##var, PERCPU__ADD_EACH, sizeof(__PERCPU_##var) / 8, __VA_ARGS__)
#define percpu_add_each_at(p, ...)                                                                 \
    PERCPU__ADD_EACH(p, PERCPU__POINTER, (sizeof(*(p)) == 8 ? SIZE_MAX : sizeof(*(p))) / 8,        \
                     __VA_ARGS__)

/*
 * int percpu_try_cmpxchg_on(var, cpu, &old, new): percpu_try_cmpxchg() on the copy of CPU `cpu`, if
 * that is the one that the caller's updates go to at the moment of the comparison. 1: it was `old`
 * and is `new` now. 0: `old`, of the variable's type, gets what it was. -PERCPU_EELSEWHERE: the
 * caller's updates go to another copy. -PERCPU_ERANGE: CPU `cpu` has no area. With an error, `old`
 * and every copy are as they were.
 *
 * Who has read percpu_cpu_id(), or another CPU's copy, decides by it without staying on a CPU.
 * Types, contexts and order (none) are percpu_try_cmpxchg()'s; each CPU is out of range before
 * percpu_init(). bare: interrupts are masked meanwhile.
 */
#define percpu_try_cmpxchg_on(var, cpu, old, new_value)                                            \
    PERCPU__ON(__PERCPU_##var, PERCPU__TRY_CMPXCHG_ON, cpu, old, new_value)
#define percpu_try_cmpxchg_on_at(p, cpu, old, new_value)                                           \
    PERCPU__TRY_CMPXCHG_ON(p, PERCPU__POINTER, cpu, old, new_value)

#ifdef __cplusplus
}
#endif

#endif
