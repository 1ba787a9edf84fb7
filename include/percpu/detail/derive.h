/* SPDX-License-Identifier: MIT */
/* Default bodies for the functions of port.h that a port has not marked. */

/* -- Is the port complete? --------------------------------------------------------------------- */

#if defined(PERCPU_PLATFORM_BARE) && !defined(percpu__reg_read)
#error "percpu: this port has no percpu__reg_read(), or not its marker: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif
#if defined(PERCPU_PLATFORM_BARE) && !defined(percpu__reg_write)
#error "percpu: this port has no percpu__reg_write(), or not its marker: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif
#if !defined(PERCPU_PLATFORM_THREAD) && !defined(PERCPU_PLATFORM_RSEQ) && !defined(percpu__irq_save)
#error "percpu: this port has no percpu__irq_save(), or not its marker: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif
#if defined(percpu__irq_save) && !defined(percpu__irq_restore)
#error "percpu: this port has no percpu__irq_restore(), or not its marker: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif
#ifndef PERCPU__UPDATES
#define PERCPU__UPDATES 0
#endif
#if defined(PERCPU_RESTART) && !(PERCPU__UPDATES & 32)
#error                                                                                             \
    "percpu: PERCPU_RESTART: this port has neither PERCPU__SEQUENCES nor updates of one instruction: docs/porting-to.md"
#include <percpu/detail/refused.h>
#endif

/*
 * For a porter: an error "redefinition" of a function in a line that says UNMARKED means that the
 * port lacks the function's marker (the macro of the same name), or an update's size in
 * PERCPU__UPDATES.
 */
#define PERCPU__UNMARKED PERCPU__INLINE

/* -- The current CPU --------------------------------------------------------------------------- */

#ifndef percpu__relax
PERCPU__UNMARKED void percpu__relax(void)
{
    __asm__ volatile("" : : : "memory");
}
#endif

#ifndef percpu__atomics_work
PERCPU__UNMARKED bool percpu__atomics_work(void)
{
    return true;
}
#endif

#ifdef PERCPU_PLATFORM_BARE
#ifndef percpu__reg_holds
PERCPU__UNMARKED bool percpu__reg_holds(uintptr_t delta)
{
    (void)delta;
    return true;
}
#endif

#ifndef percpu__reg_check
PERCPU__UNMARKED int percpu__reg_check(void)
{
    return 0;
}
#endif

#ifndef percpu__current
PERCPU__UNMARKED uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return (uintptr_t)p + percpu__reg_read();
}
#endif
#endif

#ifndef percpu__address
PERCPU__UNMARKED uintptr_t percpu__address(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return percpu__hide(p);
}
#endif

#ifndef percpu__delta_of
PERCPU__UNMARKED uintptr_t percpu__delta_of(size_t cpu)
{
    return PERCPU__DELTAS[cpu];
}
#endif

/* -- Addresses that reach VMA 0 ---------------------------------------------------------------- */

/*
 * A kernel's image may be too far from VMA 0 for the PC-relative addresses that compilers make.
 * Optimised code has instructions that reach VMA 0 (PERCPU__SYMBOL). In other code the asm text
 * PERCPU__ABSOLUTE, where the architecture has it, makes the address of a constant operand, in a
 * local variable that GCC keeps in a register; any other operand already is the address that the
 * compiler made. The compiler chooses between the constraints "S", of a constant, and "r". Where it
 * would always choose the register, the front end chooses, and PERCPU__ABSOLUTE_CONSTANT is the
 * constraint of a constant.
 */
#if defined(PERCPU__ABSOLUTE) && defined(PERCPU_ZERO_VMA) && !defined(__OPTIMIZE__)
#ifdef PERCPU__ABSOLUTE_CONSTANT
#define PERCPU__REACHED(p, where)                                                                  \
    ((where) == PERCPU__SYMBOL && PERCPU__IS_CONSTANT(PERCPU__PLAIN_POINTER(p))                    \
         ? PERCPU__REACHED_BY(PERCPU__ABSOLUTE_CONSTANT, p)                                        \
         : (const volatile void *)(p))
#else
#define PERCPU__REACHED(p, where) PERCPU__REACHED_BY("Sr", p)
#endif
#undef PERCPU__WHERE
#define PERCPU__WHERE(x) PERCPU__SYMBOL /* or an element: PERCPU__REACHED tells them apart */
#ifdef __cplusplus
#define PERCPU__REGISTER
#else
#define PERCPU__REGISTER register
#endif
/* Operands may contain other operations, which have a variable of the same name: -Wshadow. */
#define PERCPU__REACHED_BY(constraint, p)                                                          \
    (__extension__({                                                                               \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"")              \
            PERCPU__REGISTER uintptr_t percpu__reached;                                            \
        _Pragma("GCC diagnostic pop") __asm__(                                                     \
            PERCPU__ABSOLUTE : "=r"(percpu__reached) : constraint(p));                             \
        (const volatile void *)percpu__reached;                                                    \
    }))
#elif defined(__CHECKER__)
#define PERCPU__REACHED(p, where) ((const volatile void PERCPU__FORCE *)(p))
#else
#define PERCPU__REACHED(p, where) (p)
#endif

/* -- An access to any CPU's copy, by its address ----------------------------------------------- */

/*
 * PERCPU__REMOTE_MAX is the size in bytes of the largest single-copy atomic access. A 32-bit
 * architecture may have an atomic access to 8 bytes (percpu__load_64); programs use the compiler's
 * atomics. Otherwise an access to 8 bytes is two accesses with interrupts masked, which is enough
 * on the CPU whose copy it is; single has no other CPU.
 */
#if UINTPTR_MAX > 0xffffffff || defined(percpu__load_64) || !defined(PERCPU_PLATFORM_BARE)
#define PERCPU__REMOTE_MAX 8
#else
#define PERCPU__REMOTE_MAX 4
#endif

#ifndef percpu__load_64
#if UINTPTR_MAX > 0xffffffff || defined(PERCPU_PLATFORM_BARE)
PERCPU__UNMARKED uint64_t percpu__load_64(uintptr_t address)
{
    return PERCPU__LOAD(percpu__u64, address);
}

PERCPU__UNMARKED void percpu__store_64(uintptr_t address, uint64_t value)
{
    PERCPU__STORE(percpu__u64, address, value);
}
#elif __STDC_HOSTED__
PERCPU__UNMARKED uint64_t percpu__load_64(uintptr_t address)
{
    return __atomic_load_n((const volatile percpu__u64 *)address, __ATOMIC_RELAXED);
}

PERCPU__UNMARKED void percpu__store_64(uintptr_t address, uint64_t value)
{
    __atomic_store_n((volatile percpu__u64 *)address, value, __ATOMIC_RELAXED);
}
#else
PERCPU__UNMARKED uint64_t percpu__load_64(uintptr_t address)
{
    uintptr_t state = percpu__irq_save();
    uint64_t value = *(const volatile percpu__u64 *)address;
    percpu__irq_restore(state);
    return value;
}

PERCPU__UNMARKED void percpu__store_64(uintptr_t address, uint64_t value)
{
    uintptr_t state = percpu__irq_save();
    *(volatile percpu__u64 *)address = value;
    percpu__irq_restore(state);
}
#endif
#endif

PERCPU__INLINE uint64_t percpu__load_from(uintptr_t address, size_t size)
{
    switch (size) {
    case 1: return PERCPU__LOAD(percpu__u8, address);
    case 2: return PERCPU__LOAD(percpu__u16, address);
    case 4: return PERCPU__LOAD(percpu__u32, address);
    default: return percpu__load_64(address);
    }
}

PERCPU__INLINE void percpu__store_to(uintptr_t address, uint64_t bits, size_t size)
{
    switch (size) {
    case 1: PERCPU__STORE(percpu__u8, address, (uint8_t)bits); break;
    case 2: PERCPU__STORE(percpu__u16, address, (uint16_t)bits); break;
    case 4: PERCPU__STORE(percpu__u32, address, (uint32_t)bits); break;
    default: percpu__store_64(address, bits); break;
    }
}

/* -- An access to this CPU's copy -------------------------------------------------------------- */

#ifndef percpu__read_8
#define PERCPU__UNMARKED_READ(bits)                                                                \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        return PERCPU__LOAD(percpu__u##bits, percpu__current(p, where));                           \
    }
PERCPU__UNMARKED_READ(8)
PERCPU__UNMARKED_READ(16)
PERCPU__UNMARKED_READ(32)
#undef PERCPU__UNMARKED_READ
#endif

/* These loads are not volatile: compilers may merge two of them if percpu__current() permits. */
#ifndef percpu__stable_8
#define PERCPU__UNMARKED_STABLE(bits)                                                              \
    PERCPU__INLINE uint##bits##_t percpu__stable_##bits(const volatile void *p,                    \
                                                        enum percpu__where where)                  \
    {                                                                                              \
        return *(const percpu__u##bits *)percpu__current(p, where);                                \
    }
PERCPU__UNMARKED_STABLE(8)
PERCPU__UNMARKED_STABLE(16)
PERCPU__UNMARKED_STABLE(32)
#undef PERCPU__UNMARKED_STABLE
#endif

#ifndef percpu__write_8
#define PERCPU__UNMARKED_WRITE(bits)                                                               \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value,               \
                                             enum percpu__where where)                             \
    {                                                                                              \
        PERCPU__STORE(percpu__u##bits, percpu__current(p, where), value);                          \
    }
PERCPU__UNMARKED_WRITE(8)
PERCPU__UNMARKED_WRITE(16)
PERCPU__UNMARKED_WRITE(32)
#undef PERCPU__UNMARKED_WRITE
#endif

/*
 * Interrupts are masked where two 4-byte accesses stand for one of 8 bytes: none may come between.
 */
PERCPU__INLINE uintptr_t percpu__halves_begin(void)
{
#if defined(percpu__irq_save)
    return PERCPU__REMOTE_MAX < 8 ? percpu__irq_save() : 0;
#else
    return 0;
#endif
}

PERCPU__INLINE void percpu__halves_end(uintptr_t state)
{
    (void)state;
#if defined(percpu__irq_save)
    if (PERCPU__REMOTE_MAX < 8)
        percpu__irq_restore(state);
#endif
}

#ifndef percpu__read_64
PERCPU__UNMARKED uint64_t percpu__read_64(const volatile void *p, enum percpu__where where)
{
    uintptr_t state = percpu__halves_begin();
    uint64_t value = percpu__load_64(percpu__current(p, where));
    percpu__halves_end(state);
    return value;
}
#endif

#ifndef percpu__stable_64
PERCPU__UNMARKED uint64_t percpu__stable_64(const volatile void *p, enum percpu__where where)
{
#if UINTPTR_MAX > 0xffffffff
    return *(const percpu__u64 *)percpu__current(p, where);
#else
    return percpu__read_64(p, where); /* two plain loads may tear */
#endif
}
#endif

#ifndef percpu__write_64
PERCPU__UNMARKED void percpu__write_64(volatile void *p, uint64_t value, enum percpu__where where)
{
    uintptr_t state = percpu__halves_begin();
    percpu__store_64(percpu__current(p, where), value);
    percpu__halves_end(state);
}
#endif

#ifndef PERCPU__ONE_INSTRUCTION
#define PERCPU__ONE_INSTRUCTION(size, where) false
#endif

#ifndef percpu_cpu_id
PERCPU__UNCOUNTED static inline size_t percpu_cpu_id(void)
{
    percpu__debug_current();
    const volatile size_t *cpu = (const volatile size_t *)PERCPU__REACHED(
        PERCPU__VAR(__PERCPU_percpu__head.cpu), PERCPU__SYMBOL);
    const enum percpu__where where = PERCPU__WHERE(__PERCPU_percpu__head.cpu);
    return sizeof(*cpu) == 8 ? (size_t)percpu__read_64(cpu, where)
                             : (size_t)percpu__read_32(cpu, where);
}
#endif

/* -- An update of this CPU's copy -------------------------------------------------------------- */

/*
 * A kernel masks interrupts. In a program, with one thread per area, only signal handlers
 * interrupt, and atomics are enough. For 8 bytes on 32-bit architectures, and for 1 and 2 on riscv,
 * compilers would call libatomic, which a freestanding system does not have.
 */
#if defined(PERCPU_PLATFORM_BARE)
#define PERCPU__UNMARKED_UPDATES PERCPU__UPDATES_BY_MASKING
#else
#define PERCPU__UNMARKED_UPDATES PERCPU__UPDATES_BY_ATOMIC
#endif
#if defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_1) || __STDC_HOSTED__
#define PERCPU__UNMARKED_NARROW_UPDATES PERCPU__UNMARKED_UPDATES
#else
#define PERCPU__UNMARKED_NARROW_UPDATES PERCPU__UPDATES_BY_MASKING
#endif
#if UINTPTR_MAX > 0xffffffff || __STDC_HOSTED__
#define PERCPU__UNMARKED_WIDE_UPDATES PERCPU__UNMARKED_UPDATES
#else
#define PERCPU__UNMARKED_WIDE_UPDATES PERCPU__UPDATES_BY_MASKING
#endif
#if !(PERCPU__UPDATES & 8)
PERCPU__UNMARKED_NARROW_UPDATES(8)
#endif
#if !(PERCPU__UPDATES & 16)
PERCPU__UNMARKED_NARROW_UPDATES(16)
#endif
#if !(PERCPU__UPDATES & 32)
PERCPU__UNMARKED_UPDATES(32)
#endif
#if !(PERCPU__UPDATES & 64)
PERCPU__UNMARKED_WIDE_UPDATES(64)
#endif
