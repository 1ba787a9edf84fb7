/* SPDX-License-Identifier: MIT */
/*
 * The bodies of list.h. `p` is the template address of a head's `first`.
 *
 * Why a loop over cmpxchg does not pop: between its read of the first node's `next` and the
 * cmpxchg somebody may pop that node, pop or push others, and push it again; the head is what it
 * was, `next` is not.
 */
#ifndef PERCPU_DETAIL_LIST_H
#define PERCPU_DETAIL_LIST_H

#define PERCPU__LIST_MARK ((uintptr_t)1)

/* Tests put a handler there. */
#ifndef PERCPU__LIST_BETWEEN
#define PERCPU__LIST_BETWEEN()
#endif

/* What was written to a node before a push is not written after it, nor read before a pop. */
PERCPU__INLINE void percpu__list_order(void)
{
    __asm__ volatile("" : : : "memory");
}

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_RESTART)
#include PERCPU__ARCH_LIST_HEADER
#endif

#if defined(PERCPU_PLATFORM_RSEQ)

/*
 * The architecture's sequences answer false for a thread that has none, and when the list is
 * closed: when its head is marked.
 */
enum percpu__list_operation { PERCPU__LIST_PUSHES, PERCPU__LIST_POPS, PERCPU__LIST_TAKES };
PERCPU__HIDDEN struct percpu_list_node *percpu__list_slow(enum percpu__list_operation operation,
                                                          volatile void *p,
                                                          struct percpu_list_node *node)
    __attribute__((cold));

/* ThreadSanitizer does not see that who takes a node off comes after who put it on. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define PERCPU__TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(PERCPU__TSAN)
void __tsan_acquire(void *);
void __tsan_release(void *);
#define PERCPU__LIST_RELEASE(p) __tsan_release((void *)(uintptr_t)(p))
#define PERCPU__LIST_ACQUIRE(p) __tsan_acquire((void *)(uintptr_t)(p))
#else
#define PERCPU__LIST_RELEASE(p) ((void)(p))
#define PERCPU__LIST_ACQUIRE(p) ((void)(p))
#endif

PERCPU__INLINE void percpu__list_push(volatile void *p, struct percpu_list_node *node, bool near)
{
    struct percpu_list_node *old;
    (void)near;
    percpu__debug_current();
    PERCPU__LIST_RELEASE(p);
    if (!percpu__rseq_list_push(p, node, &old))
        (void)percpu__list_slow(PERCPU__LIST_PUSHES, p, node);
}

PERCPU__INLINE struct percpu_list_node *percpu__list_pop(volatile void *p, bool near)
{
    struct percpu_list_node *node;
    (void)near;
    percpu__debug_current();
    if (!percpu__rseq_list_pop(p, 0, &node))
        node = percpu__list_slow(PERCPU__LIST_POPS, p, 0);
    PERCPU__LIST_ACQUIRE(p);
    return node;
}

PERCPU__INLINE struct percpu_list_node *percpu__list_take_all(volatile void *p, bool near)
{
    struct percpu_list_node *node;
    (void)near;
    percpu__debug_current();
    if (!percpu__rseq_list_take_all(p, 0, &node))
        node = percpu__list_slow(PERCPU__LIST_TAKES, p, 0);
    PERCPU__LIST_ACQUIRE(p);
    return node;
}

typedef uintptr_t __attribute__((may_alias)) percpu__word;

/* A running operation may overwrite the mark: then it is as if nobody had set it. */
PERCPU__INLINE struct percpu_list_node *percpu__list_close(uintptr_t first)
{
    uintptr_t old =
        __atomic_fetch_or((volatile percpu__word *)first, PERCPU__LIST_MARK, __ATOMIC_SEQ_CST);
    return (struct percpu_list_node *)(old & ~PERCPU__LIST_MARK);
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

#elif defined(PERCPU__LIST_RESTARTS)

PERCPU__INLINE void percpu__list_push(volatile void *p, struct percpu_list_node *node, bool near)
{
    percpu__debug_current();
    percpu__list_order();
    (void)percpu__restart_list_push(p, node, near);
}

PERCPU__INLINE struct percpu_list_node *percpu__list_pop(volatile void *p, bool near)
{
    percpu__debug_current();
    struct percpu_list_node *node = percpu__restart_list_pop(p, near);
    percpu__list_order();
    return node;
}

#else

PERCPU__INLINE uintptr_t percpu__list_first(const volatile void *p, bool near)
{
    return (uintptr_t)percpu__load(p, sizeof(uintptr_t), near);
}

PERCPU__INLINE bool percpu__list_replace(volatile void *p, uintptr_t old, uintptr_t now, bool near)
{
    percpu__list_order();
    bool done = percpu__cmpxchg(p, old, now, sizeof(old), near) == old;
    percpu__list_order();
    return done;
}

/* Right on any CPU and at any time: when the head is what was read, so is the node's `next`. */
PERCPU__INLINE void percpu__list_push(volatile void *p, struct percpu_list_node *node, bool near)
{
    uintptr_t first;
    do {
        first = percpu__list_first(p, near);
        node->next = (struct percpu_list_node *)(first & ~PERCPU__LIST_MARK);
    } while (!percpu__list_replace(p, first, (uintptr_t)node, near));
}

#if defined(PERCPU_PLATFORM_BARE) || !__STDC_HOSTED__

PERCPU__INLINE struct percpu_list_node *percpu__list_pop(volatile void *p, bool near)
{
    percpu__debug_current();
    uintptr_t state = percpu__irq_save();
    struct percpu_list_node **first = (struct percpu_list_node **)percpu__current(p, near);
    struct percpu_list_node *node = *first;
    if (node)
        *first = node->next;
    percpu__irq_restore(state);
    return node;
}

#else

/*
 * The only ones that come between are handlers, which are done when this goes on, and each of
 * their operations leaves the head without mark. So a mark that is still there says that none
 * came since it was set.
 */
PERCPU__INLINE struct percpu_list_node *percpu__list_pop(volatile void *p, bool near)
{
    uintptr_t first, marked;
    do {
        first = percpu__list_first(p, near);
        if (!first)
            return 0;
        marked = first | PERCPU__LIST_MARK;
        if (first != marked && !percpu__list_replace(p, first, marked, near))
            continue;
        struct percpu_list_node *node = (struct percpu_list_node *)(marked - PERCPU__LIST_MARK);
        struct percpu_list_node *next = node->next;
        PERCPU__LIST_BETWEEN();
        if (percpu__list_replace(p, marked, (uintptr_t)next, near))
            return node;
    } while (true);
}

#endif
#endif

#ifndef PERCPU_PLATFORM_RSEQ
PERCPU__INLINE struct percpu_list_node *percpu__list_take_all(volatile void *p, bool near)
{
    uint64_t first = percpu__xchg(p, 0, sizeof(uintptr_t), near);
    percpu__list_order();
    return (struct percpu_list_node *)((uintptr_t)first & ~PERCPU__LIST_MARK);
}
#endif

#ifdef __cplusplus
#define PERCPU__IS_LIST(x) percpu__types::same<PERCPU__VALUE_TYPE(x), struct percpu_list>::value
#else
#define PERCPU__IS_LIST(x) __builtin_types_compatible_p(PERCPU__VALUE_TYPE(x), struct percpu_list)
#endif
#define PERCPU__CHECK_LIST(x)                                                                      \
    PERCPU__ASSERT(PERCPU__IS_LIST(x), "percpu: the operand is no struct percpu_list")

#define PERCPU__LIST_FIRST(p) ((volatile void *)(uintptr_t)PERCPU__OPERAND(&(p)->first))

#define PERCPU__LIST_PUSH(p, node)                                                                 \
    __extension__({                                                                                \
        PERCPU__CHECK_LIST(*(p));                                                                  \
        percpu__list_push(PERCPU__LIST_FIRST(p), node, PERCPU__IS_NEAR((p)->first));               \
    })

#define PERCPU__LIST_TAKE(name, p)                                                                 \
    __extension__({                                                                                \
        PERCPU__CHECK_LIST(*(p));                                                                  \
        percpu__list_##name(PERCPU__LIST_FIRST(p), PERCPU__IS_NEAR((p)->first));                   \
    })

#endif
