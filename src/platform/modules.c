/* SPDX-License-Identifier: MIT */
/* rseq, thread: the modules of a process find each other. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "modules.h"

#if defined(PERCPU_PLATFORM_RSEQ) || defined(PERCPU_PLATFORM_THREAD)

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* The note says where percpu__process is: type 1, a distance from the description itself. */
__asm__(".pushsection .note.percpu,\"a\",%note\n\t"
        ".balign 4\n\t"
        ".long 7, 8, 1\n\t"
        ".asciz \"percpu\"\n\t"
        ".balign 4\n\t"
#if UINTPTR_MAX > 0xffffffff
        ".quad percpu__process - .\n\t"
#else
        ".long percpu__process - ., 0\n\t"
#endif
        ".popsection");

/* Returns the percpu__process of a module, or NULL. */
static struct percpu__version *find_in(const struct dl_phdr_info *info)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + header->p_vaddr, end = at + header->p_memsz;
        size_t align = header->p_align == 8 ? 8 : 4;

        while (header->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
            uintptr_t text = at + sizeof(*note);
            uintptr_t description = text + ((note->n_namesz + align - 1) & ~(align - 1)), distance;

            if (note->n_namesz == 7 && note->n_type == 1 &&
                memcmp((const char *)text, "percpu", 7) == 0) {
                memcpy(&distance, (const void *)description, sizeof(distance)); /* 4-aligned */
                return (struct percpu__version *)(description + distance);
            }
            at = description + ((note->n_descsz + align - 1) & ~(align - 1));
        }
    }
    return NULL;
}

/* What its dynamic section has under a tag; addresses are where they are loaded (glibc) or not. */
static uintptr_t dynamic(const struct dl_phdr_info *info, intptr_t tag)
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

/* The hash tables are what knows how many symbols there are; ELF gABI, and GNU's by its buckets. */
static size_t count_symbols(const struct dl_phdr_info *info)
{
    const uint32_t *sysv = (const uint32_t *)dynamic(info, DT_HASH);
    const uint32_t *gnu = (const uint32_t *)dynamic(info, DT_GNU_HASH);
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
 * A variable without `static` that GCC compiled into a shared library is exported, and if a module
 * before it has one of its name, the dynamic linker gives it that one's address. Answers the name.
 */
static const char *find_replaced(const struct dl_phdr_info *info, __typeof__(dlsym) *look_up)
{
    const ElfW(Sym) *symbols = (const ElfW(Sym) *)dynamic(info, DT_SYMTAB);
    const char *names = (const char *)dynamic(info, DT_STRTAB);
    static const char prefix[] = "__PERCPU_";

    for (size_t i = 0, n = symbols && names ? count_symbols(info) : 0; i < n; i++) {
        const char *name = names + symbols[i].st_name;
        uintptr_t found;

        if (symbols[i].st_shndx == SHN_UNDEF || strncmp(name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        found = (uintptr_t)look_up(RTLD_DEFAULT, name);
        if (found != 0 && found != info->dlpi_addr + symbols[i].st_value)
            return name;
    }
    return NULL;
}

/* -- Joining ----------------------------------------------------------------------------------- */

/* Not in static programs, where linkers warn of dlopen by name. */
extern __typeof__(dlsym) dlsym __attribute__((weak));

struct search {
    const struct percpu__version *mine;
    struct percpu__joined joined;
    const char *replaced;
    bool is_elsewhere; /* in a namespace of dlmopen(3), which musl does not have */
    size_t seen;
};

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    struct percpu__joined *joined = &search->joined;
    struct percpu__version *found = find_in(info);

    (void)size;
#ifdef LM_ID_NEWLM
    if (search->seen == 0 && getauxval(AT_PHDR) != 0)
        search->is_elsewhere = (uintptr_t)info->dlpi_phdr != getauxval(AT_PHDR);
#endif
    if (found && !joined->owner)
        joined->owner = found;
    if (found == search->mine) {
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

    snprintf(message, sizeof(message), "percpu: %s%s%s", name ? name : "", name ? ": " : "", what);
    percpu_panic(message);
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

    dl_iterate_phdr(visit, &search);
    owner = search.joined.owner;
    if (!owner)
        percpu__refuse(NULL, "this module's note .note.percpu is missing: was it stripped?");
    /* Threads have one register; fork() and ends of threads are not told to its C library. */
    if (search.is_elsewhere)
        percpu__refuse(search.joined.name, "not in a namespace of dlmopen()");
    if (owner->version != mine->version || owner->size != mine->size)
        percpu__refuse(NULL, "two versions or configurations of the library in one process");
    if (search.replaced)
        refuse_variable(search.joined.name, search.replaced);
    return search.joined;
}

void percpu__pin(const char *name)
{
    __typeof__(dlopen) *open = NULL;

    if (&dlsym)
        *(void **)&open = dlsym(RTLD_DEFAULT, "dlopen");
    if (open && name && *name && !open(name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE))
        percpu__refuse(name, "the shared library could not be pinned");
}

const struct percpu__allocator *percpu__first_allocator(const struct percpu__allocator **first,
                                                        const struct percpu__allocator *mine)
{
    const struct percpu__allocator *found = __atomic_load_n(first, __ATOMIC_ACQUIRE);

    if (found)
        return found;
    /* Its module is pinned. */
    return __atomic_compare_exchange_n(first, &found, mine, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE)
               ? mine
               : found;
}

#endif
