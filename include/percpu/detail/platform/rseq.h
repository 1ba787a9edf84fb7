/* SPDX-License-Identifier: MIT */
/*
 * rseq: the programs and libraries of a Linux process. The current CPU is the one that the kernel
 * writes into each thread's struct rseq, and an update is a restartable sequence: the kernel moves
 * a thread that it preempts, migrates or signals inside a sequence to the sequence's abort handler,
 * which begins the sequence again. Sources: Linux, Documentation/userspace-api/rseq.rst and
 * include/uapi/linux/rseq.h.
 *
 * Memory comes in pieces (src/platform/rseq_memory.c). In each piece the slots of CPUs are
 * PERCPU__SLOT_SIZE bytes apart, so that a CPU number becomes a distance by one multiplication, or
 * by a shift and an addition. A per-CPU pointer is the address of CPU 0's copy. Each module of the
 * process has a template of its own; percpu__bias leads from a symbol to its per-CPU pointer.
 *
 * With PERCPU_RSEQ_MM_CID an area belongs to an mm_cid, a number that the kernel gives each running
 * thread of the process. The numbers are small, and no two threads have the same one at the same
 * time. Every "CPU" below then means such a number.
 *
 * The last slot belongs to no CPU. Threads for which there is no restartable sequence update that
 * slot with atomic instructions; no sequence works on it, so that a copy is never updated in both
 * ways.
 */

#define PERCPU__PLATFORM_GUARD "percpu/detail/platform/rseq_guard.h"

/*
 * A slot has 2 MiB and 64 KiB: n slots are (n + (n << PERCPU__SLOT_ODD)) << PERCPU__SLOT_SHIFT
 * bytes. docs/rseq.md has the reasons. The numbers are literals, since they stand in assembly text.
 */
#define PERCPU__SLOT_SIZE 0x210000
#define PERCPU__SLOT_ODD 5
#define PERCPU__SLOT_SHIFT 16
#if PERCPU__SLOT_SIZE != (1 + (1 << PERCPU__SLOT_ODD)) << PERCPU__SLOT_SHIFT
#error "percpu: PERCPU__SLOT_SIZE is the same for every architecture"
#endif

/*
 * Linkers keep the order in which sections first come, so that nothing lies between these two. Each
 * area would have a copy of what lies between them, and tables of sequences can be as large as the
 * variables.
 */
__asm__(".pushsection percpu_vars, \"aw\", %progbits\n\t.popsection\n\t"
        ".pushsection percpu_isolated, \"aw\", %progbits\n\t.popsection");

/*
 * Words of this module, which its first constructor sets. They are declared const, so that
 * compilers load them once per function and not once per access.
 */
extern const PERCPU__HIDDEN uintptr_t percpu__bias;        /* per-CPU pointer minus symbol */
extern const PERCPU__HIDDEN uintptr_t percpu__rseq_offset; /* from thread pointer to struct rseq */
extern const PERCPU__HIDDEN uintptr_t percpu__rseq_mask;   /* 0: the offset is an address */
extern const PERCPU__HIDDEN uint32_t percpu__rseq_cpus;    /* sequences run on CPUs below it */

#define PERCPU__VAR(x)                                                                             \
    PERCPU__REINTERPRET(__typeof__(&(x)), PERCPU__REINTERPRET(uintptr_t, &(x)) + percpu__bias)

/* The part of struct rseq that all kernels have; the kernel writes the numbers. */
struct percpu__rseq {
    uint32_t cpu_id_start;
    uint32_t cpu_id; /* not below percpu__rseq_cpus: the kernel does not know this thread */
    uint64_t rseq_cs;
    uint32_t flags;
    uint32_t node_id;
    uint32_t mm_cid; /* Linux 6.3 and newer */
    uint32_t more;   /* this library's, in a thread that the kernel does not know: rseq_slow.c */
};

/*
 * The architecture provides the thread pointer, and updates and writes as sequences, which return
 * false when the thread has no sequences. It also provides the sequence cas_32: a cmpxchg that is
 * atomic for other CPUs, too, and may store nothing although it found the expected value; and for
 * each size cmpxchg_on, a cmpxchg that also ends, and changes nothing, when the current copy is not
 * the one at the address that *copy has before. In each case *copy becomes the current copy's.
 */
PERCPU__INLINE uintptr_t percpu__thread_pointer(void);
#ifdef PERCPU_RSEQ_FIBERS /* a switch of stacks may change the thread: read its pointer each time */
#define PERCPU__THREAD_ASM __asm__ volatile
#else
#define PERCPU__THREAD_ASM __asm__
#endif

PERCPU__INLINE struct percpu__rseq *percpu__rseq_area(void)
{
    return (struct percpu__rseq *)((percpu__thread_pointer() & percpu__rseq_mask) +
                                   percpu__rseq_offset);
}

/*
 * The number of the current area: not below percpu__rseq_cpus for a thread that the kernel does not
 * know. The mm_cid of such a thread is 0, and only its cpu_id, -1 or -2, tells: the sign of cpu_id
 * is or-ed into the number.
 */
PERCPU__INLINE uint32_t percpu__rseq_index(void)
{
    volatile struct percpu__rseq *rseq = percpu__rseq_area();
#ifdef PERCPU_RSEQ_MM_CID
    return rseq->mm_cid | (0u - (rseq->cpu_id >> 31));
#else
    return rseq->cpu_id;
#endif
}

/* Operations of a thread without sequences, on the area that percpu__atomic_cpu() chooses. */
enum percpu__slow_operation {
    PERCPU__SLOW_READ,
    PERCPU__SLOW_WRITE,
    PERCPU__SLOW_ADD, /* ADD, XCHG and CMPXCHG return the old value */
    PERCPU__SLOW_AND,
    PERCPU__SLOW_OR,
    PERCPU__SLOW_XOR,
    PERCPU__SLOW_XCHG,
    PERCPU__SLOW_CMPXCHG,
};
PERCPU__HIDDEN uint64_t percpu__slow(enum percpu__slow_operation operation, volatile void *p,
                                     size_t size, uint64_t value, uint64_t expected)
    __attribute__((cold));
/* percpu__try_cmpxchg_on() of such a thread. */
PERCPU__HIDDEN int percpu__slow_on(volatile void *p, size_t cpu, void *expected, uint64_t value,
                                   size_t size) __attribute__((cold));
PERCPU__HIDDEN uintptr_t percpu__slow_slot(void) __attribute__((cold));
PERCPU__HIDDEN size_t percpu__slow_cpu(void) __attribute__((cold));

/*
 * The distance from a per-CPU pointer to a CPU's copy, by a size_t and by a 32-bit number. An
 * architecture defines these functions where compilers take more instructions than needed.
 */
PERCPU__INLINE uintptr_t percpu__slot(size_t cpu);
PERCPU__INLINE uintptr_t percpu__slot_32(uint32_t cpu);

/* The distance to the current CPU's copy. */
PERCPU__INLINE uintptr_t percpu__this_slot(void)
{
    uint32_t cpu = percpu__rseq_index();
    if (__builtin_expect(cpu >= percpu__rseq_cpus, 0))
        return percpu__slow_slot();
    return percpu__slot_32(cpu);
}

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return percpu__hide(p) + percpu__this_slot();
}
#define percpu__current percpu__current

/* The CPU's number gives the distance: there is no table of deltas. */
PERCPU__INLINE uintptr_t percpu__remote_raw(const volatile void *p, enum percpu__where where,
                                            size_t cpu)
{
    (void)where;
    return percpu__hide(p) + percpu__slot(cpu);
}

PERCPU__INLINE uintptr_t percpu__remote(const volatile void *p, enum percpu__where where,
                                        size_t cpu)
{
    size_t limit = percpu__limit;
    return cpu < limit ? percpu__remote_raw(p, where, percpu__masked(cpu, limit)) : 0;
}
#define percpu__remote percpu__remote

PERCPU__HIDDEN void percpu__reset(void *p, size_t size);

/* percpu_with_current(): between taking and giving back the thread owns the area of its block. */
PERCPU__HIDDEN size_t percpu__take_area(void);
PERCPU__HIDDEN size_t percpu__take_area_of_cpu(void);
PERCPU__HIDDEN size_t percpu__try_take_area(void); /* SIZE_MAX: another thread owns it */
PERCPU__HIDDEN void percpu__give_back_area(void);

/*
 * PERCPU_DEBUG: no variable may be changed both by blocks and by updates (src/platform/watch.c). A
 * block remembers the first bytes of its variable; writes and updates are counted.
 */
#ifdef PERCPU_DEBUG
#define PERCPU__WATCHED 1
enum { PERCPU__WATCH_WORDS = 32 };
struct percpu__watch {
    uintptr_t first; /* per-CPU pointer */
    size_t size;
    uint32_t is_quiet; /* bit n: no operation was writing to word n when old[n] was read */
    uint64_t old[PERCPU__WATCH_WORDS];
    uint32_t writes[PERCPU__WATCH_WORDS];
};
PERCPU__HIDDEN void percpu__watch_write(const volatile void *p, size_t size, bool is_update);
PERCPU__HIDDEN void percpu__watch_written(const volatile void *p);
PERCPU__HIDDEN void percpu__watch_begin(struct percpu__watch *watch, const volatile void *p,
                                        size_t size, size_t cpu);
PERCPU__HIDDEN void percpu__watch_end(const struct percpu__watch *watch, size_t cpu);
PERCPU__HIDDEN void percpu__watch_freed(uintptr_t first, size_t size);
#endif

/*
 * The tables that describe the sequence between .Lpercpu_start and .Lpercpu_commit to the kernel
 * (struct rseq_cs: version, flags, first instruction, length, abort handler; 32-byte aligned) and
 * to debuggers (how to step over a sequence: its descriptor, and where it can be left). `exit` is
 * where a sequence may go on other than behind its end. The section flag "o" keeps an entry as long
 * as its code is kept; "?" puts the entry into the group of a C++ inline function.
 */
#if UINTPTR_MAX > 0xffffffff
#define PERCPU__RSEQ_WORD(x) ".quad " x "\n\t"
#else
#define PERCPU__RSEQ_WORD(x) ".long " x ", 0\n\t"
#endif
/* clang-format off */
/*
 * The abort handler is the sequence's beginning. The signature has to lie in front of the handler:
 * in an instruction without effect, or jumped over. The handler thus is a part of the function,
 * whose stack compilers describe: a backtrace or a cancellation that begins at the handler finds
 * the callers. A handler in a section of its own has no such description.
 */
#define PERCPU__RSEQ_BEGIN(signature)                                                              \
    signature "\n"                                                                                 \
    ".Lpercpu_begin%=:\n\t"
#define PERCPU__RSEQ_JUMPED_OVER(branch, word)                                                     \
    PERCPU__RSEQ_BEGIN(branch " .Lpercpu_begin%=\n\t" word " " PERCPU__STR(PERCPU__RSEQ_SIGNATURE))

#define PERCPU__RSEQ_TABLES(exit)                                                                  \
    ".pushsection __rseq_cs,\"aw?\",%%progbits\n\t"                                                \
    ".balign 32\n"                                                                                 \
    ".Lpercpu_cs%=:\n\t"                                                                           \
    ".long 0, 0\n\t"                                                                               \
    PERCPU__RSEQ_WORD(".Lpercpu_start%=")                                                          \
    PERCPU__RSEQ_WORD(".Lpercpu_commit%= - .Lpercpu_start%=")                                      \
    PERCPU__RSEQ_WORD(".Lpercpu_begin%=")                                                          \
    ".popsection\n\t"                                                                              \
    ".pushsection __rseq_cs_ptr_array,\"awo?\",%%progbits,.Lpercpu_begin%=\n\t"                    \
    PERCPU__RSEQ_WORD(".Lpercpu_cs%=")                                                             \
    ".popsection\n\t"                                                                              \
    ".pushsection __rseq_exit_point_array,\"awo?\",%%progbits,.Lpercpu_begin%=\n\t"                \
    PERCPU__RSEQ_WORD(".Lpercpu_start%=")                                                          \
    PERCPU__RSEQ_WORD(exit)                                                                        \
    ".popsection\n\t"
/* clang-format on */

/*
 * A sequence is an asm goto with outputs. If nobody uses the outputs GCC drops it, unless an output
 * is a volatile object, as the copy is, or the statement is volatile.
 *
 * GCC before 12.4, and 13 before 13.3, may use an output before it is set, in code inserted between
 * the asm goto and the next statement: PR middle-end/113921. An empty statement behind the asm goto
 * prevents that.
 *
 * Two rules avoid two more bugs: no operand in memory is thread-local (GCC 12 loses the jump's
 * target), and behind the label no output is used (clang before 17 sets none there at -O0: LLVM
 * issue 74483).
 */
#if !defined(__clang__) && (__GNUC__ < 12 || (__GNUC__ == 12 && __GNUC_MINOR__ < 4) ||             \
                            (__GNUC__ == 13 && __GNUC_MINOR__ < 3))
#define PERCPU__BEHIND_GOTO                                                                        \
    ;                                                                                              \
    __asm__ volatile("")
#else
#define PERCPU__BEHIND_GOTO
#endif
#define PERCPU__GOTO(...) __asm__ goto(__VA_ARGS__) PERCPU__BEHIND_GOTO
#define PERCPU__VOLATILE_GOTO(...) __asm__ volatile goto(__VA_ARGS__) PERCPU__BEHIND_GOTO

#include PERCPU__ARCH_RSEQ

#ifndef percpu__slot
PERCPU__INLINE uintptr_t percpu__slot(size_t cpu)
{
    return cpu * PERCPU__SLOT_SIZE;
}
#endif
#ifndef percpu__slot_32
PERCPU__INLINE uintptr_t percpu__slot_32(uint32_t cpu)
{
    return percpu__slot(cpu);
}
#endif

#define PERCPU__WITHOUT_SEQUENCE percpu__slow
#include <percpu/detail/sequence.h>

/* A write is a sequence, too: a store after a migration would go to another CPU's copy. */
#define PERCPU__WRITE_FROM_SEQUENCE(bits)                                                          \
    PERCPU__VOID_FROM_SEQUENCE(write, bits, PERCPU__SLOW_WRITE)
PERCPU__WRITE_FROM_SEQUENCE(8)
PERCPU__WRITE_FROM_SEQUENCE(16)
PERCPU__WRITE_FROM_SEQUENCE(32)
PERCPU__WRITE_FROM_SEQUENCE(64)
#define percpu__write_8 percpu__write_8
#define percpu__write_64 percpu__write_64

PERCPU__UNCOUNTED static inline size_t percpu_cpu_id(void)
{
    uint32_t cpu = percpu__rseq_index();
    if (__builtin_expect(cpu >= percpu__rseq_cpus, 0))
        return percpu__slow_cpu();
    return cpu;
}
#define percpu_cpu_id percpu_cpu_id
