/* SPDX-License-Identifier: MIT */
/*
 * rseq, PERCPU_DEBUG: reports a variable that is changed by blocks and is the operand of updates.
 * Blocks and updates do not exclude each other, so that updates would be lost.
 *
 * A hash table has an entry for each word (8 bytes, on all CPUs) that is updated, or changed in a
 * block: which of the word's bytes are, and how often operations wrote to the word. A block has
 * changed the bytes that differ at its end, if no operation wrote to the word meanwhile. Any
 * context: no locks.
 */
#include "process.h"

#if defined(PERCPU_PLATFORM_RSEQ) && defined(PERCPU_DEBUG)

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/*
 * PROBES bounds what a full table costs. 5,000 words find an entry each, of 8,000 some 250 do not.
 */
enum { WORD = 8, ENTRIES = 8192, PROBES = 64 };

struct word {
    uintptr_t address;    /* per-CPU pointer; 0: free */
    uint32_t begun, done; /* writes by operations */
    uint8_t updated, changed;
};

/* The table of the process is that of the first module that needs one. */
static struct word own_table[ENTRIES];

static struct word *table(void)
{
    void *known = NULL;

    if (!percpu__state)
        return own_table;
    if (__atomic_compare_exchange_n(&percpu__state->watched, &known, own_table, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return own_table;
    return known;
}

/* The word's entry. NULL: there is none, and `add` is false or the table is full there. */
static struct word *entry_of(uintptr_t address, bool add)
{
    struct word *words = table();
    size_t at = (size_t)((address / WORD * 0x9e3779b97f4a7c15u) >> 32);

    for (size_t i = 0; i < PROBES; i++) {
        struct word *word = &words[(at + i) % ENTRIES];
        uintptr_t found = __atomic_load_n(&word->address, __ATOMIC_ACQUIRE);

        if (found == 0 && !add)
            return NULL;
        if (found == 0 && __atomic_compare_exchange_n(&word->address, &found, address, false,
                                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return word;
        if (found == address)
            return word;
    }
    return NULL;
}

/* Bit n: is byte n of the word at `address` in [first, first + size)? */
static uint8_t bytes_of(uintptr_t address, uintptr_t first, size_t size)
{
    uint8_t bytes = 0;

    for (unsigned n = 0; n < WORD; n++)
        if (address + n >= first && address + n < first + size)
            bytes |= (uint8_t)(1u << n);
    return bytes;
}

extern __typeof__(dladdr) dladdr __attribute__((weak));

static void report_mixed(uintptr_t address, uint8_t bytes)
{
    uintptr_t place = address + (unsigned)__builtin_ctz(bytes);
    const struct module *module = percpu__module_of(place);
    uintptr_t symbol = module ? place - module->bias : place;
    const char *file = "the program", *name = "";
    uintptr_t base = 0;
    Dl_info info;
    static char message[512];

    if (&dladdr && dladdr((const void *)symbol, &info) != 0 && info.dli_fname) {
        file = info.dli_fname;
        base = (uintptr_t)info.dli_fbase;
        name = info.dli_sname ? info.dli_sname : "";
    }
    snprintf(message, sizeof(message),
             "percpu: percpu_with_current() blocks change the operand of update operations: the "
             "per-CPU variable %s at %s+%#lx",
             name, file, (unsigned long)(symbol - base));
    percpu__report(message);
}

/* Adds bytes to one mask, and reports those that are new there and in the other mask, too. */
static void add_bytes(struct word *word, uint8_t *mask, const uint8_t *other, uint8_t bytes)
{
    uint8_t old;

    if ((__atomic_load_n(mask, __ATOMIC_RELAXED) & bytes) == bytes)
        return;
    old = __atomic_fetch_or(mask, bytes, __ATOMIC_SEQ_CST);
    bytes &= (uint8_t)~old;
    bytes &= __atomic_load_n(other, __ATOMIC_SEQ_CST);
    if (bytes)
        report_mixed(__atomic_load_n(&word->address, __ATOMIC_RELAXED), bytes);
}

static bool is_known(uintptr_t place)
{
    return percpu__module_of(place) || percpu__is_dynamic(place);
}

static void check_variable(const volatile void *p)
{
    static char message[160];

    if (is_known((uintptr_t)p))
        return;
    snprintf(message, sizeof(message),
             "percpu: the operand at %#lx is no per-CPU variable (one in a C++ template, where GCC "
             "ignored the section?)",
             (unsigned long)(uintptr_t)p);
    percpu__report(message);
}

void percpu__watch_write(const volatile void *p, size_t size, bool is_update)
{
    uintptr_t address = (uintptr_t)p & ~(uintptr_t)(WORD - 1);
    struct word *word;

    check_variable(p);
    word = entry_of(address, true);

    if (!word)
        return;
    __atomic_fetch_add(&word->begun, 1, __ATOMIC_SEQ_CST);
    if (is_update)
        add_bytes(word, &word->updated, &word->changed, bytes_of(address, (uintptr_t)p, size));
}

void percpu__watch_written(const volatile void *p)
{
    struct word *word = entry_of((uintptr_t)p & ~(uintptr_t)(WORD - 1), false);

    if (word)
        __atomic_fetch_add(&word->done, 1, __ATOMIC_SEQ_CST);
}

/* Forgets an object that is freed: the next object at this place is another variable. */
void percpu__watch_freed(uintptr_t first, size_t size)
{
    for (uintptr_t address = first; address < first + size; address += WORD) {
        struct word *word = entry_of(address, false);

        if (!word)
            continue;
        __atomic_store_n(&word->updated, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&word->changed, 0, __ATOMIC_SEQ_CST);
    }
}

static uint64_t word_on(uintptr_t address, size_t cpu)
{
    return *(volatile percpu__u64 *)(address + percpu__slot(cpu));
}

void percpu__watch_begin(struct percpu__watch *watch, const volatile void *p, size_t size,
                         size_t cpu)
{
    check_variable(p);
    watch->first = (uintptr_t)p;
    watch->size = size;
    watch->is_quiet = 0;
    for (size_t i = 0; i < PERCPU__WATCH_WORDS; i++) {
        uintptr_t address = ((uintptr_t)p & ~(uintptr_t)(WORD - 1)) + i * WORD;
        const struct word *word = entry_of(address, false);
        uint32_t done = word ? __atomic_load_n(&word->done, __ATOMIC_SEQ_CST) : 0;

        if (address >= watch->first + size)
            break;
        watch->writes[i] = word ? __atomic_load_n(&word->begun, __ATOMIC_SEQ_CST) : 0;
        watch->old[i] = word_on(address, cpu);
        if (watch->writes[i] == done)
            watch->is_quiet |= 1u << i;
    }
}

void percpu__watch_end(const struct percpu__watch *watch, size_t cpu)
{
    for (size_t i = 0; i < PERCPU__WATCH_WORDS; i++) {
        uintptr_t address = (watch->first & ~(uintptr_t)(WORD - 1)) + i * WORD;
        struct word *word;
        uint64_t different;
        uint8_t bytes = 0;

        if (address >= watch->first + watch->size)
            break;
        different = word_on(address, cpu) ^ watch->old[i];
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        for (unsigned n = 0; n < WORD; n++)
            if (different >> 8 * n & 0xff)
                bytes |= (uint8_t)(1u << n);
        bytes &= bytes_of(address, watch->first, watch->size);
        if (!bytes || !(watch->is_quiet >> i & 1))
            continue;
        word = entry_of(address, true);
        if (word && __atomic_load_n(&word->begun, __ATOMIC_SEQ_CST) == watch->writes[i])
            add_bytes(word, &word->changed, &word->updated, bytes);
    }
}

#endif
