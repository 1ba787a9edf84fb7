/* SPDX-License-Identifier: MIT */
/* Operations on other CPUs' copies: <percpu/remote.h>. */
#include "internal.h"

/* -- Sums -------------------------------------------------------------------------------------- */

void percpu__sum_words(const volatile void *p, size_t n, size_t room, uint64_t *out)
{
    if (n > room) {
#ifdef PERCPU_DEBUG
        percpu__report("percpu: percpu_sum_words(): the variable has fewer words of 64 bits");
#endif
        __builtin_trap();
    }
    for (size_t i = 0; i < n; i++)
        out[i] = 0;
    percpu_for_each(cpu) {
        uintptr_t copy = percpu__copy_on((uintptr_t)p, cpu);

        for (size_t i = 0; i < n; i++)
            out[i] += percpu__load_64(copy + i * sizeof(*out));
    }
}

uint64_t percpu__take_sum(const volatile void *p, size_t size, void *base)
{
    uint64_t taken = percpu__bits(base, size), sum = percpu__sum(p, size);

    percpu__set_bits(base, sum, size);
    return sum - taken;
}

/* -- Bits -------------------------------------------------------------------------------------- */

struct change {
    volatile void *p;
    uint64_t bits;
    size_t size;
    bool is_and;
};

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_THREAD)

#define CHANGE(bits_of)                                                                            \
    do {                                                                                           \
        volatile percpu__u##bits_of *copy = (volatile percpu__u##bits_of *)address;                \
        if (change->is_and)                                                                        \
            __atomic_fetch_and(copy, (uint##bits_of##_t)change->bits, __ATOMIC_RELAXED);           \
        else                                                                                       \
            __atomic_fetch_or(copy, (uint##bits_of##_t)change->bits, __ATOMIC_RELAXED);            \
    } while (0)

/* Returns whether the copy differed. */
static bool is_without(const struct change *change, uintptr_t address)
{
    uint64_t now = percpu__load_from(address, change->size);
    uint64_t wrong = change->is_and ? now & ~change->bits : ~now & change->bits;

    return wrong << (64 - 8 * change->size) != 0;
}

static void make(const struct change *change, size_t cpu)
{
    uintptr_t address = percpu__copy_on((uintptr_t)change->p, cpu);

    switch (change->size) {
    case 1: CHANGE(8); break;
    case 2: CHANGE(16); break;
    case 4: CHANGE(32); break;
    default: CHANGE(64); break;
    }
}

/* -PERCPU_ESYS says that nothing has changed, which no longer holds. */
static int fence_again(int error)
{
    if (error != 0)
        percpu__report("percpu: membarrier(2) worked before and fails now: another CPU's copy may "
                       "be without a change of its bits");
    return error;
}

/*
 * An update in progress may overwrite the change with what it made of the value that it had read.
 * After the fence it has done so or reads again, so that a change that is still there stays. The
 * fence before the change makes what the caller wrote visible to whoever sees the change, without a
 * barrier of theirs.
 */
static int on_one(const struct change *change, size_t cpu)
{
    int error = percpu_fence_cpu(cpu);

    if (error != 0)
        return error;
    do {
        make(change, cpu);
        error = fence_again(percpu_fence_cpu(cpu));
    } while (error == 0 && is_without(change, percpu__copy_on((uintptr_t)change->p, cpu)));
    return error;
}

static int on_all(const struct change *change)
{
    int error = percpu_fence();
    bool again = true;

    if (error != 0)
        return error;
    percpu_for_each(cpu) {
        make(change, cpu);
    }
    while (again) {
        error = fence_again(percpu_fence());
        again = false;
        percpu_for_each(cpu) {
            if (error == 0 && is_without(change, percpu__copy_on((uintptr_t)change->p, cpu))) {
                make(change, cpu);
                again = true;
            }
        }
    }
    return error;
}

#elif defined(PERCPU_PLATFORM_SINGLE)

static int on_one(const struct change *change, size_t cpu)
{
    if (cpu != 0)
        return -PERCPU_ERANGE;
    if (change->is_and)
        percpu__bit_and(change->p, change->bits, change->size, PERCPU__POINTER);
    else
        percpu__bit_or(change->p, change->bits, change->size, PERCPU__POINTER);
    percpu__barrier();
    return 0;
}

static int on_all(const struct change *change)
{
    return on_one(change, 0);
}

#elif defined(PERCPU_CALL)

struct change_on {
    const struct change *change;
    uintptr_t copy;
};

/*
 * On the CPU whose copy it is the change is an update, as an interrupt handler's. When that CPU is
 * down the function runs on another one, and nobody else changes the copy.
 */
static void make(void *arg)
{
    const struct change_on *on = arg;
    const struct change *change = on->change;

    if (percpu__current_ptr(change->p, PERCPU__POINTER) != on->copy) {
        uint64_t old = percpu__load_from(on->copy, change->size);

        percpu__store_to(on->copy, change->is_and ? old & change->bits : old | change->bits,
                         change->size);
    } else if (change->is_and) {
        percpu__bit_and(change->p, change->bits, change->size, PERCPU__POINTER);
    } else {
        percpu__bit_or(change->p, change->bits, change->size, PERCPU__POINTER);
    }
}

static int on_one(const struct change *change, size_t cpu)
{
    struct change_on on = {change, percpu__remote(change->p, PERCPU__POINTER, cpu)};

    return percpu__on_cpu(cpu, make, &on);
}

static int on_all(const struct change *change)
{
    percpu_for_each(cpu) {
        (void)on_one(change, cpu);
    }
    return 0;
}

#endif

#if !defined(PERCPU_PLATFORM_BARE) || defined(PERCPU_CALL)

int percpu__remote_or(volatile void *p, uint64_t bits, size_t size, size_t cpu)
{
    return on_one(&(struct change){p, bits, size, false}, cpu);
}

int percpu__remote_and(volatile void *p, uint64_t bits, size_t size, size_t cpu)
{
    return on_one(&(struct change){p, bits, size, true}, cpu);
}

int percpu__or_all(volatile void *p, uint64_t bits, size_t size)
{
    return on_all(&(struct change){p, bits, size, false});
}

int percpu__and_all(volatile void *p, uint64_t bits, size_t size)
{
    return on_all(&(struct change){p, bits, size, true});
}

#endif
