/* SPDX-License-Identifier: MIT */
/* rseq: the variables of modules, and their initial values. */
#include "process.h"

#ifdef PERCPU_PLATFORM_RSEQ

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* -- Initial values ---------------------------------------------------------------------------- */

/* linux/memfd.h; vm.memfd_noexec=2 allows only files with the second flag (Linux 6.3). */
enum { MEMFD_CLOEXEC = 1, MEMFD_NOEXEC_SEAL = 8 };

/* A memory file (memfd) that may grow to this size; -1: there is none. */
static int template_file(size_t size)
{
    struct rlimit limit;
    int file;

    /* A write beyond the limit raises SIGXFSZ, and does not only fail. */
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < size)
        return -1;
    file = (int)syscall(SYS_memfd_create, "percpu", MEMFD_CLOEXEC | MEMFD_NOEXEC_SEAL);
    if (file < 0 && errno == EINVAL)
        file = (int)syscall(SYS_memfd_create, "percpu", MEMFD_CLOEXEC);
    return file;
}

/*
 * Does this page of slot 0 have initial values other than 0? A page without variables may have no
 * readable template.
 */
static bool has_values(const struct module *module, uintptr_t at, size_t page)
{
    uintptr_t from = at > module->first ? at : module->first;
    uintptr_t end = at + page < module->end ? at + page : module->end;
    const char *values = (const char *)(from - module->bias);

    return percpu__template_overlaps((uintptr_t)values, (uintptr_t)values + (end - from)) &&
           (values[0] != 0 || memcmp(values, values + 1, end - from - 1) != 0);
}

/*
 * Gives each slot the initial values. A page with values is each slot's own view (private mapping)
 * of a file: the page becomes memory, of that CPU's node, when somebody writes to it. Values are
 * copied where pages before free_from hold other variables already, and where there is no file or
 * mapping. Returns whether all pages with values are views.
 */
static bool fill_slots(struct process *p, const struct module *module, uintptr_t free_from)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), mappings = 2 * (p->cpus + 1);
    const uintptr_t start = module->first & ~(page - 1);
    int file = -1;
    bool all_views = true, no_file = false;

    for (uintptr_t at = start, next; at < module->end; at = next) {
        uintptr_t from = at > module->first ? at : module->first, end;
        bool view = at >= free_from && percpu__may_map(mappings);

        for (next = at; next < module->end && has_values(module, next, page); next += page)
            if (next != at && at < free_from)
                break;
        if (next == at) {
            next += page;
            continue;
        }
        end = next < module->end ? next : module->end;
        if (view && file < 0 && !no_file) {
            file = template_file(module->end - start);
            no_file = file < 0;
        }
        view = view && file >= 0 &&
               pwrite(file, (const void *)(from - module->bias), end - from,
                      (off_t)(from - start)) == (ssize_t)(end - from);
        if (view)
            __atomic_fetch_add(&p->mappings, mappings, __ATOMIC_RELAXED);
        for (size_t cpu = 0; cpu <= p->cpus; cpu++) {
            const uintptr_t slot = percpu__slot(cpu);

            if (view && mmap((void *)(at + slot), next - at, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file,
                             (off_t)(at - start)) != MAP_FAILED)
                continue;
            memcpy((void *)(from + slot), (const void *)(from - module->bias), end - from);
            all_views = false;
        }
    }
    if (file >= 0)
        close(file);
    return all_views;
}

struct module percpu__this_module;

/*
 * The offset of a template in a slot, behind `used`. Modulo `align`, which is at least the
 * strictest alignment of the template's variables, the offset equals the address in the module. So
 * it does modulo a page: tools may lower the alignment of segments, and variables in them stay
 * aligned to a page.
 */
static uintptr_t offset_behind(size_t used, uintptr_t start, uintptr_t align)
{
    const uintptr_t strictest = align > 4096 ? align : 4096, rest = start & (strictest - 1);
    uintptr_t at = (used & ~(strictest - 1)) + rest;

    return at < used ? at + strictest : at;
}

bool percpu__place_module(const struct percpu__joined *joined, bool is_first)
{
    struct process *p = percpu__state;
    const uintptr_t start = percpu__template_start(), align = percpu__template_align();
    const size_t size = percpu__template_size(), page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t free_from = is_first ? p->base : p->last.piece + p->last.used, at, end;
    bool all_views;

    if (align > STRICTEST)
        percpu__refuse(joined->name, "a per-CPU variable is aligned to more than 64 KiB, or seems "
                                     "to in large segments: link with -z max-page-size=65536");
    if (size > LARGEST)
        percpu__refuse(joined->name, "the per-CPU variables of one module take more than 1 MiB: "
                                     "allocate large ones (percpu_alloc), and keep pointers");
    at = offset_behind(p->last.used, start, align);
    if (at + size > PERCPU__SLOT_SIZE) {
        if (!percpu__add_modules_piece())
            percpu__refuse(joined->name,
                           "no addresses for the per-CPU variables of a module (a limit "
                           "such as ulimit -v?)");
        free_from = p->last.piece;
        at = offset_behind(0, start, align);
    }
    p->last.used = at + size; /* first: another thread may fork meanwhile */
    if (p->last.piece == p->base)
        p->size = p->last.used;
    end = (p->last.used + page - 1) & ~(page - 1);
    if (end > p->last.accessible &&
        !percpu__make_accessible(p->last.piece, p->last.accessible, end))
        percpu__refuse(joined->name, "no memory for the per-CPU variables of a module (a limit?)");
    p->last.accessible = end;
    percpu__register_roots(p->last.piece, at, at + size);
    percpu__this_module.bias = p->last.piece + at - start;
    /*
     * The module begins at its first variable: the bytes before, up to `align`, are not the
     * template's.
     */
    percpu__template_image(&percpu__this_module.first, &percpu__this_module.end);
    percpu__this_module.first += percpu__this_module.bias;
    percpu__this_module.end += percpu__this_module.bias;
    all_views = fill_slots(p, &percpu__this_module, free_from);
    percpu__this_module.next = p->modules;
    __atomic_store_n(&p->modules, &percpu__this_module, __ATOMIC_RELEASE);
    return all_views;
}

uintptr_t percpu__offset(uintptr_t vma)
{
    return vma + percpu__this_module.bias - percpu__state->base;
}

const struct module *percpu__module_of(uintptr_t place)
{
    const struct module *m =
        percpu__state ? __atomic_load_n(&percpu__state->modules, __ATOMIC_ACQUIRE) : NULL;

    while (m && !(place >= m->first && place < m->end))
        m = m->next;
    return m;
}

/* Resets by a sequence where one store is enough, else in a block. */
static void reset_from(uintptr_t from, void *p, size_t size)
{
    bool one_piece = size == 1 || size == 2 || size == 4 || size == 8;

    if (one_piece && !((uintptr_t)p & (size - 1))) {
        percpu__write(p, percpu__bits((const void *)from, size), size, PERCPU__POINTER);
        return;
    }

    size_t cpu = percpu__take_area_of_cpu();
    memcpy((void *)percpu__copy_on((uintptr_t)p, cpu), (const void *)from, size);
    percpu__give_back_area();
}

void percpu__reset(void *p, size_t size)
{
    const struct module *m = percpu__module_of((uintptr_t)p);

    if (m)
        reset_from((uintptr_t)p - m->bias, p, size);
    else
        percpu__report("percpu: percpu_reset_to_init_at(): the pointer designates no variable");
}

#endif
