/* SPDX-License-Identifier: MIT */
/* One function per operation, for codegen.py to count its instructions. Values are a word wide. */
#include <percpu/list.h>

typedef uintptr_t word;

struct stats {
    uint32_t id;
    word rx;
};

PERCPU_DEFINE(word, var) = 1;
PERCPU_DEFINE(struct stats, stats) = {1, 2};
PERCPU_DECLARE_NEAR(word, near);
PERCPU_DEFINE_NEAR(word, near) = 3;
PERCPU_DEFINE(struct percpu_list, list);

#define FUNCTION(type, name, parameters, body)                                                     \
    type name parameters;                                                                          \
    type name parameters                                                                           \
    {                                                                                              \
        body;                                                                                      \
    }

FUNCTION(word, f_read, (void), return percpu_read(var))
FUNCTION(word, f_read_raw, (void), return percpu_read_raw(var))
FUNCTION(word, f_read_member, (void), return percpu_read_raw(stats.rx))
FUNCTION(void, f_write, (word x), percpu_write(var, x))
FUNCTION(void, f_write_raw, (word x), percpu_write_raw(var, x))
FUNCTION(void, f_write_constant, (void), percpu_write_raw(var, 5))
FUNCTION(word *, f_current_ptr, (void), return percpu_current_ptr(var))
FUNCTION(word *, f_remote_ptr_raw, (size_t cpu), return percpu_remote_ptr_raw(var, cpu))
FUNCTION(void, f_add, (void), percpu_add(var, 1))
FUNCTION(word, f_add_return, (void), return percpu_add_return(var, 1))
FUNCTION(word, f_near_read, (void), return percpu_read_raw(near))
FUNCTION(void, f_near_write, (word x), percpu_write_raw(near, x))
FUNCTION(void, f_near_add, (void), percpu_add(near, 1))
FUNCTION(word, f_read_at, (const word PERCPU *p), return percpu_read_raw_at(p))

/* Not counted: with PERCPU_RESTART they contain no atomic instruction and mask no interrupts. */
FUNCTION(void, f_and, (word x), percpu_and(var, x))
FUNCTION(void, f_or, (word x), percpu_or(var, x))
FUNCTION(void, f_xor, (word x), percpu_xor(var, x))
FUNCTION(word, f_fetch_add, (word x), return percpu_fetch_add(var, x))
FUNCTION(word, f_xchg, (word x), return percpu_xchg(var, x))
FUNCTION(word, f_cmpxchg, (word old, word x), return percpu_cmpxchg(var, old, x))
FUNCTION(bool, f_try_cmpxchg, (word * old, word x), return percpu_try_cmpxchg(var, old, x))
FUNCTION(bool, f_add_unless, (word x), return percpu_add_unless(var, x, 1))
FUNCTION(void, f_max, (word x), percpu_max(var, x))
FUNCTION(void, f_list_push, (struct percpu_list_node * node), percpu_list_push(list, node))
FUNCTION(struct percpu_list_node *, f_list_pop, (void), return percpu_list_pop(list))
FUNCTION(struct percpu_list_node *, f_list_take_all, (void), return percpu_list_take_all(list))
