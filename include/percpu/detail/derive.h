/* SPDX-License-Identifier: MIT */
/* What a port need not provide: the bodies of port.h that it has not marked. */
#ifndef PERCPU_DETAIL_DERIVE_H
#define PERCPU_DETAIL_DERIVE_H

/* -- Is the port complete? --------------------------------------------------------------------- */

#if defined(PERCPU_PLATFORM_BARE) && !defined(percpu__reg_read)
#error "percpu: this port has no percpu__reg_read(), or not its marker: docs/porting-to.md"
#define PERCPU__REFUSED 1
#endif
#if defined(PERCPU_PLATFORM_BARE) && !defined(percpu__reg_write)
#error "percpu: this port has no percpu__reg_write(), or not its marker: docs/porting-to.md"
#define PERCPU__REFUSED 1
#endif
#if !defined(PERCPU_PLATFORM_THREAD) && !defined(PERCPU_PLATFORM_RSEQ) && !defined(percpu__irq_save)
#error "percpu: this port has no percpu__irq_save(), or not its marker: docs/porting-to.md"
#define PERCPU__REFUSED 1
#endif
#if defined(percpu__irq_save) && !defined(percpu__irq_restore)
#error "percpu: this port has no percpu__irq_restore(), or not its marker: docs/porting-to.md"
#define PERCPU__REFUSED 1
#endif
#if defined(PERCPU_RESTART) && !defined(PERCPU__SEQUENCES) && !defined(PERCPU__ARCH_USER_REGISTER)
#error                                                                                             \
    "percpu: PERCPU_RESTART: this port has neither sequences nor updates of one instruction: docs/porting-to.md"
#define PERCPU__REFUSED 1
#endif
#ifdef PERCPU__REFUSED
#include <percpu/detail/refused.h>
#endif

/* -- The current CPU --------------------------------------------------------------------------- */

#ifndef percpu__relax
PERCPU__INLINE void percpu__relax(void)
{
    __asm__ volatile("" : : : "memory");
}
#endif

#ifndef percpu__atomics_work
PERCPU__INLINE bool percpu__atomics_work(void)
{
    return true;
}
#endif

#ifdef PERCPU_PLATFORM_BARE
#ifndef percpu__reg_holds
PERCPU__INLINE bool percpu__reg_holds(uintptr_t delta)
{
    (void)delta;
    return true;
}
#endif

#ifndef percpu__reg_check
PERCPU__INLINE int percpu__reg_check(void)
{
    return 0;
}
#endif

#ifndef percpu__current
PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return (uintptr_t)p + percpu__reg_read();
}
#endif
#endif

#ifndef percpu__address
PERCPU__INLINE uintptr_t percpu__address(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return percpu__hide(p);
}
#endif

#ifndef percpu__delta_of
PERCPU__INLINE uintptr_t percpu__delta_of(size_t cpu)
{
    return PERCPU__DELTAS[cpu];
}
#endif

/* -- An access to any CPU's copy, by its address ----------------------------------------------- */

/*
 * PERCPU__REMOTE_MAX is the size of the largest access that is one. A narrow architecture may have
 * one of 8 bytes; a program's compiler knows; in a kernel two that nothing can come between stand
 * for it, on the same CPU only.
 */
#if UINTPTR_MAX > 0xffffffff || defined(percpu__load_64) || __STDC_HOSTED__
#define PERCPU__REMOTE_MAX 8
#else
#define PERCPU__REMOTE_MAX 4
#endif

#ifndef percpu__load_64
PERCPU__INLINE uint64_t percpu__load_64(uintptr_t address)
{
#if UINTPTR_MAX > 0xffffffff || !__STDC_HOSTED__
    return *(const volatile percpu__u64 *)address;
#else
    return __atomic_load_n((const volatile percpu__u64 *)address, __ATOMIC_RELAXED);
#endif
}

PERCPU__INLINE void percpu__store_64(uintptr_t address, uint64_t value)
{
#if UINTPTR_MAX > 0xffffffff || !__STDC_HOSTED__
    *(volatile percpu__u64 *)address = value;
#else
    __atomic_store_n((volatile percpu__u64 *)address, value, __ATOMIC_RELAXED);
#endif
}
#endif

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

/* -- An access to this CPU's copy -------------------------------------------------------------- */

#ifndef percpu__read_8
#define PERCPU__DERIVE_READ(bits)                                                                  \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        return *(const volatile percpu__u##bits *)percpu__current(p, where);                       \
    }
PERCPU__DERIVE_READ(8)
PERCPU__DERIVE_READ(16)
PERCPU__DERIVE_READ(32)
#undef PERCPU__DERIVE_READ
#endif

#ifndef percpu__write_8
#define PERCPU__DERIVE_WRITE(bits)                                                                 \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value,               \
                                             enum percpu__where where)                             \
    {                                                                                              \
        *(volatile percpu__u##bits *)percpu__current(p, where) = value;                            \
    }
PERCPU__DERIVE_WRITE(8)
PERCPU__DERIVE_WRITE(16)
PERCPU__DERIVE_WRITE(32)
#undef PERCPU__DERIVE_WRITE
#endif

/* An interrupt may come between two halves. */
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
PERCPU__INLINE uint64_t percpu__read_64(const volatile void *p, enum percpu__where where)
{
    uintptr_t state = percpu__halves_begin();
    uint64_t value = percpu__load_64(percpu__current(p, where));
    percpu__halves_end(state);
    return value;
}
#endif

#ifndef percpu__write_64
PERCPU__INLINE void percpu__write_64(volatile void *p, uint64_t value, enum percpu__where where)
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
static inline size_t percpu_cpu_id(void)
{
    percpu__debug_current();
    const volatile size_t *cpu = PERCPU__VAR(__PERCPU_percpu__head.cpu);
    const enum percpu__where where = PERCPU__WHERE(__PERCPU_percpu__head.cpu);
    return sizeof(*cpu) == 8 ? (size_t)percpu__read_64(cpu, where)
                             : (size_t)percpu__read_32(cpu, where);
}
#endif

/* -- An update of this CPU's copy -------------------------------------------------------------- */

/*
 * A kernel can mask interrupts; in a program, of one thread per area, there are signals. For 8 bytes
 * on a narrow architecture compilers would call libatomic, which a freestanding system does not have.
 */
#if defined(PERCPU_PLATFORM_BARE)
#define PERCPU__DERIVE_UPDATES PERCPU__UPDATES_BY_MASKING
#else
#define PERCPU__DERIVE_UPDATES PERCPU__UPDATES_BY_ATOMIC
#endif
#if UINTPTR_MAX > 0xffffffff || __STDC_HOSTED__
#define PERCPU__DERIVE_WIDE_UPDATES PERCPU__DERIVE_UPDATES
#else
#define PERCPU__DERIVE_WIDE_UPDATES PERCPU__UPDATES_BY_MASKING
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
PERCPU__DERIVE_WIDE_UPDATES(64)
#endif

#endif
