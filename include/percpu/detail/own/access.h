/* SPDX-License-Identifier: MIT */
/*
 * PERCPU_OWN_REGISTER: accesses to the current CPU's copy. The library cannot know how many
 * instructions the kernel's functions are, so interrupts are off from the read of the register to
 * the access: neither a handler nor a migration comes between.
 */

#define PERCPU__OWN_ACCESS(bits)                                                                   \
    PERCPU__INLINE uint##bits##_t percpu__read_##bits(const volatile void *p,                      \
                                                      enum percpu__where where)                    \
    {                                                                                              \
        (void)where;                                                                               \
        uintptr_t state = percpu__irq_save();                                                      \
        uintptr_t copy = percpu__hide(p) + percpu__reg_read();                                     \
        uint##bits##_t value = *(const volatile percpu__u##bits *)copy;                            \
        percpu__irq_restore(state);                                                                \
        return value;                                                                              \
    }                                                                                              \
    PERCPU__INLINE uint##bits##_t percpu__stable_##bits(const volatile void *p,                    \
                                                        enum percpu__where where)                  \
    {                                                                                              \
        return percpu__read_##bits(p, where);                                                      \
    }                                                                                              \
    PERCPU__INLINE void percpu__write_##bits(volatile void *p, uint##bits##_t value,               \
                                             enum percpu__where where)                             \
    {                                                                                              \
        (void)where;                                                                               \
        uintptr_t state = percpu__irq_save();                                                      \
        uintptr_t copy = percpu__hide(p) + percpu__reg_read();                                     \
        *(volatile percpu__u##bits *)copy = value;                                                 \
        percpu__irq_restore(state);                                                                \
    }
PERCPU__OWN_ACCESS(8)
PERCPU__OWN_ACCESS(16)
PERCPU__OWN_ACCESS(32)
PERCPU__OWN_ACCESS(64)
#define percpu__read_8 percpu__read_8
#define percpu__stable_8 percpu__stable_8
#define percpu__read_64 percpu__read_64
#define percpu__stable_64 percpu__stable_64
#define percpu__write_8 percpu__write_8
#define percpu__write_64 percpu__write_64
#define PERCPU__ONE_INSTRUCTION(size, where) true /* interrupts are off */

PERCPU__INLINE uintptr_t percpu__current(const volatile void *p, enum percpu__where where)
{
    (void)where;
    return percpu__hide(p) + percpu__reg_read();
}
#define percpu__current percpu__current
