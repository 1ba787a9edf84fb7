/* SPDX-License-Identifier: MIT */
/*
 * src/restart.c, in a program of the host: the search against a walk through the table, and what
 * percpu_init() asks of a table. ENTRIES is the order of its entries, SORTED whether it is right.
 */
#define PERCPU__DEFINE_CONFIG 1
#include "../../src/restart.c"
#include "harness.h"

__asm__(".pushsection .text\n"
        "1:\tnop\n2:\tnop\n3:\tnop\n4:\tnop\n"
        ".pushsection percpu_restart,\"a\",@progbits\n"
        ".balign 4\n"
        ".irp at, " ENTRIES "\n"
        ".if \\at == 1\n.long 1b - ., 2b - .\n.endif\n" /* 1 to 2 */
        ".if \\at == 2\n.long 2b - ., 3b - .\n.endif\n"
        ".if \\at == 3\n.long 3b - ., 3b - .\n.endif\n" /* empty */
        ".if \\at == 4\n.long 1b - ., 4b - .\n.endif\n" /* over the others */
        ".endr\n"
        ".popsection\n"
        ".popsection");

TEST(a_table_out_of_order_is_found)
{
    check_eq(percpu__restart_sorted(), SORTED);
}

static uintptr_t walk(const struct entry *e, size_t n, uintptr_t pc)
{
    for (size_t i = 0; i < n; i++)
        if (pc >= begin_of(e + i) && pc < end_of(e + i))
            return begin_of(e + i);
    return pc;
}

TEST(the_search_finds_what_a_walk_finds)
{
    static struct entry table[300];
    static char code[sizeof(table)];
    unsigned random = 1;

    for (size_t n = 0; n <= 300; n += n < 70 ? 1 : 23) {
        uintptr_t pc = (uintptr_t)code + 3;
        unsigned wrong = 0, moved = 0;
        /* Sequences of 1 to 4 bytes, 0 to 3 apart. */
        for (size_t i = 0; i < n; i++) {
            random = random * 1103515245 + 12345;
            pc += random >> 16 & 3;
            table[i].begin = (int32_t)(pc - (uintptr_t)&table[i].begin);
            pc += 1 + (random >> 20 & 3);
            table[i].end = (int32_t)(pc - (uintptr_t)&table[i].end);
        }
        for (uintptr_t at = (uintptr_t)code; at < pc + 9; at++) {
            uintptr_t answer = restart_in(table, n, at);
            wrong += answer != walk(table, n, at);
            moved += answer != at;
        }
        check_eq(wrong, 0);
        check(n < 8 || moved > 0);
    }
}
