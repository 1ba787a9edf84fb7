/* SPDX-License-Identifier: MIT */
/* Operations on any CPU's copy: those of percpu.h, then those of remote.h. */

#ifndef percpu__remote
PERCPU__INLINE uintptr_t percpu__remote_raw(const volatile void *p, enum percpu__where where,
                                            size_t cpu)
{
    return percpu__address(p, where) + percpu__delta_of(cpu);
}

PERCPU__INLINE uintptr_t percpu__remote(const volatile void *p, enum percpu__where where,
                                        size_t cpu)
{
    size_t limit = __atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE);
    if (cpu >= limit)
        return 0;
    uintptr_t delta = PERCPU__DELTAS[percpu__masked(cpu, limit)];
    return delta == PERCPU__ABSENT ? 0 : percpu__address(p, where) + delta;
}
#endif

PERCPU__INLINE uintptr_t percpu__remote_checked(const volatile void *p, enum percpu__where where,
                                                size_t cpu)
{
    uintptr_t address = percpu__remote(p, where, cpu);
    if (__builtin_expect(address == 0, 0))
        percpu__bad_cpu();
    return address;
}

#define PERCPU__REMOTE_PTR(p, where, remote, cpu)                                                  \
    PERCPU__REINTERPRET_CALL(PERCPU__PLAIN_TYPE(*(p)) *,                                           \
                             remote(PERCPU__REACHED(p, where), where, cpu))

#define PERCPU__NO_REMOTE_8                                                                        \
    "percpu: this machine has no single access to 8 bytes: use 4-byte variables, or "              \
    "percpu_remote_ptr() and a lock"
#define PERCPU__CHECK_REMOTE(x) PERCPU__ASSERT(sizeof(x) <= PERCPU__REMOTE_MAX, PERCPU__NO_REMOTE_8)

#define PERCPU__REMOTE_READ(p, where, cpu)                                                         \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_REMOTE(*(p))),                       \
     PERCPU__FROM_BITS(                                                                            \
         PERCPU__VALUE_TYPE(*(p)),                                                                 \
         percpu__load_from(percpu__remote_checked(PERCPU__REACHED(p, where), where, cpu),          \
                           sizeof(*(p)))))

#define PERCPU__REMOTE_WRITE(p, where, cpu, value)                                                 \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p));                      \
                    PERCPU__CHECK_REMOTE(*(p))),                                                   \
     percpu__store_to(percpu__remote_checked(PERCPU__REACHED(p, where), where, cpu),               \
                      PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), value), sizeof(*(p))))

/* -- remote.h ---------------------------------------------------------------------------------- */

/* Each changes bits of one CPU's copy, or of all copies. Returns 0 or a negative error. */
PERCPU__HIDDEN int percpu__remote_or(volatile void *p, uint64_t bits, size_t size, size_t cpu)
    PERCPU__BY_CALL("percpu_remote_or");
PERCPU__HIDDEN int percpu__remote_and(volatile void *p, uint64_t bits, size_t size, size_t cpu)
    PERCPU__BY_CALL("percpu_remote_and");
PERCPU__HIDDEN int percpu__or_all(volatile void *p, uint64_t bits, size_t size)
    PERCPU__BY_CALL("percpu_or_all");
PERCPU__HIDDEN int percpu__and_all(volatile void *p, uint64_t bits, size_t size)
    PERCPU__BY_CALL("percpu_and_all");
/* The variable has `room` words. */
PERCPU__HIDDEN void percpu__sum_words(const volatile void *p, size_t n, size_t room, uint64_t *out);
/* `base` points to an integer of `size` bytes. */
PERCPU__CALLED uint64_t percpu__take_sum(const volatile void *p, size_t size, void *base);

PERCPU__INLINE uint64_t percpu__remote_read_acquire(const volatile void *p, size_t size,
                                                    enum percpu__where where, size_t cpu)
{
    uint64_t bits = percpu__load_from(percpu__remote_checked(p, where, cpu), size);
    PERCPU__ACQUIRE(p);
    return bits;
}

#define PERCPU__REMOTE_READ_ACQUIRE(p, where, cpu)                                                 \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_REMOTE(*(p))),                       \
     PERCPU__FROM_BITS(                                                                            \
         PERCPU__VALUE_TYPE(*(p)),                                                                 \
         percpu__remote_read_acquire(PERCPU__REACHED(p, where), sizeof(*(p)), where, cpu)))

#define PERCPU__UPDATE_REMOTE(p, where, update, bits, cpu)                                         \
    (PERCPU__CHECK_REMOTE_UPDATE(p),                                                               \
     update(PERCPU__WRITABLE(p, where), PERCPU__UPDATE_BITS(p, bits), sizeof(*(p)), cpu))
#define PERCPU__UPDATE_ALL(p, where, update, bits)                                                 \
    (PERCPU__CHECK_REMOTE_UPDATE(p),                                                               \
     update(PERCPU__WRITABLE(p, where), PERCPU__UPDATE_BITS(p, bits), sizeof(*(p))))
#define PERCPU__CHECK_REMOTE_UPDATE(p)                                                             \
    PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_WRITABLE(*(p));                       \
                   PERCPU__CHECK_INTEGER(*(p)); PERCPU__CHECK_REMOTE(*(p)))

#define PERCPU__TAKE_SUM(p, where, base)                                                           \
    (PERCPU__CHECKS(PERCPU__CHECK_SCALAR(*(p)); PERCPU__CHECK_INTEGER(*(p));                       \
                    PERCPU__CHECK_REMOTE(*(p))),                                                   \
     PERCPU__CAST_CALL(PERCPU__VALUE_TYPE(*(p)),                                                   \
                       percpu__take_sum(PERCPU__REACHED(p, where), sizeof(*(p)),                   \
                                        PERCPU__CONVERTED(PERCPU__VALUE_TYPE(*(p)) *, base))))

/* The second assertion is for an n that the compiler's front end knows. */
#define PERCPU__CONSTANT_OR_0(n) PERCPU__FRONT_END_IF(__builtin_constant_p(n), n, 0)
#define PERCPU__SUM_WORDS(p, where, room, n, out)                                                  \
    (PERCPU__CHECKS(PERCPU__ASSERT(PERCPU__REMOTE_MAX == 8, PERCPU__NO_REMOTE_8);                  \
                    PERCPU__ASSERT(PERCPU__CONSTANT_OR_0(n) < (room) + 1,                          \
                                   "percpu: the variable has fewer words of 64 bits")),            \
     percpu__sum_words(PERCPU__REACHED(p, where), n, room, PERCPU__CONVERTED(uint64_t *, out)))
