/* SPDX-License-Identifier: MIT */
/* thread: the modules of a process, and the state that they share. */
#include "process.h"

#ifdef PERCPU_PLATFORM_THREAD

/* -- This module's words ----------------------------------------------------------------------- */

/*
 * These words are defined in assembly, since they are const for all C code but the constructor.
 * Until the constructor has run an access faults: the shift leads outside of the address space, or
 * on 32 bits the pointers are null.
 */
__asm__(".pushsection .data.percpu_words,\"aw\",%progbits\n\t"
        ".balign 64\n\t"
        ".globl percpu__shift, percpu__deltas, percpu__limit_pointer, percpu__words\n\t"
        ".hidden percpu__shift, percpu__deltas, percpu__limit_pointer, percpu__words\n"
        "percpu__words:\n"
#if UINTPTR_MAX > 0xffffffff
        "percpu__shift: .quad 0x4000000000000000\n"
        "percpu__deltas: .quad 0\n"
        "percpu__limit_pointer: .quad 0\n\t"
#else
        "percpu__shift: .long 0\n"
        "percpu__deltas: .long 0\n"
        "percpu__limit_pointer: .long 0\n\t"
#endif
        ".popsection");
extern PERCPU__HIDDEN struct {
    uintptr_t shift, *deltas;
    size_t *limit;
} percpu__words;

int percpu__template_check(void)
{
    return __PERCPU_percpu__head.magic == PERCPU__MAGIC &&
                   __PERCPU_percpu__head.cpu == PERCPU__NO_CPU
               ? 0
               : -PERCPU_ENOTEMPLATE;
}

/* -- The process ------------------------------------------------------------------------------- */

static void start_owner(void);

#ifdef PERCPU__THREAD_DELTA
static uintptr_t *thread_delta(void)
{
    return &percpu__thread_delta;
}

uintptr_t *percpu__thread_delta_of_process(void)
{
    return percpu__state->thread_delta();
}
#endif

static int claims[PERCPU_MAX_CPUS];

/* Versions of different platforms differ, too. */
#define VERSION 0x20004
struct process percpu__process = {
    .head = {VERSION, sizeof(struct process)},
    .start_owner = start_owner,
    .thread = percpu__this_thread,
#ifdef PERCPU__THREAD_DELTA
    .thread_delta = thread_delta,
#endif
    .deltas = percpu__delta,
    .limit = &percpu__limit,
    .areas = {.arriving = PERCPU__ABSENT, .max_cpus = PERCPU_MAX_CPUS},
    .claims = claims,
};
struct process *percpu__state; /* the owner's */
struct percpu__areas *percpu__areas;

static void use_state_of(struct process *owner)
{
    percpu__state = owner;
    percpu__areas = &owner->areas;
    percpu__words.deltas = owner->deltas;
    percpu__words.limit = owner->limit;
}

/* Only the calling thread lives on in a child, with another id. */
static void in_child(void)
{
    percpu__claims_after_fork();
    percpu__areas_in_child();
}

/* Defined by linkers: the address that this module is loaded at. */
extern const char __ehdr_start[] PERCPU__HIDDEN __attribute__((weak));

static void begin_once(void)
{
    struct percpu__areas *areas = &percpu__process.areas;

    areas->owner = (struct percpu__module){
        .start = percpu__template_start(),
        .size = percpu__template_size(),
        .align = percpu__template_align(),
        .head = (uintptr_t)&__PERCPU_percpu__head,
        .copy = percpu__template_copy,
        .first = percpu__template_start(),
    };
    areas->load_address = (uintptr_t)__ehdr_start;
    percpu__template_image(&areas->image, &areas->image_end);
    if (pthread_atfork(percpu__areas_before_fork, percpu__areas_after_fork, in_child) != 0)
        percpu__refuse(NULL, "pthread_atfork() failed");
}

/* Also called by other modules: constructors of shared libraries run before the program's. */
static void start_owner(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)percpu__template_align(); /* asks the dynamic linker: not with a lock held */
    use_state_of(&percpu__process);
    percpu__words.shift = 0;
    pthread_once(&once, begin_once);
}

/* -- Other modules ----------------------------------------------------------------------------- */

/*
 * The distance from the owner's template down to the places of other modules. The places are below
 * the template, so that no per-CPU pointer depends on how much memory there is for objects, and
 * below all of the owner, so that an access by a register that was not set does not reach the
 * owner. Where the owner is loaded low the places are below 0, since no place may be at 0.
 */
static size_t distance_to_modules(void)
{
    uintptr_t start = percpu__owner_start(), low = percpu__areas->load_address;
    return low < percpu__slots_reserve() ? start + PERCPU__RESERVE_ALIGN : start - low;
}

/* In place, bytes needed before each area: for modules that are there, and for later ones. */
size_t percpu__module_room(size_t room)
{
    size_t size = room != 0 ? distance_to_modules() + room / 4 : 0;

    return size < percpu__areas->modules_size ? percpu__areas->modules_size : size;
}

void percpu__make_variables(const struct percpu__module *m, size_t cpu)
{
    uintptr_t delta = PERCPU__DELTAS[cpu];
    struct percpu__head *head = (struct percpu__head *)(m->head - m->start + m->first + delta);

    m->copy(m->first + delta);
    head->delta = delta;
    head->cpu = cpu;
}

/*
 * Called by the module's constructor; an error ends the process. Not inlined: the compiler takes
 * this module's words for const, and the caller has just set them.
 */
__attribute__((noinline)) static void add_module(struct percpu__module *m)
{
    size_t align = m->align > PERCPU__RESERVE_ALIGN ? m->align : PERCPU__RESERVE_ALIGN, size;
    uintptr_t start = percpu__owner_start();
    int state;

    if (align > PERCPU__MODULE_ALIGN)
        percpu__refuse(m->name, "its segments have a larger alignment than 2 MiB (32-bit: 64 KiB)");
    state = percpu__init_enter();
    size = (percpu__areas->modules ? percpu__areas->modules_size : distance_to_modules()) + m->size;
    /* The place equals the template's address modulo `align`, so that variables stay aligned. */
    size += (-m->start - size) & (align - 1);
    if ((state == READY && size > percpu__areas->module_room) ||
        (size >= start && size - m->size < start))
        percpu__refuse(
            m->name,
            "no room for its per-CPU variables: only percpu_init_in_place() leaves some for "
            "modules that come later; those that came before get what they need");
    m->first = start - size;
    m->next = percpu__areas->modules;
    percpu__areas->modules_size = size;
    for (size_t cpu = 0; state == READY && cpu < PERCPU__LIMIT; cpu++)
        percpu__make_variables(m, cpu);
    __atomic_store_n(&percpu__areas->modules, m, __ATOMIC_RELEASE);
    percpu__init_leave(state);
}

static uintptr_t initial_of(uintptr_t p)
{
    if (p - percpu__owner_start() < percpu__owner_size())
        return p;
    for (const struct percpu__module *m =
             __atomic_load_n(&percpu__areas->modules, __ATOMIC_ACQUIRE);
         m; m = m->next)
        if (p - m->first < m->size)
            return p - m->first + m->start;
    return 0;
}

/* -- Start ------------------------------------------------------------------------------------- */

/* The section of code that was compiled for programs (config.h). */
extern const char __start_percpu_for_programs[] PERCPU__HIDDEN __attribute__((weak));
extern const char __stop_percpu_for_programs[] PERCPU__HIDDEN __attribute__((weak));

static struct percpu__module this_module;

/* Runs before other constructors and main(): 101 is the first priority that is not libc's. */
__attribute__((constructor(101))) static void constructor(void)
{
    struct percpu__joined joined = percpu__join(&percpu__process.head);
    struct process *owner = joined.owner;

    if (!joined.is_program &&
        (uintptr_t)__start_percpu_for_programs != (uintptr_t)__stop_percpu_for_programs)
        percpu__refuse(joined.name, "code in a shared library must be compiled with -fPIC");
    owner->start_owner();
    if (owner != &percpu__process) {
        this_module = (struct percpu__module){
            .name = joined.name,
            .start = percpu__template_start(),
            .size = percpu__template_size(),
            .align = joined.align,
            .head = (uintptr_t)&__PERCPU_percpu__head,
            .copy = percpu__template_copy,
        };
        use_state_of(owner);
        add_module(&this_module);
        percpu__words.shift = this_module.first - this_module.start;
    }
    /*
     * A library is pinned, since copies of its variables, and its thread-local data, stay in use.
     */
    if (!joined.is_program)
        percpu__pin(joined.name);
}

const struct percpu__allocator *percpu__allocator(const struct percpu__allocator *mine)
{
    return percpu__first_allocator(&percpu__state->allocator, mine);
}

void percpu__reset(void *p, size_t size)
{
    uintptr_t from = initial_of((uintptr_t)p);

    if (from == 0)
        percpu__report("percpu: percpu_reset_to_init_at(): the pointer designates no variable");
    else
        percpu__reset_from(from, p, size);
}

#endif
