/* SPDX-License-Identifier: MIT */
/*
 * The functions that an architecture and a platform provide, as prototypes: a body of another type
 * does not compile. Each body has a marker, a macro of the function's name. Where a marker is
 * missing, derive.h defines an optional function and refuses to compile without a mandatory one.
 */

/*
 * Scalars for accesses, which may alias any type. percpu__u64 is aligned to 8, since clang would
 * call libatomic for atomic accesses to uint64_t where the ABI aligns it to 4.
 */
typedef uint8_t __attribute__((may_alias)) percpu__u8;
typedef uint16_t __attribute__((may_alias)) percpu__u16;
typedef uint32_t __attribute__((may_alias)) percpu__u32;
typedef uint64_t __attribute__((may_alias, aligned(8))) percpu__u64;

/*
 * PERCPU__LOAD and PERCPU__STORE are one untorn access each. The access is volatile, since
 * compilers make better code of a volatile access than of an atomic one. ThreadSanitizer takes a
 * volatile access for an ordinary one, and would report a race between percpu_read() and
 * percpu_remote_write(): under it the access is atomic.
 */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define PERCPU__TSAN 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define PERCPU__TSAN 1
#endif
#ifdef PERCPU__TSAN
#define PERCPU__LOAD(T, address) __atomic_load_n((const volatile T *)(address), __ATOMIC_RELAXED)
#define PERCPU__STORE(T, address, value)                                                           \
    __atomic_store_n((volatile T *)(address), value, __ATOMIC_RELAXED)
#else
#define PERCPU__LOAD(T, address) (*(const volatile T *)(address))
#define PERCPU__STORE(T, address, value) ((void)(*(volatile T *)(address) = (value)))
#endif

/*
 * PERCPU__RELEASE(p) stands before a relaxed write of *p, PERCPU__ACQUIRE(p) behind a relaxed read,
 * which they make a write with release order and a read with acquire order. ThreadSanitizer knows
 * no fences: in programs the two are an order that goes by the address of the per-CPU pointer.
 */
#if defined(PERCPU__TSAN) && !defined(PERCPU_PLATFORM_BARE)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define PERCPU__RELEASE(p) __tsan_release((void *)(uintptr_t)(p))
#define PERCPU__ACQUIRE(p) __tsan_acquire((void *)(uintptr_t)(p))
#else
#define PERCPU__RELEASE(p) __atomic_thread_fence(__ATOMIC_RELEASE)
#define PERCPU__ACQUIRE(p) __atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif

/*
 * The kind of an operation's operand `p`. The public macro decides the kind, which is a constant in
 * every function that it is passed to: an architecture's branches on the kind leave no code.
 */
enum percpu__where {
    PERCPU__POINTER,     /* a per-CPU pointer, or an element whose index is variable */
    PERCPU__SYMBOL,      /* a variable plus a constant: an instruction can name it */
    PERCPU__NEAR_SYMBOL, /* such a variable within 2 KiB of VMA 0: PERCPU_DEFINE_NEAR */
};

/* Unoptimised code takes all operands for pointers: compilers would keep the other branches. */
#ifdef __OPTIMIZE__
#define PERCPU__IS(where, what) ((where) == (what))
#else
#define PERCPU__IS(where, what) ((what) == PERCPU__POINTER)
#endif

/* -- The current CPU: cpu.h ------------------------------------------------------------------- */

/* Mask interrupts on this CPU, and restore the mask. Both are compiler barriers. Mandatory. */
#if !defined(PERCPU_PLATFORM_THREAD) && !defined(PERCPU_PLATFORM_RSEQ)
PERCPU__INLINE uintptr_t percpu__irq_save(void);
PERCPU__INLINE void percpu__irq_restore(uintptr_t state);
#endif

/* The per-CPU register, which holds the delta. Mandatory on bare. */
#ifdef PERCPU_PLATFORM_BARE
PERCPU__INLINE uintptr_t percpu__reg_read(void);
PERCPU__INLINE void percpu__reg_write(uintptr_t delta);
/* Can the register hold this delta? Optional: the default is true. */
PERCPU__INLINE bool percpu__reg_holds(uintptr_t delta);
/*
 * Returns 0 if this CPU's mode and this image may use the register, else a negative enum
 * percpu_error. Optional: the default is 0.
 */
PERCPU__INLINE int percpu__reg_check(void);
#endif

/* A hint to the CPU that it is in a spin loop. */
PERCPU__INLINE void percpu__relax(void);

/* Do atomic instructions work on ordinary memory? They may not before caches are on. */
PERCPU__INLINE bool percpu__atomics_work(void);

/* -- Accesses to this CPU's copy: access.h ---------------------------------------------------- */

/* The address of this CPU's copy, p + delta. */
PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where);

/* The template address, of whose origin the compiler knows nothing; and the delta of a CPU. */
PERCPU__INLINE uintptr_t percpu__address(const volatile void *p, enum percpu__where where);
PERCPU__INLINE uintptr_t percpu__delta_of(size_t cpu);

/* One access of 8 bytes, single-copy atomic. 32-bit architectures provide it if they can. */
PERCPU__INLINE uint64_t percpu__load_64(uintptr_t address);
PERCPU__INLINE void percpu__store_64(uintptr_t address, uint64_t value);

/*
 * For each size: one access, in one asm statement where the architecture can. percpu__read_8 and
 * percpu__write_8 are the markers for up to 32 bits, percpu__read_64 and percpu__write_64 for 64.
 * PERCPU__ONE_INSTRUCTION(size, where) is true where neither an interrupt nor a migration can come
 * between finding the copy and the access; elsewhere callers hold the guard.
 *
 * percpu__stable_8 and percpu__stable_64 mark the bodies of percpu_read_stable(): with one output
 * and no volatile statement or operand, so that the compiler may merge two reads.
 *
 * For each size in PERCPU__UPDATES, e.g. (32 | 64): updates that lose no update of an interrupt
 * handler on this CPU, and that neither preemption nor migration can split.
 */
#define PERCPU__PROTOTYPES(bits)                                                                   \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where);                   \
    PERCPU__INLINE uint##bits##_t percpu__stable_##bits(const volatile void *p,                    \
                                                        enum percpu__where where);                 \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value,               \
                                             enum percpu__where where);                            \
    PERCPU__INLINE void percpu__add_##bits(volatile void *p, uint##bits##_t value,                 \
                                           enum percpu__where where);                              \
    PERCPU__INLINE void percpu__bit_and_##bits(volatile void *p, uint##bits##_t value,             \
                                               enum percpu__where where);                          \
    PERCPU__INLINE void percpu__bit_or_##bits(volatile void *p, uint##bits##_t value,              \
                                              enum percpu__where where);                           \
    PERCPU__INLINE void percpu__bit_xor_##bits(volatile void *p, uint##bits##_t value,             \
                                               enum percpu__where where);                          \
    /* Returns the new value. */                                                                   \
    PERCPU__INLINE uint##bits##_t percpu__add_return_##bits(                                       \
        volatile void *p, uint##bits##_t value, enum percpu__where where);                         \
    /* Return the old value. cmpxchg writes `value` if the copy equals `expected`. */              \
    PERCPU__INLINE uint##bits##_t percpu__fetch_add_##bits(volatile void *p, uint##bits##_t value, \
                                                           enum percpu__where where);              \
    PERCPU__INLINE uint##bits##_t percpu__xchg_##bits(volatile void *p, uint##bits##_t value,      \
                                                      enum percpu__where where);                   \
    PERCPU__INLINE uint##bits##_t percpu__cmpxchg_##bits(                                          \
        volatile void *p, uint##bits##_t expected, uint##bits##_t value,                           \
        enum percpu__where where);
PERCPU__PROTOTYPES(8)
PERCPU__PROTOTYPES(16)
PERCPU__PROTOTYPES(32)
PERCPU__PROTOTYPES(64)
#undef PERCPU__PROTOTYPES

/* A delay between the instructions of a sequence, for tests that interrupt them. */
#ifndef PERCPU__RSEQ_DELAY
#define PERCPU__RSEQ_DELAY ""
#endif

/* The function head of a restartable sequence (sequence.h); it returns whether the sequence ran. */
#define PERCPU__SEQUENCE(name, bits)                                                               \
    PERCPU__INLINE bool percpu__sequence_##name##_##bits(                                          \
        volatile void *p, uint##bits##_t expected __attribute__((unused)),                         \
        uint##bits##_t value __attribute__((unused)),                                              \
        enum percpu__where where __attribute__((unused)),                                          \
        uint##bits##_t *old __attribute__((unused)), uint##bits##_t *now __attribute__((unused)),  \
        uintptr_t *copy __attribute__((unused)))
