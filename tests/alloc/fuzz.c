/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer over sequences of calls, against a list of the objects that there are. The input
 * chooses the memory, then a call at a time. Each copy of an object is filled, and looked at when
 * the object goes. Any report of ASan or of percpu_panic() that was not provoked is a finding.
 */
#include <percpu/alloc.h>

#include <stdlib.h>
#include <string.h>

enum { CPUS = 3, OBJECTS = 64, SPAN = 1 << 17, RESERVE = 48 * 1024 };

static unsigned char *memory;
static unsigned reports;
static bool report_wanted;

void percpu_panic(const char *message)
{
    (void)message;
    if (!report_wanted)
        abort();
    reports++;
}

static struct object {
    unsigned char PERCPU *p;
    size_t size;
    unsigned char mark;
} objects[OBJECTS];
static size_t count, used;

static void must(bool held)
{
    if (!held)
        abort();
}

/* In place there is room for objects of hundreds of megabytes: of those the start. */
static void fill_or_check(const struct object *o, bool fill)
{
    size_t size = o->size < 1 << 16 ? o->size : 1 << 16;

    percpu_for_each(cpu) {
        unsigned char *bytes = percpu_remote_ptr_raw_at(o->p, cpu);
        unsigned char mark = (unsigned char)(o->mark + cpu);
        for (size_t i = 0; i < size; i++) {
            must(bytes[i] == (fill ? 0 : mark));
            if (fill)
                bytes[i] = mark;
        }
    }
}

static void take(size_t size, size_t align, unsigned char mark)
{
    struct percpu_alloc_usage before = percpu_alloc_stats();
    struct object o = {percpu_alloc_bytes(size, align), size, mark};

    if (!o.p) {
        bool fits = size > 0 && align != 0 && (align & (align - 1)) == 0 && align <= 8 &&
                    size <= before.largest_free;
        must(!fits);
        must(memcmp(&before, &(struct percpu_alloc_usage){0}, sizeof before) == 0 ||
             percpu_alloc_stats().largest_free == before.largest_free);
        return;
    }
    must(size > 0 && align != 0 && (align & (align - 1)) == 0);
    for (size_t i = 0; i < count; i++)
        must(o.p + size <= objects[i].p || objects[i].p + objects[i].size <= o.p);
    percpu_for_each(cpu)
        must(((uintptr_t)percpu_remote_ptr_raw_at(o.p, cpu) & (align - 1)) == 0);
    fill_or_check(&o, true);
    used += percpu_alloc_size(o.p);
    objects[count++] = o;
}

static void give(size_t i)
{
    fill_or_check(&objects[i], false);
    used -= percpu_alloc_size(objects[i].p);
    percpu_free(objects[i].p);
    objects[i] = objects[--count];
}

/* Not the start of an object: each one must be refused. */
static void give_wrong(unsigned char PERCPU *p)
{
    for (size_t i = 0; i < count; i++)
        if (objects[i].p == p)
            return;
    report_wanted = true;
    reports = 0;
    percpu_free(p);
    must(reports == (p != NULL));
    must(percpu_alloc_size(p) == 0);
    report_wanted = false;
}

static void check_stats(void)
{
    struct percpu_alloc_usage s = percpu_alloc_stats();

    must(s.objects == count && s.used == used);
    must(s.used <= s.committed && s.committed <= s.reserved);
    must(s.largest_free <= s.reserved - s.used);
}

static const unsigned char *input, *input_end;

static size_t next(size_t bytes)
{
    size_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | (input < input_end ? *input++ : 0);
    return value;
}

static void start(void)
{
    unsigned kind = (unsigned)next(1) % 3;

    memset(memory, 0xa5, (size_t)CPUS * SPAN);
    if (kind == 0) {
        must(percpu_init_in_place() > 0);
    } else if (kind == 1) {
        must(percpu_init_with(memory, CPUS, RESERVE) == CPUS);
    } else {
        for (size_t cpu = 0; cpu < CPUS; cpu++)
            must(percpu_init_cpu(cpu, memory + cpu * SPAN) == 1);
        for (size_t i = 1; i <= 3; i++)
            must(percpu_alloc_add_block(memory + i * SPAN / 4, 4096 + next(2) % 28000) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct percpu_alloc_usage empty;

    if (!memory)
        memory = aligned_alloc(4096, (size_t)CPUS * SPAN);
    must(memory != NULL);
    input = data;
    input_end = data + size;
    start();
    empty = percpu_alloc_stats();
    while (input < input_end) {
        unsigned char call = (unsigned char)next(1);
        switch (call % 8) {
        case 0:
        case 1:
        case 2:
            if (count < OBJECTS)
                take(next(1), 8, call);
            break;
        case 3:
            if (count < OBJECTS)
                take(next(2), (size_t)1 << (next(1) % 13), call);
            break;
        case 4:
            if (count < OBJECTS)
                take(next(1) % 4 ? next(2) : next(8), next(2), call);
            break;
        case 5:
            give_wrong((unsigned char PERCPU *)((count ? (uintptr_t)objects[0].p : 0) +
                                                (uintptr_t)(int16_t)next(2)));
            break;
        default:
            if (count)
                give(next(1) % count);
            break;
        }
        check_stats();
    }
    while (count)
        give(count - 1);
    check_stats();
    must(percpu_alloc_stats().largest_free == empty.largest_free);
    must(percpu_fini() == 0);
    return 0;
}
