// SPDX-License-Identifier: MIT
/*
 * What operations with a result answer, in functions of their own, where compilers may put the
 * result into the register of an argument. Says "right", or what is wrong. rseq.
 */
#include <percpu/list.h>

#include <stdio.h>

static int wrong;

static void expect(const char *what, unsigned long long is, unsigned long long should_be)
{
    if (is == should_be)
        return;
    printf("%s: %llu, not %llu\n", what, is, should_be);
    wrong = 1;
}

#define FUNCTION(type, name, parameters, ...)                                                      \
    __attribute__((noinline)) static type name parameters                                          \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
#define OF_SIZE(bits)                                                                              \
    static PERCPU_DEFINE(uint##bits##_t, v##bits) = 35;                                            \
    FUNCTION(unsigned, try_##bits, (uint##bits##_t old, uint##bits##_t n),                         \
             percpu_try_cmpxchg(v##bits, &old, n);                                                 \
             return (unsigned)old)                                                                 \
    FUNCTION(unsigned, done_##bits, (uint##bits##_t old, uint##bits##_t n),                        \
             return percpu_try_cmpxchg(v##bits, &old, n) ? 100 : (unsigned)old)                    \
    FUNCTION(uint##bits##_t, cmpxchg_##bits, (uint##bits##_t old, uint##bits##_t n),               \
             return percpu_cmpxchg(v##bits, old, n))                                               \
    FUNCTION(uint##bits##_t, xchg_##bits, (uint##bits##_t n), return percpu_xchg(v##bits, n))      \
    FUNCTION(uint##bits##_t, fetch_add_##bits, (uint##bits##_t n),                                 \
             return percpu_fetch_add(v##bits, n))                                                  \
    FUNCTION(uint##bits##_t, add_return_##bits, (uint##bits##_t n),                                \
             return percpu_add_return(v##bits, n))                                                 \
    FUNCTION(uint##bits##_t, either_##bits, (uint##bits##_t n, int which),                         \
             if (which) n = percpu_fetch_add(v##bits, n);                                          \
             return n)                                                                             \
    static void check_##bits(void)                                                                 \
    {                                                                                              \
        expect("try_cmpxchg, not done, " #bits, try_##bits(9, 1), 35);                             \
        expect("try_cmpxchg, done, " #bits, try_##bits(35, 36), 35);                               \
        expect("its result, not done, " #bits, done_##bits(9, 1), 36);                             \
        expect("its result, done, " #bits, done_##bits(36, 35), 100);                              \
        expect("cmpxchg, " #bits, cmpxchg_##bits(35, 37), 35);                                     \
        expect("xchg, " #bits, xchg_##bits(38), 37);                                               \
        expect("fetch_add, " #bits, fetch_add_##bits(2), 38);                                      \
        expect("add_return, " #bits, add_return_##bits(3), 43);                                    \
        expect("one of two values, " #bits, either_##bits(5, 0), 5);                               \
        expect("one of two values, " #bits, either_##bits(5, 1), 43);                              \
    }
OF_SIZE(8)
OF_SIZE(16)
OF_SIZE(32)
OF_SIZE(64)

static PERCPU_DEFINE(struct percpu_list, list);
static struct percpu_list_node nodes[2];
FUNCTION(struct percpu_list_node *, pop, (struct percpu_list_node * node),
         percpu_list_push(list, node);
         return percpu_list_pop(list))
FUNCTION(struct percpu_list_node *, take, (struct percpu_list_node * node),
         percpu_list_push(list, node);
         return percpu_list_take_all(list))
FUNCTION(struct percpu_list_node *, either, (struct percpu_list_node * node, int which),
         if (which) node = percpu_list_pop(list);
         return node)

int main(void)
{
    check_8();
    check_16();
    check_32();
    check_64();
    expect("pop", pop(&nodes[0]) == &nodes[0], 1);
    expect("take_all", take(&nodes[1]) == &nodes[1], 1);
    expect("the argument", either(&nodes[1], 0) == &nodes[1], 1);
    expect("an empty list", either(&nodes[1], 1) == NULL, 1);
    if (!wrong)
        puts("right");
    return wrong;
}
