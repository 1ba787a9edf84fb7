/* SPDX-License-Identifier: MIT */
/* rseq: a block owns an area, and keeps working on that area if the thread migrates. */

#define PERCPU__GUARDS false

/* An access is a sequence, or one load, and needs no guard. */
PERCPU__INLINE uintptr_t percpu__preempt_off(void)
{
    return 0;
}
PERCPU__INLINE void percpu__preempt_on(uintptr_t state)
{
    (void)state;
}

struct percpu__guard {
    size_t cpu; /* whose area the thread owns */
#ifdef PERCPU__WATCHED
    struct percpu__watch watch;
#endif
};

PERCPU__INLINE struct percpu__guard percpu__guard_take(void)
{
    struct percpu__guard guard;
    guard.cpu = percpu__take_area();
    percpu__barrier(); /* link-time optimisation shows the compiler the library */
#ifdef PERCPU__WATCHED
    guard.watch.first = guard.watch.size = 0; /* no variable yet */
#endif
    return guard;
}

PERCPU__INLINE void percpu__guard_release(struct percpu__guard *guard)
{
    (void)guard;
    percpu__barrier();
#ifdef PERCPU__WATCHED
    percpu__watch_end(&guard->watch, guard->cpu);
#endif
    percpu__give_back_area();
}

/* The guard holds nothing, and its cpu is SIZE_MAX, if another thread owns the area. */
PERCPU__INLINE struct percpu__guard percpu__guard_try(void)
{
    struct percpu__guard guard;
    guard.cpu = percpu__try_take_area();
    percpu__barrier();
#ifdef PERCPU__WATCHED
    guard.watch.first = guard.watch.size = 0;
#endif
    return guard;
}

PERCPU__INLINE bool percpu__guard_is_held(const struct percpu__guard *guard)
{
    return guard->cpu != SIZE_MAX;
}

PERCPU__INLINE void percpu__guard_try_release(struct percpu__guard *guard)
{
    if (percpu__guard_is_held(guard))
        percpu__guard_release(guard);
}

/* The address that a block works on. */
PERCPU__INLINE uintptr_t percpu__guarded(struct percpu__guard *guard, const volatile void *p,
                                         size_t size)
{
    (void)size;
#ifdef PERCPU__WATCHED
    percpu__watch_begin(&guard->watch, p, size, guard->cpu);
#endif
    return percpu__remote_raw(p, PERCPU__POINTER, guard->cpu);
}
#define PERCPU__GUARDED_PTR(guard, p, where)                                                       \
    PERCPU__REINTERPRET_CALL(PERCPU__PLAIN_TYPE(*(p)) *,                                           \
                             percpu__guarded(&(guard), PERCPU__REACHED(p, where), sizeof(*(p))))
