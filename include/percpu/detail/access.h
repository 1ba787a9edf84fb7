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
extern PERCPU__HIDDEN PERCPU__MODEL struct percpu__head __PERCPU_percpu__head;

/* Deltas by CPU, valid below percpu__limit. Deltas are multiples of 64: an odd one is none. */
#define PERCPU__ABSENT ((uintptr_t)1)
extern PERCPU__HIDDEN uintptr_t percpu__delta[PERCPU_MAX_CPUS];
extern PERCPU__HIDDEN size_t percpu__limit;

/* Of the process, and the per-CPU pointer to a variable, or a member of it. */
#ifndef PERCPU__SHIFTED
#define PERCPU__DELTAS percpu__delta
#define PERCPU__LIMIT percpu__limit
#ifndef PERCPU_PLATFORM_RSEQ
#define PERCPU__VAR(x) (&(x))
#endif
#endif

/* In the library. */
PERCPU__HIDDEN void percpu__check_current(void);
PERCPU__HIDDEN void percpu__bad_cpu(void) __attribute__((noreturn));
PERCPU__HIDDEN void percpu__moved(void);
/* The first CPU from `cpu` on that has an area, or PERCPU__NO_CPU. */
PERCPU__HIDDEN size_t percpu__next_cpu(size_t cpu);
PERCPU__HIDDEN uintptr_t percpu__offset(uintptr_t vma);
PERCPU__HIDDEN uint64_t percpu__sum(const volatile void *p, size_t size);
PERCPU__HIDDEN void percpu__reset_from(uintptr_t from, void *p, size_t size);

/* -- What the platform or the architecture provides -------------------------------------- */

/*
 * The address of this CPU's copy: p + delta. Mandatory. `near` is a constant: `p` lies in a near
 * variable (PERCPU_DEFINE_NEAR), so within 2 KiB of VMA 0. It matters where nearness saves
 * instructions (PERCPU__ARCH_NEAR_PAYS) and is false everywhere else.
 */
PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, bool near);

/* One access to this CPU's copy. An architecture does it in one statement; see below. */
PERCPU__INLINE uint8_t percpu__read_8(const volatile void *p, bool near);
PERCPU__INLINE uint16_t percpu__read_16(const volatile void *p, bool near);
PERCPU__INLINE uint32_t percpu__read_32(const volatile void *p, bool near);
PERCPU__INLINE uint64_t percpu__read_64(const volatile void *p, bool near);
PERCPU__CALLED void percpu__write_8(volatile void *p, uint8_t value, bool near);
PERCPU__CALLED void percpu__write_16(volatile void *p, uint16_t value, bool near);
PERCPU__CALLED void percpu__write_32(volatile void *p, uint32_t value, bool near);
PERCPU__CALLED void percpu__write_64(volatile void *p, uint64_t value, bool near);

/* 8 bytes in one access. Optional: for architectures whose registers are narrower. */
PERCPU__INLINE uint64_t percpu__load_64(uintptr_t address);
PERCPU__INLINE void percpu__store_64(uintptr_t address, uint64_t value);

/* Turn interrupts off on this CPU, and back to what they were. Compiler barriers. */
#if !defined(PERCPU_PLATFORM_THREAD) && !defined(PERCPU_PLATFORM_RSEQ)
PERCPU__INLINE uintptr_t percpu__irq_save(void);
PERCPU__INLINE void percpu__irq_restore(uintptr_t state);
#endif

#include <percpu/detail/update.h>

/* A hint to a CPU that waits. Optional. */
PERCPU__INLINE void percpu__relax(void);

/*
 * Do atomic instructions work on ordinary memory here and now? Not before caches are on, perhaps.
 */
PERCPU__INLINE bool percpu__atomics_work(void);

/*
 * For an architecture whose instructions name symbols: is `p` a symbol plus a constant, so that an
 * "i" operand can be it? When the most and the least that can follow p in its object are equal,
 * the compiler, having inlined, knows which object it is and where in it. clang does not know the
 * most of an external variable: there its front end decides, and PERCPU__OPERAND lets nothing else
 * through. PERCPU__OPAQUE, for PERCPU__AT, keeps `c ? &a : &b` from looking so.
 */
#if !defined(__OPTIMIZE__)
#define PERCPU__IS_SYMBOL(p) 0
#elif defined(__clang__)
#define PERCPU__IS_SYMBOL(p) (__builtin_object_size((const void *)(uintptr_t)(p), 2) != 0)
#else
#define PERCPU__IS_SYMBOL(p)                                                                       \
    (__builtin_object_size((const void *)(p), 0) == __builtin_object_size((const void *)(p), 2))
#endif
#define PERCPU__OPAQUE(p) ((__typeof__(&*(p)))percpu__hide(p))

/*
 * For memory operands, which say what an asm statement reads or changes, where no register holds
 * the address: a pointer that was never set, of which compilers know nothing. volatile: kept for
 * the next access it would occupy a register.
 */
PERCPU__INLINE uintptr_t percpu__anywhere(void)
{
    uintptr_t address;
    __asm__ volatile("" : "=r"(address));
    return address;
}

#if defined(PERCPU_PLATFORM_BARE)
#include <percpu/detail/platform/bare.h>
#elif defined(PERCPU_PLATFORM_THREAD)
#include <percpu/detail/platform/thread.h>
#elif defined(PERCPU_PLATFORM_RSEQ)
#include <percpu/detail/platform/rseq.h>
#else
#include <percpu/detail/platform/single.h>
#endif

/* -- What can be derived ------------------------------------------------------------------ */

#ifndef percpu__load_64
PERCPU__INLINE uint64_t percpu__load_64(uintptr_t address)
{
    return *(const volatile percpu__u64 *)address;
}

PERCPU__INLINE void percpu__store_64(uintptr_t address, uint64_t value)
{
    *(volatile percpu__u64 *)address = value;
}
#endif

/* One access to any CPU's copy, by its address. */
PERCPU__INLINE uint64_t percpu__load_from(uintptr_t address, size_t size)
{
    switch (size) {
    case 1: return *(const volatile percpu__u8 *)address;
    case 2: return *(const volatile percpu__u16 *)address;
    case 4: return *(const volatile percpu__u32 *)address;
    default: return percpu__load_64(address);
    }
}

PERCPU__INLINE void percpu__store_to(uintptr_t address, uint64_t bits, size_t size)
{
    switch (size) {
    case 1: *(volatile percpu__u8 *)address = (uint8_t)bits; break;
    case 2: *(volatile percpu__u16 *)address = (uint16_t)bits; break;
    case 4: *(volatile percpu__u32 *)address = (uint32_t)bits; break;
    default: percpu__store_64(address, bits); break;
    }
}

/* A scalar that is the caller's own, as bits and back. */
PERCPU__INLINE uint64_t percpu__bits(const void *value, size_t size)
{
    switch (size) {
    case 1: return *(const percpu__u8 *)value;
    case 2: return *(const percpu__u16 *)value;
    case 4: return *(const percpu__u32 *)value;
    default: return *(const percpu__u64 *)value;
    }
}

PERCPU__INLINE void percpu__set_bits(void *value, uint64_t bits, size_t size)
{
    switch (size) {
    case 1: *(percpu__u8 *)value = (uint8_t)bits; break;
    case 2: *(percpu__u16 *)value = (uint16_t)bits; break;
    case 4: *(percpu__u32 *)value = (uint32_t)bits; break;
    default: *(percpu__u64 *)value = bits; break;
    }
}

#ifndef percpu__read_8
#define PERCPU__DERIVE_READ(bits)                                                                  \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p, bool near)           \
    {                                                                                              \
        return *(const volatile percpu__u##bits *)percpu__current(p, near);                        \
    }
PERCPU__DERIVE_READ(8)
PERCPU__DERIVE_READ(16)
PERCPU__DERIVE_READ(32)
#undef PERCPU__DERIVE_READ
PERCPU__INLINE uint64_t percpu__read_64(const volatile void *p, bool near)
{
    return percpu__load_64(percpu__current(p, near));
}
#endif

#ifndef percpu__write_8
#define PERCPU__DERIVE_WRITE(bits)                                                                 \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value, bool near)    \
    {                                                                                              \
        *(volatile percpu__u##bits *)percpu__current(p, near) = value;                             \
    }
PERCPU__DERIVE_WRITE(8)
PERCPU__DERIVE_WRITE(16)
PERCPU__DERIVE_WRITE(32)
#undef PERCPU__DERIVE_WRITE
PERCPU__INLINE void percpu__write_64(volatile void *p, uint64_t value, bool near)
{
    percpu__store_64(percpu__current(p, near), value);
}
#endif

/*
 * A per-CPU pointer that an operation with _at was given. An architecture whose accesses treat
 * symbols specially makes it opaque here, so that what looks like a symbol is one.
 */
#ifndef PERCPU__AT
#define PERCPU__AT(p) (p)
#elif defined(__clang__) && !defined(PERCPU__OPERAND)
#define PERCPU__OPERAND(p)                                                                         \
    PERCPU__CHOOSE(__builtin_constant_p(__builtin_object_size((const void *)(p), 0)), p,           \
                   PERCPU__OPAQUE(p))
#endif

#ifndef percpu__atomics_work
PERCPU__INLINE bool percpu__atomics_work(void)
{
    return true;
}
#endif

/*
 * The operand of any operation. An architecture that has to know a symbol when it sees one may make
 * everything else opaque here.
 */
#ifndef PERCPU__OPERAND
#define PERCPU__OPERAND(p) (p)
#endif

/*
 * An operand's address, for arithmetic. An architecture may know a shorter way than the compiler.
 */
#ifndef PERCPU__ADDRESS
#define PERCPU__ADDRESS(p) PERCPU__OPERAND(p)
#endif

#ifndef percpu__relax
PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("" : : : "memory");
}
#endif

/*
 * Updates: a kernel can mask interrupts; in a program (of one thread per area) there are signals.
 */
#if defined(PERCPU_PLATFORM_BARE)
#define PERCPU__DERIVE_UPDATES PERCPU__UPDATES_BY_MASKING
#else
#define PERCPU__DERIVE_UPDATES PERCPU__UPDATES_BY_ATOMIC
#endif
#ifndef PERCPU__UPDATES
#define PERCPU__UPDATES 0
#endif
#if !(PERCPU__UPDATES & 8)
PERCPU__DERIVE_UPDATES(8)
#endif
#if !(PERCPU__UPDATES & 16)
PERCPU__DERIVE_UPDATES(16)
#endif
#if !(PERCPU__UPDATES & 32)
PERCPU__DERIVE_UPDATES(32)
#endif
#if !(PERCPU__UPDATES & 64)
PERCPU__DERIVE_UPDATES(64)
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

/* Around a write to a variable; on platforms that watch these in debug builds. */
PERCPU__INLINE void percpu__write_begins(const volatile void *p, size_t size, bool is_update)
{
    (void)p, (void)size, (void)is_update;
#ifdef PERCPU__WATCHED
    percpu__watch_write(p, size, is_update);
#endif
}

PERCPU__INLINE void percpu__write_ends(const volatile void *p)
{
    (void)p;
#ifdef PERCPU__WATCHED
    percpu__watch_written(p);
#endif
}

/* A guard that a block holds: preemption off, or interrupts off. */
struct percpu__guard {
    bool irq;
    uintptr_t irq_state;
    size_t cpu; /* PERCPU_DEBUG: where it was taken */
#ifdef PERCPU__WATCHED
    struct percpu__watch watch;
#endif
};

#ifndef percpu_cpu_id
static inline size_t percpu_cpu_id(void)
{
    percpu__debug_current();
    const bool near = PERCPU__IS_NEAR(__PERCPU_percpu__head.cpu);
    if (sizeof(size_t) == 8)
        return (size_t)percpu__read_64(PERCPU__VAR(__PERCPU_percpu__head.cpu), near);
    return (size_t)percpu__read_32(PERCPU__VAR(__PERCPU_percpu__head.cpu), near);
}
#endif

#ifndef PERCPU__GUARDED_PTR
PERCPU__INLINE struct percpu__guard percpu__guard_take(void)
{
    struct percpu__guard guard = {false, 0, 0};
    percpu__preempt_off();
#ifdef PERCPU_DEBUG
    guard.cpu = percpu_cpu_id();
#endif
    return guard;
}
#else
PERCPU__INLINE struct percpu__guard percpu__guard_take(void)
{
    struct percpu__guard guard;
    guard.irq = false;
    guard.irq_state = 0;
    guard.cpu = percpu__own();
#ifdef PERCPU__WATCHED
    guard.watch.first = guard.watch.size = 0; /* none yet */
#endif
    return guard;
}
#endif

#ifdef PERCPU__NO_INTERRUPTS
struct percpu__guard percpu__guard_irq(void) __attribute__((
    error("percpu: percpu_with_current_irq() is for PERCPU_PLATFORM_BARE and _SINGLE; "
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

#ifndef PERCPU__GUARDED_PTR
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
#else
PERCPU__INLINE void percpu__guard_release(struct percpu__guard *guard)
{
    (void)guard;
#ifdef PERCPU__WATCHED
    percpu__watch_end(&guard->watch, guard->cpu);
#endif
    percpu__disown();
}
#endif

/* The address that a block works on. */
#ifndef PERCPU__GUARDED_PTR
#define PERCPU__GUARDED_PTR(guard, p) PERCPU__CURRENT_PTR(p)
#endif

/* -- Operations ------------------------------------------------------------------------------ */

/* `size` is a constant in all of these, and one case remains. */
PERCPU__INLINE uint64_t percpu__load_raw(const volatile void *p, size_t size, bool near)
{
    percpu__debug_current();
    switch (size) {
    case 1: return percpu__read_8(p, near);
    case 2: return percpu__read_16(p, near);
    case 4: return percpu__read_32(p, near);
    default: return percpu__read_64(p, near);
    }
}

PERCPU__INLINE void percpu__store_raw(volatile void *p, uint64_t bits, size_t size, bool near)
{
    percpu__debug_current();
    percpu__write_begins(p, size, false);
    switch (size) {
    case 1: percpu__write_8(p, (uint8_t)bits, near); break;
    case 2: percpu__write_16(p, (uint16_t)bits, near); break;
    case 4: percpu__write_32(p, (uint32_t)bits, near); break;
    default: percpu__write_64(p, bits, near); break;
    }
    percpu__write_ends(p);
}

/* Is this access one instruction from the base to the data? Then nothing can come between. */
#ifndef PERCPU__ONE_INSTRUCTION
#define PERCPU__ONE_INSTRUCTION(p, size, near) false
#endif

/* The same with the guard, where the access is more than one instruction. */
PERCPU__INLINE uint64_t percpu__load(const volatile void *p, size_t size, bool near)
{
    const bool one = PERCPU__ONE_INSTRUCTION(p, size, near);
    if (!one)
        percpu__preempt_off();
    uint64_t bits = percpu__load_raw(p, size, near);
    if (!one)
        percpu__preempt_on();
    return bits;
}

PERCPU__INLINE void percpu__store(volatile void *p, uint64_t bits, size_t size, bool near)
{
    const bool one = PERCPU__ONE_INSTRUCTION(p, size, near);
    if (!one)
        percpu__preempt_off();
    percpu__store_raw(p, bits, size, near);
    if (!one)
        percpu__preempt_on();
}

PERCPU__INLINE uintptr_t percpu__current_checked(const volatile void *p, bool near)
{
    percpu__debug_current();
    return percpu__current(p, near);
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

#ifndef percpu__remote
#ifndef percpu__delta_of
PERCPU__INLINE uintptr_t percpu__delta_of(size_t cpu)
{
    return PERCPU__DELTAS[cpu];
}
#endif

PERCPU__INLINE uintptr_t percpu__remote_raw(const volatile void *p, size_t cpu)
{
    return percpu__hide(p) + percpu__delta_of(cpu);
}

PERCPU__INLINE uintptr_t percpu__remote(const volatile void *p, size_t cpu)
{
    size_t limit = __atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE);
    if (cpu >= limit)
        return 0;
    /*
     * A mispredicted branch must not index with the caller's number: the mask is all ones when
     * cpu < limit and 0 otherwise, computed, not branched on (no limit is near SIZE_MAX / 2).
     */
    uintptr_t index = cpu;
    __asm__("" : "+r"(index));
    index &= ~(uintptr_t)((intptr_t)(index | (limit - 1 - index)) >> (sizeof(index) * 8 - 1));
    uintptr_t delta = PERCPU__DELTAS[index];
    return delta == PERCPU__ABSENT ? 0 : percpu__hide(p) + delta;
}
#endif

PERCPU__INLINE uintptr_t percpu__remote_checked(const volatile void *p, size_t cpu)
{
    uintptr_t address = percpu__remote(p, cpu);
    if (__builtin_expect(address == 0, 0))
        percpu__bad_cpu();
    return address;
}

/* The guard around an update that can be split. */
PERCPU__INLINE void percpu__update_begin(const volatile void *p, size_t size)
{
    percpu__debug_current();
    percpu__write_begins(p, size, true);
#ifdef PERCPU__UPDATES_GUARDED
    percpu__preempt_off();
#endif
}

PERCPU__INLINE void percpu__update_end(const volatile void *p)
{
    percpu__write_ends(p);
#ifdef PERCPU__UPDATES_GUARDED
    percpu__preempt_on();
#endif
}

/* The update `name` by size, without a result, and with one. */
#define PERCPU__UPDATE_BY_SIZE(name)                                                               \
    PERCPU__INLINE void percpu__##name(volatile void *p, uint64_t value, size_t size, bool near)   \
    {                                                                                              \
        percpu__update_begin(p, size);                                                             \
        switch (size) {                                                                            \
        case 1: percpu__##name##_8(p, (uint8_t)value, near); break;                                \
        case 2: percpu__##name##_16(p, (uint16_t)value, near); break;                              \
        case 4: percpu__##name##_32(p, (uint32_t)value, near); break;                              \
        default: percpu__##name##_64(p, value, near); break;                                       \
        }                                                                                          \
        percpu__update_end(p);                                                                     \
    }
PERCPU__UPDATE_BY_SIZE(add)
PERCPU__UPDATE_BY_SIZE(bit_and)
PERCPU__UPDATE_BY_SIZE(bit_or)
PERCPU__UPDATE_BY_SIZE(bit_xor)

#define PERCPU__RESULT_BY_SIZE(name)                                                               \
    PERCPU__INLINE uint64_t percpu__##name(volatile void *p, uint64_t value, size_t size,          \
                                           bool near)                                              \
    {                                                                                              \
        uint64_t result;                                                                           \
        percpu__update_begin(p, size);                                                             \
        switch (size) {                                                                            \
        case 1: result = percpu__##name##_8(p, (uint8_t)value, near); break;                       \
        case 2: result = percpu__##name##_16(p, (uint16_t)value, near); break;                     \
        case 4: result = percpu__##name##_32(p, (uint32_t)value, near); break;                     \
        default: result = percpu__##name##_64(p, value, near); break;                              \
        }                                                                                          \
        percpu__update_end(p);                                                                     \
        return result;                                                                             \
    }
PERCPU__RESULT_BY_SIZE(add_return)
PERCPU__RESULT_BY_SIZE(fetch_add)
PERCPU__RESULT_BY_SIZE(xchg)

PERCPU__INLINE uint64_t percpu__cmpxchg(volatile void *p, uint64_t expected, uint64_t value,
                                        size_t size, bool near)
{
    uint64_t old;
    percpu__update_begin(p, size);
    switch (size) {
    case 1: old = percpu__cmpxchg_8(p, (uint8_t)expected, (uint8_t)value, near); break;
    case 2: old = percpu__cmpxchg_16(p, (uint16_t)expected, (uint16_t)value, near); break;
    case 4: old = percpu__cmpxchg_32(p, (uint32_t)expected, (uint32_t)value, near); break;
    default: old = percpu__cmpxchg_64(p, expected, value, near); break;
    }
    percpu__update_end(p);
    return old;
}

PERCPU__INLINE bool percpu__try_cmpxchg(volatile void *p, void *expected, uint64_t value,
                                        size_t size, bool near)
{
    uint64_t wanted = percpu__bits(expected, size);
    uint64_t old = percpu__cmpxchg(p, wanted, value, size, near);
    bool done = old == wanted;
    if (!done)
        percpu__set_bits(expected, old, size);
    return done;
}

/* Negated after the conversion to the variable's type: modulo 2^n that is subtraction. */
PERCPU__INLINE void percpu__sub(volatile void *p, uint64_t value, size_t size, bool near)
{
    percpu__add(p, 0 - value, size, near);
}

PERCPU__INLINE uint64_t percpu__sub_return(volatile void *p, uint64_t value, size_t size, bool near)
{
    return percpu__add_return(p, 0 - value, size, near);
}

/* -- Macros: typed on the outside, bytes on the inside ---------------------------------------- */

/*
 * Operands are expressions of the user's and may contain other operations. They are arguments of
 * functions and initialisers without a name: a local variable would be in their scope, and two of
 * them of one name are what -Wshadow reports. (__COUNTER__ makes names unique, and clang 22 warns
 * of it in standard modes.)
 */
#define PERCPU__TEMPLATE_ADDRESS(p) ((volatile void *)(uintptr_t)PERCPU__OPERAND(p))

#define PERCPU__READ(load, p)                                                                      \
    __extension__({                                                                                \
        PERCPU__CHECK_SCALAR(*(p));                                                                \
        PERCPU__FROM_BITS(PERCPU__VALUE_TYPE(*(p)),                                                \
                          load(PERCPU__OPERAND(p), sizeof(*(p)), PERCPU__IS_NEAR(*(p))));          \
    })

#define PERCPU__WRITE(store, p, value)                                                             \
    __extension__({                                                                                \
        PERCPU__CHECK_WRITABLE(*(p));                                                              \
        store(PERCPU__TEMPLATE_ADDRESS(p), PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), value),       \
              sizeof(*(p)), PERCPU__IS_NEAR(*(p)));                                                \
    })

#define PERCPU__CURRENT_PTR(p)                                                                     \
    ((PERCPU__PLAIN_TYPE(*(p)) *)percpu__current_checked(PERCPU__OPERAND(p), PERCPU__IS_NEAR(*(p))))

/* The bytes that one instruction of this architecture reads or writes. */
#ifndef PERCPU__REMOTE_MAX
#define PERCPU__REMOTE_MAX 8
#endif
#define PERCPU__CHECK_REMOTE(x)                                                                    \
    PERCPU__ASSERT(sizeof(x) <= PERCPU__REMOTE_MAX,                                                \
                   "percpu: this machine has no single access to 8 bytes: use 4-byte variables, "  \
                   "or percpu_remote_ptr() and a lock")

#define PERCPU__REMOTE_PTR(remote, p, cpu)                                                         \
    ((PERCPU__PLAIN_TYPE(*(p)) *)remote(PERCPU__ADDRESS(p), cpu))

#define PERCPU__REMOTE_READ(p, cpu)                                                                \
    __extension__({                                                                                \
        PERCPU__CHECK_SCALAR(*(p));                                                                \
        PERCPU__CHECK_REMOTE(*(p));                                                                \
        PERCPU__FROM_BITS(                                                                         \
            PERCPU__VALUE_TYPE(*(p)),                                                              \
            percpu__load_from(percpu__remote_checked(PERCPU__ADDRESS(p), cpu), sizeof(*(p))));     \
    })

#define PERCPU__REMOTE_WRITE(p, cpu, value)                                                        \
    __extension__({                                                                                \
        PERCPU__CHECK_WRITABLE(*(p));                                                              \
        PERCPU__CHECK_REMOTE(*(p));                                                                \
        percpu__store_to(percpu__remote_checked(PERCPU__ADDRESS(p), cpu),                          \
                         PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), value), sizeof(*(p)));          \
    })

#define PERCPU__SUM(p)                                                                             \
    __extension__({                                                                                \
        PERCPU__CHECK_INTEGER(*(p));                                                               \
        PERCPU__CHECK_REMOTE(*(p));                                                                \
        (PERCPU__VALUE_TYPE(*(p))) percpu__sum(p, sizeof(*(p)));                                   \
    })

/* As `var op= n` does, the operand is converted to the variable's type first. */
#define PERCPU__UPDATE(op, p, n)                                                                   \
    __extension__({                                                                                \
        PERCPU__CHECK_WRITABLE(*(p));                                                              \
        PERCPU__CHECK_INTEGER(*(p));                                                               \
        op(PERCPU__TEMPLATE_ADDRESS(p),                                                            \
           (uint64_t)PERCPU__UPDATE_OPERAND(PERCPU__VALUE_TYPE(*(p)), n), sizeof(*(p)),            \
           PERCPU__IS_NEAR(*(p)));                                                                 \
    })

#define PERCPU__RESULT(op, p, n) ((PERCPU__VALUE_TYPE(*(p)))PERCPU__UPDATE(op, p, n))

#define PERCPU__XCHG(p, value)                                                                     \
    __extension__({                                                                                \
        PERCPU__CHECK_WRITABLE(*(p));                                                              \
        PERCPU__FROM_BITS(PERCPU__VALUE_TYPE(*(p)),                                                \
                          percpu__xchg(PERCPU__TEMPLATE_ADDRESS(p),                                \
                                       PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), value),           \
                                       sizeof(*(p)), PERCPU__IS_NEAR(*(p))));                      \
    })

#define PERCPU__CMPXCHG(p, old, new_value)                                                         \
    __extension__({                                                                                \
        PERCPU__CHECK_WRITABLE(*(p));                                                              \
        PERCPU__FROM_BITS(PERCPU__VALUE_TYPE(*(p)),                                                \
                          percpu__cmpxchg(PERCPU__TEMPLATE_ADDRESS(p),                             \
                                          PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), old),          \
                                          PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), new_value),    \
                                          sizeof(*(p)), PERCPU__IS_NEAR(*(p))));                   \
    })

#define PERCPU__TRY_CMPXCHG(p, old, new_value)                                                     \
    __extension__({                                                                                \
        PERCPU__CHECK_WRITABLE(*(p));                                                              \
        percpu__try_cmpxchg(PERCPU__TEMPLATE_ADDRESS(p),                                           \
                            PERCPU__CONVERTED(PERCPU__VALUE_TYPE(*(p)) *, old),                    \
                            PERCPU__TO_BITS(PERCPU__VALUE_TYPE(*(p)), new_value), sizeof(*(p)),    \
                            PERCPU__IS_NEAR(*(p)));                                                \
    })

/*
 * Two loops, each runs once: `break` leaves the inner one, the outer one's guard goes last. The
 * guard is named after the block's pointer, so that blocks nest where their pointers may.
 */
#define PERCPU__WITH(take, p, q)                                                                   \
    for (struct percpu__guard percpu__guard_of_##q                                                 \
         __attribute__((cleanup(percpu__guard_release))) = take(),                                 \
         *percpu__once_##q = &percpu__guard_of_##q;                                                \
         percpu__once_##q; percpu__once_##q = 0)                                                   \
        for (PERCPU__PLAIN_TYPE(*(p)) *q = PERCPU__GUARDED_PTR(percpu__guard_of_##q, p);           \
             percpu__once_##q; percpu__once_##q = 0)

#endif
