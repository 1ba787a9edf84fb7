/* SPDX-License-Identifier: MIT */
/*
 * The bodies of percpu.h. In this order: what a platform and an architecture must provide, as
 * prototypes, so that a missing or wrongly typed one does not compile; the platform's header
 * (which includes the architecture's where it uses it); what can be derived; the operations.
 *
 * `p` is always a template address, the address of a per-CPU variable or a per-CPU pointer.
 */
#ifndef PERCPU_DETAIL_ACCESS_H
#define PERCPU_DETAIL_ACCESS_H

/* Scalars as the accesses see them: they may alias any type. */
typedef uint8_t __attribute__((may_alias)) percpu__u8;
typedef uint16_t __attribute__((may_alias)) percpu__u16;
typedef uint32_t __attribute__((may_alias)) percpu__u32;
typedef uint64_t __attribute__((may_alias)) percpu__u64;

/* The first thing that the library keeps in every area. <percpu/asm.h> has the offsets. */
struct percpu__head {
    uintptr_t delta; /* of this area */
    size_t cpu;      /* PERCPU__NO_CPU in the template */
    uintptr_t magic; /* PERCPU__MAGIC: tells a template that was loaded from a NOLOAD one */
};
#define PERCPU__NO_CPU SIZE_MAX
#define PERCPU__MAGIC ((uintptr_t)0x43726550)
extern PERCPU__HIDDEN struct percpu__head __PERCPU_percpu__head;

/* Deltas by CPU, valid below percpu__limit. Deltas are multiples of 64: an odd one is none. */
#define PERCPU__ABSENT ((uintptr_t)1)
extern PERCPU__HIDDEN uintptr_t percpu__delta[PERCPU_MAX_CPUS];
extern PERCPU__HIDDEN size_t percpu__limit;

/* In the library. */
PERCPU__HIDDEN void percpu__check_current(void);
PERCPU__HIDDEN void percpu__bad_cpu(void);
PERCPU__HIDDEN void percpu__moved(void);
PERCPU__HIDDEN size_t percpu__next_cpu(size_t cpu);
PERCPU__HIDDEN uintptr_t percpu__offset(uintptr_t vma);
PERCPU__HIDDEN uint64_t percpu__sum(const volatile void *p, size_t size);
PERCPU__HIDDEN void percpu__reset_from(uintptr_t from, void *p, size_t size);

/* -- What the platform or the architecture provides -------------------------------------- */

/* The address of this CPU's copy: p + delta. Mandatory. */
PERCPU__INLINE uintptr_t percpu__current(const volatile void *p);

/* One access to this CPU's copy. An architecture does it in one statement; see below. */
PERCPU__INLINE uint8_t percpu__read_8(const volatile void *p);
PERCPU__INLINE uint16_t percpu__read_16(const volatile void *p);
PERCPU__INLINE uint32_t percpu__read_32(const volatile void *p);
PERCPU__INLINE uint64_t percpu__read_64(const volatile void *p);
PERCPU__INLINE void percpu__write_8(volatile void *p, uint8_t value);
PERCPU__INLINE void percpu__write_16(volatile void *p, uint16_t value);
PERCPU__INLINE void percpu__write_32(volatile void *p, uint32_t value);
PERCPU__INLINE void percpu__write_64(volatile void *p, uint64_t value);

/* Turn interrupts off on this CPU, and back to what they were. Compiler barriers. */
PERCPU__INLINE uintptr_t percpu__irq_save(void);
PERCPU__INLINE void percpu__irq_restore(uintptr_t state);

/* A hint to a CPU that waits. Optional. */
PERCPU__INLINE void percpu__relax(void);

#if defined(PERCPU_PLATFORM_BARE)
#include <percpu/detail/platform/bare.h>
#elif defined(PERCPU_PLATFORM_THREAD)
#include <percpu/detail/platform/thread.h>
#else
#include <percpu/detail/platform/single.h>
#endif

/* -- What can be derived ------------------------------------------------------------------ */

#ifndef percpu__read_8
#define PERCPU__DERIVE_READ(bits)                                                                  \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p)                      \
    {                                                                                              \
        return *(const volatile percpu__u##bits *)percpu__current(p);                              \
    }
PERCPU__DERIVE_READ(8)
PERCPU__DERIVE_READ(16)
PERCPU__DERIVE_READ(32)
PERCPU__DERIVE_READ(64)
#undef PERCPU__DERIVE_READ
#endif

#ifndef percpu__write_8
#define PERCPU__DERIVE_WRITE(bits)                                                                 \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value)               \
    {                                                                                              \
        *(volatile percpu__u##bits *)percpu__current(p) = value;                                   \
    }
PERCPU__DERIVE_WRITE(8)
PERCPU__DERIVE_WRITE(16)
PERCPU__DERIVE_WRITE(32)
PERCPU__DERIVE_WRITE(64)
#undef PERCPU__DERIVE_WRITE
#endif

/*
 * A per-CPU pointer that an operation with _at was given. An architecture whose accesses treat
 * symbols specially makes it opaque here, so that what looks like a symbol is one.
 */
#ifndef PERCPU__AT
#define PERCPU__AT(p) (p)
#endif

#ifndef percpu__relax
PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("" : : : "memory");
}
#endif

/* -- Guards --------------------------------------------------------------------------------- */

/* What keeps the caller on its CPU while an operation takes more than one instruction. */
PERCPU__INLINE void percpu__preempt_off(void)
{
#ifdef PERCPU_PREEMPT
    percpu_preempt_disable();
#endif
}

PERCPU__INLINE void percpu__preempt_on(void)
{
#ifdef PERCPU_PREEMPT
    percpu_preempt_enable();
#endif
}

PERCPU__INLINE void percpu__debug_current(void)
{
#ifdef PERCPU_DEBUG
    percpu__check_current();
#endif
}

/* A guard that a block holds: preemption off, or interrupts off. */
struct percpu__guard {
    bool irq;
    uintptr_t irq_state;
    size_t cpu; /* PERCPU_DEBUG: where it was taken */
};

static inline size_t percpu_cpu_id(void)
{
    percpu__debug_current();
    if (sizeof(size_t) == 8)
        return (size_t)percpu__read_64(&__PERCPU_percpu__head.cpu);
    return (size_t)percpu__read_32(&__PERCPU_percpu__head.cpu);
}

PERCPU__INLINE struct percpu__guard percpu__guard_take(void)
{
    struct percpu__guard guard = {false, 0, 0};
    percpu__preempt_off();
#ifdef PERCPU_DEBUG
    guard.cpu = percpu_cpu_id();
#endif
    return guard;
}

#ifdef PERCPU__NO_INTERRUPTS
struct percpu__guard percpu__guard_irq(void)
    __attribute__((error("percpu: percpu_with_current_irq() is for PERCPU_PLATFORM_BARE and _SINGLE; "
                         "here percpu_with_current() is all that is needed")));
#else
PERCPU__INLINE struct percpu__guard percpu__guard_irq(void)
{
    struct percpu__guard guard = {true, percpu__irq_save(), 0};
#ifdef PERCPU_DEBUG
    guard.cpu = percpu_cpu_id();
#endif
    return guard;
}
#endif

PERCPU__INLINE void percpu__guard_release(struct percpu__guard *guard)
{
    (void)guard;
#ifdef PERCPU_DEBUG
    if (guard->cpu != percpu_cpu_id())
        percpu__moved();
#endif
#ifndef PERCPU__NO_INTERRUPTS
    if (guard->irq)
        percpu__irq_restore(guard->irq_state);
    else
#endif
        percpu__preempt_on();
}

/* -- Operations ------------------------------------------------------------------------------ */

/* percpu__load_raw and percpu__store_raw: `size` is a constant, one case remains. */
PERCPU__INLINE void percpu__load_raw(void *out, const volatile void *p, size_t size)
{
    percpu__debug_current();
    switch (size) {
    case 1: *(percpu__u8 *)out = percpu__read_8(p); break;
    case 2: *(percpu__u16 *)out = percpu__read_16(p); break;
    case 4: *(percpu__u32 *)out = percpu__read_32(p); break;
    default: *(percpu__u64 *)out = percpu__read_64(p); break;
    }
}

PERCPU__INLINE void percpu__store_raw(volatile void *p, const void *in, size_t size)
{
    percpu__debug_current();
    switch (size) {
    case 1: percpu__write_8(p, *(const percpu__u8 *)in); break;
    case 2: percpu__write_16(p, *(const percpu__u16 *)in); break;
    case 4: percpu__write_32(p, *(const percpu__u32 *)in); break;
    default: percpu__write_64(p, *(const percpu__u64 *)in); break;
    }
}

/* The same with the guard, where the access is more than one instruction. */
PERCPU__INLINE void percpu__load(void *out, const volatile void *p, size_t size)
{
#ifdef PERCPU__ONE_INSTRUCTION_READ
    percpu__load_raw(out, p, size);
#else
    percpu__preempt_off();
    percpu__load_raw(out, p, size);
    percpu__preempt_on();
#endif
}

PERCPU__INLINE void percpu__store(volatile void *p, const void *in, size_t size)
{
#ifdef PERCPU__ONE_INSTRUCTION_WRITE
    percpu__store_raw(p, in, size);
#else
    percpu__preempt_off();
    percpu__store_raw(p, in, size);
    percpu__preempt_on();
#endif
}

PERCPU__INLINE uintptr_t percpu__current_checked(const volatile void *p)
{
    percpu__debug_current();
    return percpu__current(p);
}

/*
 * The template address as a number of which the compiler knows nothing, so that it does not
 * derive from the variable's bounds where a copy can be.
 */
PERCPU__INLINE uintptr_t percpu__hide(const volatile void *p)
{
    uintptr_t address = (uintptr_t)p;
    __asm__("" : "+r"(address));
    return address;
}

PERCPU__INLINE uintptr_t percpu__remote_raw(const volatile void *p, size_t cpu)
{
    return percpu__hide(p) + percpu__delta[cpu];
}

PERCPU__INLINE uintptr_t percpu__remote(const volatile void *p, size_t cpu)
{
    size_t limit = __atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE);
    if (cpu >= limit)
        return 0;
    /*
     * A mispredicted branch must not index with the caller's number: the mask is all ones when
     * cpu < limit and 0 otherwise, computed, not branched on (no limit is near SIZE_MAX / 2).
     */
    uintptr_t index = cpu;
    __asm__("" : "+r"(index));
    index &= ~(uintptr_t)((intptr_t)(index | (limit - 1 - index)) >> (sizeof(index) * 8 - 1));
    uintptr_t delta = percpu__delta[index];
    return delta == PERCPU__ABSENT ? 0 : percpu__hide(p) + delta;
}

PERCPU__INLINE uintptr_t percpu__remote_checked(const volatile void *p, size_t cpu)
{
    uintptr_t address = percpu__remote(p, cpu);
    if (__builtin_expect(address == 0, 0))
        percpu__bad_cpu();
    return address;
}

PERCPU__INLINE void percpu__load_from(void *out, uintptr_t address, size_t size)
{
    switch (size) {
    case 1: *(percpu__u8 *)out = *(const volatile percpu__u8 *)address; break;
    case 2: *(percpu__u16 *)out = *(const volatile percpu__u16 *)address; break;
    case 4: *(percpu__u32 *)out = *(const volatile percpu__u32 *)address; break;
    default: *(percpu__u64 *)out = *(const volatile percpu__u64 *)address; break;
    }
}

PERCPU__INLINE void percpu__store_to(uintptr_t address, const void *in, size_t size)
{
    switch (size) {
    case 1: *(volatile percpu__u8 *)address = *(const percpu__u8 *)in; break;
    case 2: *(volatile percpu__u16 *)address = *(const percpu__u16 *)in; break;
    case 4: *(volatile percpu__u32 *)address = *(const percpu__u32 *)in; break;
    default: *(volatile percpu__u64 *)address = *(const percpu__u64 *)in; break;
    }
}

/* -- Macros: typed on the outside, bytes on the inside ---------------------------------------- */

#define PERCPU__READ(load, p)                                                                      \
    __extension__({                                                                                \
        PERCPU__CHECK_SCALAR(*(p));                                                                \
        PERCPU__VALUE_TYPE(*(p)) percpu__r;                                                        \
        load(&percpu__r, p, sizeof(percpu__r));                                                    \
        percpu__r;                                                                                 \
    })

#define PERCPU__WRITE(store, p, value)                                                             \
    __extension__({                                                                                \
        PERCPU__CHECK_SCALAR(*(p));                                                                \
        PERCPU__VALUE_TYPE(*(p)) percpu__w = (value);                                              \
        store((volatile void *)(uintptr_t)(p), &percpu__w, sizeof(percpu__w));                                                   \
    })

#define PERCPU__CURRENT_PTR(p) ((PERCPU__PLAIN_TYPE(*(p)) *)percpu__current_checked(p))

#define PERCPU__REMOTE_READ(p, cpu)                                                                \
    __extension__({                                                                                \
        PERCPU__CHECK_SCALAR(*(p));                                                                \
        PERCPU__VALUE_TYPE(*(p)) percpu__rr;                                                       \
        percpu__load_from(&percpu__rr, percpu__remote_checked(p, cpu), sizeof(percpu__rr));        \
        percpu__rr;                                                                                \
    })

#define PERCPU__REMOTE_WRITE(p, cpu, value)                                                        \
    __extension__({                                                                                \
        PERCPU__CHECK_SCALAR(*(p));                                                                \
        PERCPU__VALUE_TYPE(*(p)) percpu__rw = (value);                                             \
        percpu__store_to(percpu__remote_checked(p, cpu), &percpu__rw, sizeof(percpu__rw));         \
    })

#define PERCPU__SUM(p)                                                                             \
    __extension__({                                                                                \
        PERCPU__CHECK_INTEGER(*(p));                                                               \
        (PERCPU__VALUE_TYPE(*(p)))percpu__sum(p, sizeof(*(p)));                                    \
    })

/* Two loops, each runs once: `break` leaves the inner one, the outer one's guard goes last. */
#define PERCPU__WITH(take, p, q, id) PERCPU__WITH_(take, p, q, id)
#define PERCPU__WITH_(take, p, q, id)                                                              \
    for (struct percpu__guard percpu__g##id __attribute__((cleanup(percpu__guard_release))) =      \
                                  take(),                                                          \
                              *percpu__once##id = &percpu__g##id;                                  \
         percpu__once##id; percpu__once##id = 0)                                                   \
        for (PERCPU__PLAIN_TYPE(*(p)) *q = PERCPU__CURRENT_PTR(p);                                 \
             percpu__once##id; percpu__once##id = 0)

#endif
