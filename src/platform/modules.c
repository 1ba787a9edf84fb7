/* SPDX-License-Identifier: MIT */
/* rseq, thread: the modules of a process find each other. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "process.h"

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_THREAD)

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/*
 * The mark by which the modules of a process find each other is in the image from which each
 * thread's local data is made. dl_iterate_phdr() tells where that image is (PT_TLS), in static
 * programs, too; the image is small; linkers and loaders relocate pointers in it, as the language
 * demands; and tools that edit files leave it in place, unlike notes, symbols and the dynamic
 * section (patchelf(1)). The copies of threads are not used.
 */
struct mark {
    uint64_t magic;
    struct process *process;
};
#define MAGIC 0x9c6b1f2ee85da347 /* random */
__attribute__((used)) static __thread struct mark mark = {MAGIC, &percpu__process};

/* Does all of [at, at + size) lie in a writable segment of this module? */
static bool is_data_of(const struct dl_phdr_info *info, uintptr_t at, size_t size)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t offset = at - (info->dlpi_addr + header->p_vaddr);

        if (header->p_type == PT_LOAD && (header->p_flags & PF_W) && offset < header->p_memsz &&
            size <= header->p_memsz - offset)
            return true;
    }
    return false;
}

/* Returns the percpu__process of a module, or NULL. */
static struct percpu__version *version_in(const struct dl_phdr_info *info)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t first = info->dlpi_addr + header->p_vaddr, end = first + header->p_filesz;

        if (header->p_type != PT_TLS)
            continue;
        first = (first + _Alignof(struct mark) - 1) & ~(_Alignof(struct mark) - 1);
        for (; first < end && end - first >= sizeof(struct mark); first += _Alignof(struct mark)) {
            const struct mark *found = (const struct mark *)first;

            if (found->magic == MAGIC &&
                is_data_of(info, (uintptr_t)found->process, sizeof(struct percpu__version)))
                return (struct percpu__version *)found->process;
        }
    }
    return NULL;
}

/* The address in a dynamic entry, which glibc relocates in place; other C libraries do not. */
static uintptr_t dynamic_address(const struct dl_phdr_info *info, intptr_t tag)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(info->dlpi_addr + header->p_vaddr);

        if (header->p_type != PT_DYNAMIC)
            continue;
        for (; entry->d_tag != DT_NULL; entry++)
            if (entry->d_tag == tag)
                return entry->d_un.d_ptr < info->dlpi_addr ? info->dlpi_addr + entry->d_un.d_ptr
                                                           : entry->d_un.d_ptr;
    }
    return 0;
}

/* Only hash tables tell the number of symbols: DT_HASH (ELF gABI), or the chains of DT_GNU_HASH. */
static size_t count_symbols(const struct dl_phdr_info *info)
{
    const uint32_t *sysv = (const uint32_t *)dynamic_address(info, DT_HASH);
    const uint32_t *gnu = (const uint32_t *)dynamic_address(info, DT_GNU_HASH);
    const uint32_t *buckets, *chains;
    size_t count = 0;

    if (sysv)
        return sysv[1];
    if (!gnu)
        return 0;
    buckets = gnu + 4 + gnu[2] * (sizeof(uintptr_t) / sizeof(uint32_t));
    chains = buckets + gnu[0];
    for (uint32_t i = 0; i < gnu[0]; i++)
        if (buckets[i] > count)
            count = buckets[i];
    if (count == 0)
        return 0;
    while ((chains[count - gnu[1]] & 1) == 0)
        count++;
    return count + 1;
}

/*
 * The name of a variable that the dynamic linker has replaced, or NULL. GCC exports a variable
 * without `static` from a shared library; if an earlier module has a variable of that name, the
 * dynamic linker uses the earlier module's variable for both.
 */
static const char *find_replaced(const struct dl_phdr_info *info, __typeof__(dlsym) *look_up)
{
    const ElfW(Sym) *symbols = (const ElfW(Sym) *)dynamic_address(info, DT_SYMTAB);
    const char *names = (const char *)dynamic_address(info, DT_STRTAB);
    static const char prefix[] = "__PERCPU_";

    if (!symbols || !names)
        return NULL;
    for (size_t i = 0, n = count_symbols(info); i < n; i++) {
        const char *name = names + symbols[i].st_name;
        uintptr_t found;

        if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        found = (uintptr_t)look_up(RTLD_DEFAULT, name);
        if (found != 0 && found != info->dlpi_addr + symbols[i].st_value)
            return name;
    }
    return NULL;
}

/* -- Joining ----------------------------------------------------------------------------------- */

/*
 * Weak: static programs have no dlsym(). dlopen() is found by it, since in static programs linkers
 * would warn of a direct call.
 */
extern __typeof__(dlsym) dlsym __attribute__((weak));

struct search {
    const struct percpu__version *mine;
    struct percpu__joined joined;
    const char *replaced;
    bool is_found;     /* the mark of this module */
    bool is_elsewhere; /* in a namespace of dlmopen(3), which musl does not have */
    size_t seen;
};

static int examine_module(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    struct percpu__joined *joined = &search->joined;
    struct percpu__version *found = version_in(info);

    (void)size;
#ifdef LM_ID_NEWLM
    if (search->seen == 0 && getauxval(AT_PHDR) != 0)
        search->is_elsewhere = (uintptr_t)info->dlpi_phdr != getauxval(AT_PHDR);
#endif
    if (found && !joined->owner)
        joined->owner = found;
    if (is_data_of(info, (uintptr_t)search->mine, search->mine->size)) {
        search->is_found = found == search->mine;
        joined->name = info->dlpi_name;
        search->replaced = &dlsym ? find_replaced(info, dlsym) : NULL;
        joined->is_program = search->seen == 0;
        for (size_t i = 0; i < info->dlpi_phnum; i++)
            if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_align > joined->align)
                joined->align = info->dlpi_phdr[i].p_align;
    }
    search->seen++;
    return 0;
}

void percpu__refuse(const char *name, const char *what)
{
    static char message[512];

    snprintf(message, sizeof(message), "percpu: %s%s%s", name ? name : "",
             name && *name ? ": " : "", what);
    percpu__report(message);
    abort(); /* without areas no access can be right */
}

static void refuse_variable(const char *module, const char *variable)
{
    static char message[400];

    snprintf(message, sizeof(message),
             "%s is also a variable of another module, and the dynamic linker took that one; "
             "define it static or declare it (PERCPU_DECLARE)",
             variable);
    percpu__refuse(module, message);
}

struct percpu__joined percpu__join(const struct percpu__version *mine)
{
    struct search search = {.mine = mine};
    const struct percpu__version *owner;

    dl_iterate_phdr(examine_module, &search);
    owner = search.joined.owner;
    /* The mark is read by name, since linkers need not keep what no code refers to. */
    if (!search.is_found || ((volatile struct mark *)&mark)->magic != MAGIC)
        percpu__refuse(search.joined.name,
                       "the library's mark is not in the image of this module's "
                       "thread-local data (PT_TLS), or another copy's is: "
                       "has a tool removed it?");
    /*
     * The C library of a namespace misses fork() and ends of threads; and a thread has one register
     * for all namespaces.
     */
    if (search.is_elsewhere)
        percpu__refuse(search.joined.name, "not in a namespace of dlmopen()");
    if (owner->version != mine->version || owner->size != mine->size)
        percpu__refuse(search.joined.name,
                       "two versions or configurations of the library in one process");
    if (search.replaced)
        refuse_variable(search.joined.name, search.replaced);
    return search.joined;
}

void percpu__pin(const char *name)
{
    __typeof__(dlopen) *open = NULL;

    if (&dlsym)
        *(void **)&open = dlsym(RTLD_DEFAULT, "dlopen");
    if (open && !open(name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE))
        percpu__refuse(name, "the shared library could not be pinned");
}

const struct percpu__allocator *percpu__first_allocator(const struct percpu__allocator **first,
                                                        const struct percpu__allocator *mine)
{
    const struct percpu__allocator *found = __atomic_load_n(first, __ATOMIC_ACQUIRE);

    if (found)
        return found;
    /* The functions stay valid: a module that has allocated is pinned. */
    return __atomic_compare_exchange_n(first, &found, mine, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE)
               ? mine
               : found;
}

bool percpu__allocates_elsewhere(const struct percpu__allocator *mine)
{
    const struct percpu__allocator *found =
        percpu__state ? __atomic_load_n(&percpu__state->allocator, __ATOMIC_RELAXED) : NULL;

    return found && found != mine;
}

#endif
