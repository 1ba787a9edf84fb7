/* SPDX-License-Identifier: MIT */
/* What ordering.py looks at in the code that compilers make. */
#include <percpu/list.h>
#include <percpu/percpu.h>

/* The member's distance is one that nothing else here has: 0x148. */
struct item {
    struct percpu_list_node node;
    char space[0x148 - sizeof(struct percpu_list_node)];
    int value;
};

static PERCPU_DEFINE(struct percpu_list, list);
static PERCPU_DEFINE(long, word);

int f_push(struct item *item);
int f_push(struct item *item)
{
    item->value = 0x155;
    percpu_list_push(list, &item->node);
    return item->value; /* of which somebody else has made another one */
}

#define TAKES(name)                                                                                \
    struct percpu_list_node *f_##name(struct item *item, int *change);                             \
    struct percpu_list_node *f_##name(struct item *item, int *change)                              \
    {                                                                                              \
        int before = item->value;                                                                  \
        struct percpu_list_node *node = percpu_list_##name(list);                                  \
        *change = item->value - before;                                                            \
        return node;                                                                               \
    }
TAKES(pop)
TAKES(take_all)

const long *f_remote(size_t cpu);
const long *f_remote(size_t cpu)
{
    return percpu_remote_ptr(word, cpu);
}

void f_write_release(long value);
void f_write_release(long value)
{
    percpu_write_release(word, value);
}

long f_read_acquire(size_t cpu);
long f_read_acquire(size_t cpu)
{
    return percpu_remote_read_acquire(word, cpu);
}

#ifdef PERCPU_PLATFORM_RSEQ

/* By itself: where there is no sequence a function is called, which is a barrier. */
int f_push_sequence(struct item *item);
int f_push_sequence(struct item *item)
{
    percpu__list_bits old, now;
    uintptr_t copy;

    item->value = 0x155;
    (void)PERCPU__LIST_SEQUENCE(push)(PERCPU__VAR(__PERCPU_list), 0, (uintptr_t)&item->node,
                                      PERCPU__POINTER, &old, &now, &copy);
    return item->value;
}

#define TAKES_SEQUENCE(name)                                                                       \
    struct percpu_list_node *f_##name##_sequence(struct item *item, int *change);                  \
    struct percpu_list_node *f_##name##_sequence(struct item *item, int *change)                   \
    {                                                                                              \
        percpu__list_bits old = 0, now;                                                            \
        uintptr_t copy;                                                                            \
        int before = item->value;                                                                  \
        (void)PERCPU__LIST_SEQUENCE(name)(PERCPU__VAR(__PERCPU_list), 0, 0, PERCPU__POINTER, &old, \
                                          &now, &copy);                                            \
        *change = item->value - before;                                                            \
        return (struct percpu_list_node *)(uintptr_t)old;                                          \
    }
TAKES_SEQUENCE(pop)
TAKES_SEQUENCE(take_all)

struct percpu_list_node *f_close(size_t cpu);
struct percpu_list_node *f_close(size_t cpu)
{
    return percpu_list_close(list, cpu);
}

bool f_open(size_t cpu, struct percpu_list_node *first);
bool f_open(size_t cpu, struct percpu_list_node *first)
{
    return percpu_list_open(list, cpu, first, 0);
}

#endif

/*
 * What a pointer to the current copy reads and writes keeps its order with accesses to it. The
 * pointers have no symbol, so that only the item's own accesses have the member's distance.
 */
int f_read(struct item PERCPU *item, int PERCPU *value);
int f_read(struct item PERCPU *item, int PERCPU *value)
{
    struct item *copy = percpu_current_ptr_at(item);
    int seen;

    copy->value = 0x155;
    seen = percpu_read_at(value);
    copy->value = 0x2aa;
    return seen;
}

#define WRITES(name, operation)                                                                    \
    int f_##name(struct item PERCPU *item, int PERCPU *value, int n);                              \
    int f_##name(struct item PERCPU *item, int PERCPU *value, int n)                               \
    {                                                                                              \
        struct item *copy = percpu_current_ptr_at(item);                                           \
        int before = copy->value;                                                                  \
        operation;                                                                                 \
        return copy->value - before;                                                               \
    }
WRITES(write, percpu_write_at(value, n))
WRITES(update, percpu_add_at(value, n))

/* A difference is compared after the access: the flags of the subtraction may have changed. */
#define FLAGS(name, type, access)                                                                  \
    long f_##name(long a, long b, type PERCPU *value);                                             \
    long f_##name(long a, long b, type PERCPU *value)                                              \
    {                                                                                              \
        long other, d = a - b;                                                                     \
        __asm__ volatile("" : : "r"(d)); /* here it is subtracted */                               \
        access;                                                                                    \
        __asm__ volatile("" : "=r"(other)); /* not known before */                                 \
        return d == 0 ? other : d;                                                                 \
    }
FLAGS(flags, long, (void)percpu_cmpxchg_at(value, 5, 6))
FLAGS(flags_64, uint64_t, (void)percpu_cmpxchg_at(value, 5, 6))
FLAGS(flags_write, uint64_t, percpu_write_at(value, 5))
#ifdef PERCPU_PLATFORM_BARE
FLAGS(flags_store, uint64_t, percpu__store_64((uintptr_t)value, 5))
#endif

#ifdef PERCPU_PLATFORM_BARE

void f_reg(struct item *item, uintptr_t delta);
void f_reg(struct item *item, uintptr_t delta)
{
    item->value = 0x155;
    percpu__reg_write(delta);
    item->value = 0x2aa;
}

void f_relax(struct item *item);
void f_relax(struct item *item)
{
    item->value = 0x155;
    percpu__relax();
    item->value = 0x2aa;
}

void f_irq(struct item *item);
void f_irq(struct item *item)
{
    uintptr_t state;

    item->value = 0x155;
    state = percpu__irq_save();
    item->value = 0x2aa;
    percpu__irq_restore(state);
    item->value = 0x155;
}

#endif

/* Between the two the caller may have come to another CPU. */
long f_twice(void);
long f_twice(void)
{
    return percpu_read(word) - percpu_read(word);
}

long f_at_twice(long PERCPU *value);
long f_at_twice(long PERCPU *value)
{
    return percpu_read_at(value) - percpu_read_at(value);
}

bool f_current_twice(void);
bool f_current_twice(void)
{
    return percpu_current_ptr(word) == percpu_current_ptr(word);
}
