/* SPDX-License-Identifier: MIT */
/*
 * The bodies of list.h. `p` is the template address of a head's `first`.
 *
 * The ABA problem is why pop is no loop over cmpxchg: between pop's read of the first node's `next`
 * and the cmpxchg an interrupt handler may pop that node, pop or push others, and push it again.
 * The head then has the expected value, but the `next` that pop has read is out of date.
 */

#include <percpu/detail/warnings_off.h>

#define PERCPU__LIST_MARK ((uintptr_t)1)
#define PERCPU__LIST_POPPING ((uintptr_t)2) /* rseq: a pop without a sequence is under way */

/* Tests define this hook, to run a handler in the middle of a pop. */
#ifndef PERCPU__LIST_BETWEEN
#define PERCPU__LIST_BETWEEN()
#endif

/* A compiler barrier: writes to a node stay before its push, and reads of a node behind its pop. */
PERCPU__INLINE void percpu__list_order(void)
{
    __asm__ volatile("" : : : "memory");
}

/*
 * List operations as restartable sequences, where the platform has sequences. Each sets *old to the
 * node that was first; push takes a node as its value. On rseq they return false for a thread that
 * has no sequences, and for a closed list: a list whose head is marked.
 */
#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_RESTART)
#include PERCPU__ARCH_LIST
#if UINTPTR_MAX > 0xffffffff
#define PERCPU__LIST_SEQUENCE(name) percpu__sequence_list_##name##_64
typedef uint64_t percpu__list_bits;
#else
#define PERCPU__LIST_SEQUENCE(name) percpu__sequence_list_##name##_32
typedef uint32_t percpu__list_bits;
#endif
#endif

#if defined(PERCPU_PLATFORM_RSEQ)

enum percpu__list_operation { PERCPU__LIST_PUSHES, PERCPU__LIST_POPS, PERCPU__LIST_TAKES };
PERCPU__HIDDEN struct percpu_list_node *percpu__list_slow(enum percpu__list_operation operation,
                                                          volatile void *p,
                                                          struct percpu_list_node *node)
    __attribute__((cold));

/* ThreadSanitizer does not see by itself that a pop happens after the push of its node. */
#ifdef PERCPU__TSAN
#define PERCPU__LIST_RELEASE(p) PERCPU__RELEASE(p)
#define PERCPU__LIST_ACQUIRE(p) PERCPU__ACQUIRE(p)
#else
#define PERCPU__LIST_RELEASE(p) ((void)(p))
#define PERCPU__LIST_ACQUIRE(p) ((void)(p))
#endif

PERCPU__INLINE void percpu__list_push(volatile void *p, struct percpu_list_node *node,
                                      enum percpu__where where)
{
    percpu__list_bits old, now;
    uintptr_t copy;
    percpu__debug_current();
    PERCPU__LIST_RELEASE(p);
    if (!PERCPU__LIST_SEQUENCE(push)(p, 0, (uintptr_t)node, where, &old, &now, &copy))
        (void)percpu__list_slow(PERCPU__LIST_PUSHES, p, node);
}

PERCPU__INLINE struct percpu_list_node *percpu__list_pop(volatile void *p, enum percpu__where where)
{
    percpu__list_bits old, now;
    uintptr_t copy;
    percpu__debug_current();
    bool done = PERCPU__LIST_SEQUENCE(pop)(p, 0, 0, where, &old, &now, &copy);
    struct percpu_list_node *node = done ? (struct percpu_list_node *)(uintptr_t)old
                                         : percpu__list_slow(PERCPU__LIST_POPS, p, PERCPU__NULL);
    PERCPU__LIST_ACQUIRE(p);
    return node;
}

PERCPU__INLINE struct percpu_list_node *percpu__list_take_all(volatile void *p,
                                                              enum percpu__where where)
{
    percpu__list_bits old, now;
    uintptr_t copy;
    percpu__debug_current();
    bool done = PERCPU__LIST_SEQUENCE(take_all)(p, 0, 0, where, &old, &now, &copy);
    struct percpu_list_node *node = done ? (struct percpu_list_node *)(uintptr_t)old
                                         : percpu__list_slow(PERCPU__LIST_TAKES, p, PERCPU__NULL);
    PERCPU__LIST_ACQUIRE(p);
    return node;
}

typedef uintptr_t __attribute__((may_alias)) percpu__word;

/*
 * A sequence in progress may overwrite the mark and so open the list: percpu__list_open() then
 * fails. A pop in progress without a sequence loses its own mark, and waits.
 */
PERCPU__INLINE struct percpu_list_node *percpu__list_close(uintptr_t first)
{
    volatile percpu__word *head = (volatile percpu__word *)first;
    percpu__word old = __atomic_load_n(head, __ATOMIC_RELAXED), node;
    do
        node = old & ~(PERCPU__LIST_MARK | PERCPU__LIST_POPPING);
    while (!__atomic_compare_exchange_n(head, &old, node | PERCPU__LIST_MARK, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return (struct percpu_list_node *)node;
}

PERCPU__INLINE bool percpu__list_open(volatile void *p, uintptr_t first,
                                      struct percpu_list_node *node, struct percpu_list_node *rest)
{
    percpu__word expected = (uintptr_t)node | PERCPU__LIST_MARK;
    PERCPU__LIST_RELEASE(p);
    PERCPU__LIST_ACQUIRE(p);
    return __atomic_compare_exchange_n((volatile percpu__word *)first, &expected, (uintptr_t)rest,
                                       false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

#elif defined(PERCPU__LIST_SEQUENCES)

PERCPU__INLINE void percpu__list_push(volatile void *p, struct percpu_list_node *node,
                                      enum percpu__where where)
{
    percpu__list_bits old, now;
    uintptr_t copy;
    percpu__debug_current();
    percpu__list_order();
    (void)PERCPU__LIST_SEQUENCE(push)(p, 0, (uintptr_t)node, where, &old, &now, &copy);
}

PERCPU__INLINE struct percpu_list_node *percpu__list_pop(volatile void *p, enum percpu__where where)
{
    percpu__list_bits old, now;
    uintptr_t copy;
    percpu__debug_current();
    (void)PERCPU__LIST_SEQUENCE(pop)(p, 0, 0, where, &old, &now, &copy);
    percpu__list_order();
    return (struct percpu_list_node *)(uintptr_t)old;
}

#else

PERCPU__INLINE uintptr_t percpu__list_first(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return (uintptr_t)percpu__read(p, sizeof(uintptr_t), where);
}

PERCPU__INLINE bool percpu__list_replace(volatile void *p, uintptr_t old, uintptr_t now,
                                         enum percpu__where where)
{
    (void)where;
    percpu__list_order();
    bool done = percpu__cmpxchg(p, old, now, sizeof(old), where) == old;
    percpu__list_order();
    return done;
}

/*
 * A push has no ABA problem, even after a migration: if the head still has the value that was read,
 * node->next is right.
 */
PERCPU__INLINE void percpu__list_push(volatile void *p, struct percpu_list_node *node,
                                      enum percpu__where where)
{
    uintptr_t first;
    do {
        first = percpu__list_first(p, where);
        node->next = (struct percpu_list_node *)(first & ~PERCPU__LIST_MARK);
    } while (!percpu__list_replace(p, first, (uintptr_t)node, where));
}

#if defined(PERCPU_PLATFORM_BARE) || !__STDC_HOSTED__

PERCPU__INLINE struct percpu_list_node *percpu__list_pop(volatile void *p, enum percpu__where where)
{
    percpu__debug_current();
    uintptr_t state = percpu__irq_save();
    struct percpu_list_node **first = (struct percpu_list_node **)percpu__current(p, where);
    struct percpu_list_node *node = *first;
    if (node)
        *first = node->next;
    percpu__irq_restore(state);
    return node;
}

#else

/*
 * Only signal handlers can interrupt this pop, and a handler has ended when the pop goes on. Each
 * operation of a handler leaves the head without a mark, so a mark that is still there proves that
 * no operation has run since the mark was set.
 */
PERCPU__INLINE struct percpu_list_node *percpu__list_pop(volatile void *p, enum percpu__where where)
{
    uintptr_t first, marked;
    do {
        first = percpu__list_first(p, where);
        if (!first)
            return PERCPU__NULL;
        marked = first | PERCPU__LIST_MARK;
        if (first != marked && !percpu__list_replace(p, first, marked, where))
            continue;
        struct percpu_list_node *node = (struct percpu_list_node *)(marked - PERCPU__LIST_MARK);
        struct percpu_list_node *next = node->next;
        PERCPU__LIST_BETWEEN();
        if (percpu__list_replace(p, marked, (uintptr_t)next, where))
            return node;
    } while (true);
}

#endif
#endif

#ifndef PERCPU_PLATFORM_RSEQ
PERCPU__INLINE struct percpu_list_node *percpu__list_take_all(volatile void *p,
                                                              enum percpu__where where)
{
    (void)where;
    uint64_t first = percpu__xchg(p, 0, sizeof(uintptr_t), where);
    percpu__list_order();
    return (struct percpu_list_node *)((uintptr_t)first & ~PERCPU__LIST_MARK);
}
#endif

/* Code that is not optimised calls these functions of the library: calls.h. */
#if !defined(__OPTIMIZE__) || defined(PERCPU__DEFINE_CALLS)
PERCPU__CALLED void percpu__call_list_push(volatile void *p, struct percpu_list_node *node);
PERCPU__CALLED struct percpu_list_node *percpu__call_list_pop(volatile void *p);
PERCPU__CALLED struct percpu_list_node *percpu__call_list_take_all(volatile void *p);
#ifndef PERCPU__DEFINE_CALLS
#define percpu__list_push(p, node, where) percpu__call_list_push(p, node)
#define percpu__list_pop(p, where) percpu__call_list_pop(p)
#define percpu__list_take_all(p, where) percpu__call_list_take_all(p)
#endif
#endif

#ifdef __cplusplus
#define PERCPU__IS_LIST(x) percpu__types::same<PERCPU__VALUE_TYPE(x), struct percpu_list>::value
#else
#define PERCPU__IS_LIST(x) __builtin_types_compatible_p(PERCPU__VALUE_TYPE(x), struct percpu_list)
#endif
#define PERCPU__CHECK_LIST(x)                                                                      \
    PERCPU__ASSERT(PERCPU__IS_LIST(x), "percpu: the operand is no struct percpu_list")

#define PERCPU__LIST_PUSH(p, where, node)                                                          \
    (PERCPU__CHECKS(PERCPU__CHECK_LIST(*(p))),                                                     \
     percpu__list_push(PERCPU__WRITABLE(p, where), node, where))

#define PERCPU__LIST_TAKE(p, where, take)                                                          \
    (PERCPU__CHECKS(PERCPU__CHECK_LIST(*(p))), take(PERCPU__WRITABLE(p, where), where))

#include <percpu/detail/warnings_on.h>
