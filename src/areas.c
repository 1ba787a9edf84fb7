/* SPDX-License-Identifier: MIT */
/* The areas: who has one, where, and how they come to be. Not on single, which has none. */
#include "internal.h"
#include "platform/modules.h"
#ifdef PERCPU_PLATFORM_THREAD
#include "fork.h"
#endif

#if !defined(PERCPU_PLATFORM_SINGLE) && !defined(PERCPU_PLATFORM_RSEQ)

/* The library's own variable. It marks the template and, in each area, says whose area it is. */
__attribute__((aligned(PERCPU_CACHE_LINE))) PERCPU_DEFINE(struct percpu__head, percpu__head) = {
    .delta = 0,
    .cpu = PERCPU__NO_CPU,
    .magic = PERCPU__MAGIC,
};

uintptr_t percpu__delta[PERCPU_MAX_CPUS];
size_t percpu__limit; /* the highest CPU number with an area, plus 1; written last */

static size_t area_count;

/* Dynamic memory: bytes of each area beyond the template, which every area has. */
static size_t reserve;
/* thread, in place: nobody asked for it; until it is used, it goes when a CPU comes without. */
enum { ASKED_FOR, UNUSED, USED, GONE };
static int reserve_is;
static const struct percpu__alloc_hooks *alloc_hooks;

/* The delta of a CPU that comes late, from before it asks for hooks until its area is published. */
static uintptr_t coming = PERCPU__ABSENT;

/* thread, in place: bytes before each area for variables of other modules. */
static size_t before;

#ifdef PERCPU_PLATFORM_THREAD
/* Any module of a process may call: the owner's areas.c answers. */
#define OF_THE_PROCESS(call) percpu__areas->call

/* Multiples of this stay between two areas: what variables of other modules may be aligned to. */
#define MODULE_ALIGN ((size_t)1 << (sizeof(uintptr_t) == 8 ? 21 : 16))

static const struct percpu__module *modules; /* the others */
static size_t modules_size;                  /* bytes that they take before each area */
#else
#define OF_THE_PROCESS(call) call
#define MODULE_ALIGN ((size_t)1)
static const void *const modules;
#endif

#ifdef PERCPU_DEBUG
/* What the first percpu_init*() was called with, for the report of a second one. */
static uintptr_t first_base;
static size_t first_count;
#endif

/* -- One initialises, the others wait --------------------------------------------------- */

#ifdef PERCPU_PLATFORM_THREAD

enum { IDLE, READY };
static int state = IDLE;
static struct percpu__fork_lock fork_lock;

/* Returns IDLE or READY, what it was; the caller has it to itself. */
static int lock(void)
{
    if (!percpu__is_forking(&fork_lock))
        percpu__lock_take(&fork_lock);
    return state;
}

static void unlock(int next)
{
    state = next;
    if (!percpu__is_forking(&fork_lock))
        percpu__lock_give(&fork_lock);
}

static void before_fork(void)
{
    if (percpu__fork_begins(&fork_lock)) {
        percpu__lock_take(&fork_lock);
        fork_lock.is_forking = true;
    }
}

static void after_fork(void)
{
    if (percpu__fork_ends(&fork_lock))
        percpu__lock_give(&fork_lock);
}

#else

enum { IDLE, BUSY, READY };
static int state = IDLE;

static bool take(int seen)
{
    if (percpu__atomics_work())
        return __atomic_compare_exchange_n(&state, &seen, BUSY, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED);
    __atomic_store_n(&state, BUSY, __ATOMIC_RELAXED); /* the caller is alone: see percpu.h */
    return true;
}

static int lock(void)
{
    for (;;) {
        int seen = __atomic_load_n(&state, __ATOMIC_RELAXED);
        if (seen != BUSY && take(seen))
            return seen;
        percpu__wait();
    }
}

static void unlock(int next)
{
    __atomic_store_n(&state, next, __ATOMIC_RELEASE);
}

#endif

/* -- Arithmetic -------------------------------------------------------------------------- */

enum { RESERVE_ALIGN = 4096 };

static size_t align_with(size_t room)
{
    size_t align = percpu__template_align();
    return room != 0 && align < RESERVE_ALIGN ? RESERVE_ALIGN : align;
}

/* Where objects begin in an area: not in a cache line of variables. */
static size_t reserve_offset(void)
{
    return (percpu__template_size() + PERCPU_CACHE_LINE - 1) & ~(size_t)(PERCPU_CACHE_LINE - 1);
}

/* Of areas with this much for objects; 0: it does not fit the address space. */
static size_t stride_with(size_t room)
{
    size_t align = align_with(room), size = room != 0 ? reserve_offset() : percpu__template_size();

    if (__builtin_add_overflow(size, room, &size) || size > SIZE_MAX - align)
        return 0;
    return (size + align - 1) & ~(align - 1);
}

static size_t stride(void)
{
    return stride_with(reserve);
}

static uintptr_t area_of(size_t cpu)
{
    return percpu__template_start() + percpu__delta[cpu];
}

static bool has_area(size_t cpu)
{
    return cpu < __atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&percpu__delta[cpu], __ATOMIC_ACQUIRE) != PERCPU__ABSENT;
}

static struct percpu_layout layout(size_t cpu_count, size_t room)
{
    struct percpu_layout needed = {0, 0};
    size_t size, each = stride_with(room);
    if (cpu_count == 0 || each == 0 || __builtin_mul_overflow(each, cpu_count, &size) ||
        size > SIZE_MAX - align_with(room))
        return needed;
    needed.size = size;
    needed.align = align_with(room);
    return needed;
}

struct percpu_layout percpu_area_layout_expected_with(size_t cpu_count, size_t room)
{
    return OF_THE_PROCESS(layout)(cpu_count, room);
}

struct percpu_layout percpu_area_layout_expected(size_t cpu_count)
{
    return percpu_area_layout_expected_with(cpu_count, 0);
}

/* -- Other modules ------------------------------------------------------------------------ */

#ifdef PERCPU_PLATFORM_THREAD

/* Of linkers: where our module is loaded. */
extern const char __ehdr_start[] PERCPU__HIDDEN __attribute__((weak));

/*
 * Their places are below our template, so that no per-CPU pointer depends on how much memory there
 * is for objects; and below all of our module, so that an access by a register that was not set
 * does not reach it. None may be 0: where the module lies low they are below 0.
 */
static size_t modules_begin(void)
{
    uintptr_t start = percpu__template_start(), low = (uintptr_t)__ehdr_start;
    return low < percpu__slots_reserve() ? start + RESERVE_ALIGN : start - low;
}

/* In place, bytes needed before each area: for modules that are there, and for later ones. */
static size_t before_with(size_t room)
{
    size_t size = room != 0 ? modules_begin() + room / 4 : 0;

    return size < modules_size ? modules_size : size;
}

static void make_variables(const struct percpu__module *m, size_t cpu)
{
    uintptr_t delta = percpu__delta[cpu];
    struct percpu__head *head = (struct percpu__head *)(m->head - m->start + m->first + delta);

    m->copy(m->first + delta);
    head->delta = delta;
    head->cpu = cpu;
}

/* Called by its constructor: what cannot be had ends the process. */
static void add_module(struct percpu__module *m)
{
    size_t align = m->align > RESERVE_ALIGN ? m->align : RESERVE_ALIGN, size;
    uintptr_t start = percpu__template_start();
    int was;

    if (align > MODULE_ALIGN)
        percpu__refuse(m->name, "its segments have a larger alignment than 2 MiB (32-bit: 64 KiB)");
    was = lock();
    size = (modules ? modules_size : modules_begin()) + m->size;
    /* Addresses keep their distance to a boundary, and with it every alignment. */
    size += (-m->start - size) & (align - 1);
    if ((was == READY && size > before) || (size >= start && size - m->size < start))
        percpu__refuse(
            m->name,
            "no room for its per-CPU variables: only percpu_init_in_place() leaves some for "
            "modules that come later; those that came before get what they need");
    m->first = start - size;
    m->next = modules;
    modules_size = size;
    for (size_t cpu = 0; was == READY && cpu < percpu__limit; cpu++)
        make_variables(m, cpu);
    __atomic_store_n(&modules, m, __ATOMIC_RELEASE);
    unlock(was);
}

static uintptr_t initial_of(uintptr_t p)
{
    if (p - percpu__template_start() < percpu__template_size())
        return p;
    for (const struct percpu__module *m = __atomic_load_n(&modules, __ATOMIC_ACQUIRE); m;
         m = m->next)
        if (p - m->first < m->size)
            return p - m->first + m->start;
    return 0;
}

#else
static size_t before_with(size_t room)
{
    (void)room;
    return 0;
}
#endif

/* -- Making areas ------------------------------------------------------------------------- */

static bool overlap(uintptr_t a, uintptr_t a_end, uintptr_t b, uintptr_t b_end)
{
    return a < b_end && b < a_end;
}

/* May `count` areas lie at base? 0 or a negative error. */
static int check_memory(uintptr_t base, size_t count, size_t room)
{
    struct percpu_layout needed = layout(count, room);
    uintptr_t end, image, image_end;

    if (base == 0)
        return -PERCPU_ENULL;
    if (count == 0)
        return -PERCPU_ECOUNT;
    if (needed.size == 0 || __builtin_add_overflow(base, needed.size, &end))
        return -PERCPU_EOVERFLOW;
    if (count > PERCPU_MAX_CPUS)
        return -PERCPU_ECOUNT;
    if (base & (needed.align - 1))
        return -PERCPU_EALIGN;
    if (modules)
        return -PERCPU_EMODULE;
    percpu__template_image(&image, &image_end);
    if (overlap(base, end, image, image_end))
        return -PERCPU_EOVERLAP;
    return 0;
}

static int check_deltas(uintptr_t base, size_t count, size_t each)
{
    for (size_t i = 0; i < count; i++)
        if (!percpu__delta_fits(base + i * each - percpu__template_start()))
            return -PERCPU_EDELTA;
    return 0;
}

/* Memory fresh from the system holds zeros. */
static void make_area(size_t cpu, uintptr_t base, bool fresh)
{
    /* A word reaches VMA 0 from a distant image, where an instruction's address may not. */
    static const volatile uintptr_t head_vma = (uintptr_t)&__PERCPU_percpu__head;
    uintptr_t delta = base - percpu__template_start();
    struct percpu__head *head = (struct percpu__head *)(head_vma + delta);

    if (reserve != 0 && !fresh)
        percpu__zero(base + reserve_offset(), stride() - reserve_offset());
    percpu__template_copy(base);
    head->delta = delta;
    head->cpu = cpu;
    head->up = 0; /* in place without a template apart it may be an earlier CPU 0's */
    __atomic_store_n(&percpu__delta[cpu], delta, __ATOMIC_RELEASE);
}

/* In place: what one CPU gets. */
struct slot {
    size_t room, before, align, step;
};

static struct slot slot_with(size_t room)
{
    struct slot slot = {room, before_with(room), align_with(room), 0};

    if (slot.before != 0 && slot.align < MODULE_ALIGN)
        slot.align = MODULE_ALIGN;
    slot.before = (slot.before + slot.align - 1) & ~(slot.align - 1);
    slot.step = (slot.before + stride_with(room) + slot.align - 1) & ~(slot.align - 1);
    return slot;
}

/* In place, with as much for objects and for other modules as there is. 0 or a negative error. */
static int take_slots(size_t count, struct slot *slot, uintptr_t *base)
{
    int error;

    for (size_t room = percpu__slots_reserve();; room /= 2) {
        *slot = slot_with(room);
        error = percpu__slots_take(count, slot->step, slot->align, base);
        if (!error)
            *base += slot->before;
        if (error != -PERCPU_ENOMEM || room == 0)
            return error;
    }
}

/* Both ways to initialise all areas. In place base and count are 0. Returns as percpu_init(). */
static int init(bool in_place, uintptr_t base, size_t count, size_t room)
{
    struct slot slot = {room, 0, 0, stride_with(room)};
    int error;

    if (lock() == READY) {
        unlock(READY);
#ifdef PERCPU_DEBUG
        if (first_base != base || first_count != count)
            percpu_panic("percpu: a second percpu_init*() with other arguments changes nothing");
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
        error = check_deltas(base, count, slot.step);
        if (error && in_place)
            percpu__slots_give_back();
    }
    if (error) {
        unlock(IDLE);
        return error;
    }

    reserve = slot.room;
    before = slot.before;
    reserve_is = in_place && PERCPU__SLOTS_FRESH ? UNUSED : ASKED_FOR;
    for (size_t cpu = 0; cpu < count; cpu++)
        make_area(cpu, base + cpu * slot.step, in_place && PERCPU__SLOTS_FRESH);
#ifdef PERCPU_PLATFORM_THREAD
    for (const struct percpu__module *m = modules; m; m = m->next)
        for (size_t cpu = 0; cpu < count; cpu++)
            make_variables(m, cpu);
#endif
#ifdef PERCPU_DEBUG
    first_base = in_place ? 0 : base;
    first_count = in_place ? 0 : count;
#endif
    area_count = count;
    __atomic_store_n(&percpu__limit, count, __ATOMIC_RELEASE);
    unlock(READY);
    return (int)count;
}

int percpu_init_in_place(void)
{
    return OF_THE_PROCESS(init)(true, 0, 0, 0);
}

int percpu_init(void *base, size_t cpu_count)
{
    return OF_THE_PROCESS(init)(false, (uintptr_t)base, cpu_count, 0);
}

int percpu_init_with(void *base, size_t cpu_count, size_t room)
{
    return OF_THE_PROCESS(init)(false, (uintptr_t)base, cpu_count, room);
}

static bool reserve_becomes(int next)
{
    int unused = UNUSED;
    if (!PERCPU__SLOTS_FRESH)
        return false; /* never UNUSED; and caches may be off, where atomics do not work */
    return __atomic_compare_exchange_n(&reserve_is, &unused, next, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

/* Of a CPU that comes when others have areas. */
static int check_late(uintptr_t base, size_t room)
{
    uintptr_t end = base + stride_with(room);

    for (size_t other = 0; other < percpu__limit; other++)
        if (has_area(other) &&
            overlap(base, end, area_of(other) - before, area_of(other) + stride()))
            return -PERCPU_EOVERLAP;
    if (room < reserve && !reserve_becomes(GONE))
        return -PERCPU_ERESERVE;
    /* Either this sees the hooks, or dynamic_memory() what is coming: both orders are SEQ_CST. */
    __atomic_store_n(&coming, base - percpu__template_start(), __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&alloc_hooks, __ATOMIC_SEQ_CST))
        return alloc_hooks->new_area(base - percpu__template_start(), base, end);
    return 0;
}

static int init_cpu(size_t cpu, uintptr_t base, size_t room)
{
    int error = 0;
    int was = lock();

    if (was == READY && has_area(cpu)) {
        unlock(was);
        return 0;
    }
    if (cpu >= PERCPU_MAX_CPUS)
        error = -PERCPU_ERANGE;
    if (!error && was == IDLE)
        error = percpu__template_check();
    if (!error)
        error = check_memory(base, 1, room);
    if (!error)
        error = check_deltas(base, 1, 0);
    if (!error && was == READY)
        error = check_late(base, room);
    if (error) {
        __atomic_store_n(&coming, PERCPU__ABSENT, __ATOMIC_RELEASE);
        unlock(was);
        return error;
    }

    if (was == IDLE)
        reserve = room;
    else if (room < reserve)
        reserve = 0;
    before = 0; /* this CPU has no room for other modules */
    for (size_t gap = percpu__limit; gap < cpu; gap++)
        percpu__delta[gap] = PERCPU__ABSENT;
    make_area(cpu, base, false);
    area_count++;
    if (cpu >= percpu__limit)
        __atomic_store_n(&percpu__limit, cpu + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&coming, PERCPU__ABSENT, __ATOMIC_RELEASE);
    unlock(READY);
    return 1;
}

int percpu_init_cpu_with(size_t cpu, void *base, size_t room)
{
    return OF_THE_PROCESS(init_cpu)(cpu, (uintptr_t)base, room);
}

int percpu_init_cpu(size_t cpu, void *base)
{
    return percpu_init_cpu_with(cpu, base, 0);
}

static int fini(void)
{
    int was = lock();
    int error = was == READY ? percpu__reg_release_all() : -PERCPU_ENOTINIT;

    if (error) {
        unlock(was);
        return error;
    }
    if (alloc_hooks)
        alloc_hooks->fini();
    __atomic_store_n(&percpu__limit, 0, __ATOMIC_RELEASE);
    area_count = 0;
    percpu__slots_give_back();
    percpu__reg_reopen();
    unlock(IDLE);
    return 0;
}

int percpu_fini(void)
{
    return OF_THE_PROCESS(fini)();
}

/* -- The register -------------------------------------------------------------------------- */

static int init_reg(size_t cpu)
{
    int error;

    do {
        if (__atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) == 0)
            return -PERCPU_ENOTINIT;
        if (!has_area(cpu))
            return -PERCPU_ERANGE;
        error = percpu__reg_claim(cpu, percpu__delta[cpu]);
    } while (error == PERCPU__CLAIM_AGAIN);
    /* Before caches are on a mark may be lost: percpu.h says who calls percpu_up() then. */
    return error || !percpu__atomics_work() ? error : percpu__own_up();
}

int percpu_init_reg(size_t cpu)
{
    return OF_THE_PROCESS(init_reg)(cpu);
}

/* -- Questions ------------------------------------------------------------------------------ */

static size_t num(void)
{
    return __atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) != 0 ? area_count : percpu__slots();
}

static uintptr_t base_of(size_t cpu)
{
    return has_area(cpu) ? area_of(cpu) : 0;
}

static uintptr_t offset_of(uintptr_t place)
{
    return place - percpu__template_start();
}

size_t percpu_area_num(void)
{
    return OF_THE_PROCESS(num)();
}

size_t percpu_area_size(void)
{
    return OF_THE_PROCESS(percpu__template_size)();
}

uintptr_t percpu_area_base(size_t cpu)
{
    return OF_THE_PROCESS(base_of)(cpu);
}

uintptr_t percpu__offset(uintptr_t vma)
{
    return OF_THE_PROCESS(offset_of)((uintptr_t)PERCPU__VAR(*(const char *)vma));
}

/* -- For alloc.c --------------------------------------------------------------------------- */

static bool dynamic_memory(struct percpu__memory *memory)
{
    /* First: a CPU that does not come any more can be seen by what is read next. */
    uintptr_t late = __atomic_load_n(&coming, __ATOMIC_SEQ_CST), distances = 0;
    size_t home = percpu__next_cpu(0);
    bool is_there;

    if (home == PERCPU__NO_CPU)
        return false;
    /* From now on a CPU without it is refused, unless one has come. */
    is_there = reserve_becomes(USED) || reserve_is != GONE;
    memory->delta = percpu__delta[home];
    if (late != PERCPU__ABSENT)
        distances = late - percpu__delta[home];
    percpu_for_each(cpu)
        distances |= percpu__delta[cpu] - percpu__delta[home];
    memory->align = align_with(distances & (RESERVE_ALIGN - 1) ? 0 : 1);
    memory->home = area_of(home) + reserve_offset();
    memory->is_systems = reserve_is == USED;
    memory->size = is_there && reserve != 0 ? stride() - reserve_offset() : 0;
    return true;
}

static void take_lock(void)
{
    (void)lock();
}

static void give_lock(void)
{
    unlock(percpu__limit != 0 ? READY : IDLE);
}

static bool areas_overlap(uintptr_t base, uintptr_t end)
{
    uintptr_t image, image_end;

    percpu__template_image(&image, &image_end);
    if (overlap(base, end, image, image_end))
        return true;
    for (size_t cpu = 0; cpu < percpu__limit; cpu++)
        if (has_area(cpu) && overlap(base, end, area_of(cpu) - before, area_of(cpu) + stride()))
            return true;
    return false;
}

static void tell(const struct percpu__alloc_hooks *hooks)
{
    __atomic_store_n(&alloc_hooks, hooks, __ATOMIC_SEQ_CST);
}

bool percpu__dynamic_memory(struct percpu__memory *memory)
{
    return OF_THE_PROCESS(dynamic_memory)(memory);
}

void percpu__alloc_tell(const struct percpu__alloc_hooks *hooks)
{
    OF_THE_PROCESS(tell)(hooks);
}

void percpu__areas_lock(void)
{
    OF_THE_PROCESS(take_lock)();
}

void percpu__areas_unlock(void)
{
    OF_THE_PROCESS(give_lock)();
}

bool percpu__areas_overlap(uintptr_t base, uintptr_t end)
{
    return OF_THE_PROCESS(areas_overlap)(base, end);
}

/* -- PERCPU_DEBUG ----------------------------------------------------------------------------- */

static void check_current(void)
{
    if (__atomic_load_n(&percpu__limit, __ATOMIC_ACQUIRE) == 0)
        percpu_panic("percpu: access before percpu_init() or percpu_init_in_place()");
    else if (!percpu__reg_valid())
        percpu_panic("percpu: access on a CPU (or thread) that has not called percpu_init_reg()");
}

void percpu__check_current(void)
{
    OF_THE_PROCESS(check_current)();
}

#ifdef PERCPU_PLATFORM_THREAD
const struct percpu__areas percpu__own_areas = {
    .layout = layout,
    .init = init,
    .init_cpu = init_cpu,
    .fini = fini,
    .init_reg = init_reg,
    .num = num,
    .percpu__template_size = percpu__template_size,
    .base_of = base_of,
    .offset_of = offset_of,
    .check_current = check_current,
    .dynamic_memory = dynamic_memory,
    .tell = tell,
    .take_lock = take_lock,
    .give_lock = give_lock,
    .areas_overlap = areas_overlap,
    .before_fork = before_fork,
    .after_fork = after_fork,
    .add_module = add_module,
    .initial_of = initial_of,
    .up = percpu__own_up,
    .down = percpu__own_down,
    .is_up = percpu__own_is_up,
};
#endif

#endif
