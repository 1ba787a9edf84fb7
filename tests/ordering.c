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

#ifdef PERCPU_PLATFORM_BARE

void f_irq(struct item *item);
void f_irq(struct item *item)
{
    item->value = 0x155;
    percpu_with_current_irq(word, p)
        item->value = 0x2aa;
    item->value = 0x155;
}

#endif

/* Between the two the caller may have come to another CPU. */
long f_twice(void);
long f_twice(void)
{
    return percpu_read(word) - percpu_read(word);
}

bool f_current_twice(void);
bool f_current_twice(void)
{
    return percpu_current_ptr(word) == percpu_current_ptr(word);
}
