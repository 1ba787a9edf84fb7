/* SPDX-License-Identifier: MIT */
/* bare, thread: which CPUs have areas, where these are, and how they are made. */
#include "areas.h"

#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)

/* The library's own variable marks the template and, in each area, names the area's CPU. */
__attribute__((aligned(PERCPU_CACHE_LINE))) PERCPU_DEFINE(struct percpu__head, percpu__head) = {
    .delta = 0,
    .cpu = PERCPU__NO_CPU,
    .magic = PERCPU__MAGIC,
};

uintptr_t percpu__delta[PERCPU_MAX_CPUS];
size_t percpu__limit; /* the highest CPU number with an area, plus 1; written last */

#ifndef PERCPU_PLATFORM_THREAD
struct percpu__areas percpu__areas[1] = {{.arriving = PERCPU__ABSENT}};
#endif

/* -- One initialises, the others wait ---------------------------------------------------------- */

#ifdef PERCPU_PLATFORM_THREAD

int percpu__init_enter(void)
{
    if (!percpu__is_forking(&percpu__areas->lock))
        percpu__lock_take(&percpu__areas->lock);
    return percpu__areas->state;
}

void percpu__init_leave(int next)
{
    percpu__areas->state = next;
    if (!percpu__is_forking(&percpu__areas->lock))
        percpu__lock_give(&percpu__areas->lock);
}

void percpu__areas_before_fork(void)
{
    if (percpu__fork_must_take(&percpu__areas->lock))
        (void)percpu__lock_take_for_fork(&percpu__areas->lock);
}

void percpu__areas_after_fork(void)
{
    if (percpu__has_lock(&percpu__areas->lock) && percpu__fork_must_give(&percpu__areas->lock))
        percpu__lock_give(&percpu__areas->lock);
}

/* Nobody has the lock in a child that was made without it. */
void percpu__areas_in_child(void)
{
    if (percpu__has_lock(&percpu__areas->lock))
        percpu__areas_after_fork();
    else
        percpu__areas->lock = (struct percpu__fork_lock){0};
}

#else

static bool try_start(int seen)
{
    if (percpu__atomics_work())
        return __atomic_compare_exchange_n(&percpu__areas->state, &seen, STARTING, false,
                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    /* Before caches are on, where atomics do not work, the caller is alone: percpu.h. */
    __atomic_store_n(&percpu__areas->state, STARTING, __ATOMIC_RELAXED);
    return true;
}

int percpu__init_enter(void)
{
    for (;;) {
        int seen = __atomic_load_n(&percpu__areas->state, __ATOMIC_RELAXED);
        if (seen != STARTING && try_start(seen))
            return seen;
        percpu__wait();
    }
}

void percpu__init_leave(int next)
{
    __atomic_store_n(&percpu__areas->state, next, __ATOMIC_RELEASE);
}

#endif

struct percpu_layout percpu_area_layout_expected_with(size_t cpu_count, size_t room)
{
    struct percpu_layout needed = {0, 0};
    size_t size, each = percpu__stride_with(room);
    if (cpu_count == 0 || each == 0 || __builtin_mul_overflow(each, cpu_count, &size) ||
        size > SIZE_MAX - percpu__align_with(room))
        return needed;
    needed.size = size;
    needed.align = percpu__align_with(room);
    return needed;
}

/* -- Making areas ------------------------------------------------------------------------------ */

/* May `count` areas lie at base? 0 or a negative error. */
static int check_memory(uintptr_t base, size_t count, size_t room)
{
    struct percpu_layout needed = percpu_area_layout_expected_with(count, room);
    uintptr_t end;

    if (base == 0)
        return -PERCPU_ENULL;
    if (count == 0)
        return -PERCPU_ECOUNT;
    if (needed.size == 0 || __builtin_add_overflow(base, needed.size, &end))
        return -PERCPU_EOVERFLOW;
    if (count > percpu__max_cpus())
        return -PERCPU_ECOUNT;
    if (base & (needed.align - 1))
        return -PERCPU_EALIGN;
#ifdef PERCPU_PLATFORM_THREAD
    if (percpu__areas->modules)
        return -PERCPU_EMODULE;
#endif
    if (percpu__overlaps_owner(base, end))
        return -PERCPU_EOVERLAP;
    return 0;
}

static int check_deltas(uintptr_t base, size_t count, size_t each)
{
    for (size_t i = 0; i < count; i++)
        if (!percpu__delta_fits(base + i * each - percpu__owner_start()))
            return -PERCPU_EDELTA;
    return 0;
}

/* `fresh` memory comes from the system and holds zeros. */
static void make_area(size_t cpu, uintptr_t base, bool fresh)
{
    uintptr_t delta = base - percpu__owner_start();
    struct percpu__head *head = percpu__head_at(delta);

    if (percpu__areas->reserve != 0 && !fresh)
        percpu__zero(base + percpu__reserve_offset(), percpu__stride() - percpu__reserve_offset());
#ifdef PERCPU_PLATFORM_THREAD
    percpu__areas->owner.copy(base);
#else
    percpu__template_copy(base);
#endif
    head->delta = delta;
    head->cpu = cpu;
    head->up = 0; /* may be 1 in a template that is CPU 0's area, and was used before */
    __atomic_store_n(&PERCPU__DELTAS[cpu], delta, __ATOMIC_RELEASE);
}

/* In place: one CPU's share of the memory. */
struct slot {
    size_t room, module_room, align, stride;
};

static struct slot slot_with(size_t room)
{
    struct slot slot = {room, percpu__module_room(room), percpu__align_with(room), 0};

    if (slot.module_room != 0 && slot.align < PERCPU__MODULE_ALIGN)
        slot.align = PERCPU__MODULE_ALIGN;
    slot.module_room = (slot.module_room + slot.align - 1) & ~(slot.align - 1);
    slot.stride =
        (slot.module_room + percpu__stride_with(room) + slot.align - 1) & ~(slot.align - 1);
    return slot;
}

/* Takes memory in place; halves the room for objects until the system has enough. 0 or an error. */
static int take_slots(size_t count, struct slot *slot, uintptr_t *base)
{
    int error;

    for (size_t room = percpu__slots_reserve();; room /= 2) {
        *slot = slot_with(room);
        error = percpu__slots_take(count, slot->stride, slot->align, base);
        if (!error)
            *base += slot->module_room;
        if (error != -PERCPU_ENOMEM || room == 0)
            return error;
    }
}

/*
 * Initialises all areas, in place (base and count are 0) or in the caller's memory. Returns as
 * percpu_init().
 */
static int init_areas(bool in_place, uintptr_t base, size_t count, size_t room)
{
    struct slot slot = {room, 0, 0, percpu__stride_with(room)};
    int error;

    if (percpu__init_enter() == READY) {
        percpu__init_leave(READY);
#ifdef PERCPU_DEBUG
        if (percpu__areas->first_base != base || percpu__areas->first_count != count)
            percpu__report("percpu: a second percpu_init*() with other arguments changes nothing");
#endif
        return 0;
    }

    error = percpu__template_check();
    if (!error && in_place) {
        count = percpu__slots();
        error = take_slots(count, &slot, &base);
    } else if (!error) {
        error = check_memory(base, count, room);
    }
    if (!error) {
        error = check_deltas(base, count, slot.stride);
        if (error && in_place)
            percpu__slots_give_back();
    }
    if (error) {
        percpu__init_leave(IDLE);
        return error;
    }

    percpu__areas->reserve = slot.room;
    percpu__areas->module_room = slot.module_room;
    percpu__areas->reserve_state =
        in_place && PERCPU__SLOTS_FRESH ? RESERVE_UNUSED : RESERVE_ASKED_FOR;
    for (size_t cpu = 0; cpu < count; cpu++)
        make_area(cpu, base + cpu * slot.stride, in_place && PERCPU__SLOTS_FRESH);
#ifdef PERCPU_PLATFORM_THREAD
    for (const struct percpu__module *m = percpu__areas->modules; m; m = m->next)
        for (size_t cpu = 0; cpu < count; cpu++)
            percpu__make_variables(m, cpu);
#endif
#if defined(PERCPU_DEBUG) || defined(PERCPU_PLATFORM_THREAD) /* another module may be debug */
    percpu__areas->first_base = in_place ? 0 : base;
    percpu__areas->first_count = in_place ? 0 : count;
#endif
    percpu__areas->count = count;
    __atomic_store_n(&PERCPU__LIMIT, count, __ATOMIC_RELEASE);
    percpu__init_leave(READY);
    return (int)count;
}

int percpu_init_in_place(void)
{
    return init_areas(true, 0, 0, 0);
}

int percpu_init_with(void *base, size_t cpu_count, size_t room)
{
    return init_areas(false, (uintptr_t)base, cpu_count, room);
}

bool percpu__areas_overlap(uintptr_t base, uintptr_t end)
{
    if (percpu__overlaps_owner(base, end))
        return true;
    for (size_t cpu = 0; cpu < PERCPU__LIMIT; cpu++)
        if (percpu__has_area(cpu) &&
            percpu__overlap(base, end, percpu__area_of(cpu) - percpu__areas->module_room,
                            percpu__area_of(cpu) + percpu__stride()))
            return true;
    return false;
}

/* Checks for a CPU that is added when others have areas. */
static int check_late(uintptr_t base, size_t room)
{
    uintptr_t end = base + percpu__stride_with(room);

    if (percpu__areas_overlap(base, end))
        return -PERCPU_EOVERLAP;
    if (room < percpu__areas->reserve && !percpu__reserve_becomes(RESERVE_GONE))
        return -PERCPU_ERESERVE;
    /*
     * A store, then a load, both SEQ_CST, as in query.c: either this CPU sees the hooks, or the CPU
     * that allocates sees `arriving`.
     */
    __atomic_store_n(&percpu__areas->arriving, base - percpu__owner_start(), __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&percpu__areas->hooks, __ATOMIC_SEQ_CST))
        return percpu__areas->hooks->new_area(base - percpu__owner_start(), base, end);
    return 0;
}

int percpu_init_cpu_with(size_t cpu, void *memory, size_t room)
{
    uintptr_t base = (uintptr_t)memory;
    int error = 0;
    int state = percpu__init_enter();

    if (state == READY && percpu__has_area(cpu)) {
        percpu__init_leave(state);
        return 0;
    }
    if (cpu >= percpu__max_cpus())
        error = -PERCPU_ERANGE;
    if (!error && state == IDLE)
        error = percpu__template_check();
    if (!error)
        error = check_memory(base, 1, room);
    if (!error)
        error = check_deltas(base, 1, 0);
    if (!error && state == READY)
        error = check_late(base, room);
    if (error) {
        __atomic_store_n(&percpu__areas->arriving, PERCPU__ABSENT, __ATOMIC_RELEASE);
        percpu__init_leave(state);
        return error;
    }

    if (state == IDLE)
        percpu__areas->reserve = room;
    else if (room < percpu__areas->reserve)
        percpu__areas->reserve = 0;
    percpu__areas->module_room = 0; /* this CPU has no room for other modules */
    for (size_t gap = PERCPU__LIMIT; gap < cpu; gap++)
        PERCPU__DELTAS[gap] = PERCPU__ABSENT;
    make_area(cpu, base, false);
    percpu__areas->count++;
    if (cpu >= PERCPU__LIMIT)
        __atomic_store_n(&PERCPU__LIMIT, cpu + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&percpu__areas->arriving, PERCPU__ABSENT, __ATOMIC_RELEASE);
    percpu__init_leave(READY);
    return 1;
}

int percpu_fini(void)
{
    int state = percpu__init_enter();
    int error = state == READY ? percpu__reg_release_all() : -PERCPU_ENOTINIT;

    if (error) {
        percpu__init_leave(state);
        return error;
    }
    if (percpu__areas->hooks)
        percpu__areas->hooks->fini();
    __atomic_store_n(&PERCPU__LIMIT, 0, __ATOMIC_RELEASE);
    percpu__areas->count = 0;
    percpu__slots_give_back();
    percpu__reg_reopen();
    percpu__init_leave(IDLE);
    return 0;
}

/* -- The register ------------------------------------------------------------------------------ */

int percpu_init_reg(size_t cpu)
{
    int error;

    do {
        if (__atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE) == 0)
            return -PERCPU_ENOTINIT;
        if (!percpu__has_area(cpu))
            return -PERCPU_ERANGE;
        error = percpu__reg_claim(cpu, PERCPU__DELTAS[cpu]);
    } while (error == PERCPU__CLAIM_AGAIN);
    /* Before caches are on an "up" mark may be lost: percpu.h says who calls percpu_up() then. */
    return error || !percpu__atomics_work() ? error : percpu_up();
}

/* -- Questions --------------------------------------------------------------------------------- */

size_t percpu_area_num(void)
{
    return __atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE) != 0 ? percpu__areas->count
                                                                  : percpu__slots();
}

size_t percpu_area_size(void)
{
    return percpu__owner_size();
}

uintptr_t percpu_area_base(size_t cpu)
{
    return percpu__has_area(cpu) ? percpu__area_of(cpu) : 0;
}

uintptr_t percpu__offset(uintptr_t vma)
{
    return (uintptr_t)PERCPU__VAR(*(const char *)vma) - percpu__owner_start();
}

void percpu__check_current(void)
{
    if (__atomic_load_n(&PERCPU__LIMIT, __ATOMIC_ACQUIRE) == 0)
        percpu__report("percpu: access before percpu_init() or percpu_init_in_place()");
    else if (!percpu__reg_valid())
        percpu__report("percpu: access on a CPU (or thread) that has not called percpu_init_reg()");
}

#endif
