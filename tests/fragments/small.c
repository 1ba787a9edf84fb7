/* SPDX-License-Identifier: MIT */
/*
 * A kernel in one file, for one CPU, linked in unusual ways (small.lds.S) and loaded at another
 * address than it is linked for: it relocates itself, and knows no relocation but RELATIVE. Its
 * last line, "# end: ", comes when all is right. Given:
 *
 *     SMALL_LINK      the address of _start, the image's first byte, as linked
 *     SMALL_RELATIVE  the number of that relocation
 *     SMALL_RELA      1: relocations have addends; 0: they stand where they apply
 *     SMALL_AREAS     how many the script reserves
 *     SMALL_RESERVE   the script's PERCPU_RESERVE
 *     SMALL_OLDER     the script has no template apart from the areas
 */
#include <percpu/alloc.h>
#include <percpu/percpu.h>

extern char _start[] PERCPU__HIDDEN;
void small_putc(char c) PERCPU__HIDDEN;
_Noreturn void small_exit(void) PERCPU__HIDDEN;
_Noreturn void small_start(void) PERCPU__HIDDEN;

__attribute__((used, aligned(16))) char small_stack[65536] PERCPU__HIDDEN; /* for small.S */

static PERCPU_DEFINE(unsigned long, ticks) = 7;
static PERCPU_DEFINE(const char *, name) = "seven"; /* initial values are relocated, too */
__attribute__((aligned(256))) static PERCPU_DEFINE(long, aligned) = 9;

/*
 * What no script names. A table to which drivers add themselves, as linker sets of BSD; constants;
 * memory that is zeroed.
 */
__attribute__((used, section("drivers"))) static unsigned long driver1 = 0x1111, driver2 = 0x2222;
__attribute__((used, section("parameters"))) static const unsigned long parameter = 0x3333;
__asm__(".section scratch, \"aw\", %nobits\n\t.balign 8\n\t.globl scratch_words\n\t"
        ".hidden scratch_words\nscratch_words: .zero 4096\n\t.text");
extern volatile unsigned long scratch_words[] PERCPU__HIDDEN;

static void print(const char *s)
{
    while (*s)
        small_putc(*s++);
}

static void number(uintptr_t n)
{
    char digits[2 * sizeof n + 1], *p = digits + sizeof digits - 1;

    *p = 0;
    do
        *--p = "0123456789abcdef"[n & 15];
    while (n >>= 4);
    print(p);
}

static int wrong;
static void compare(const char *what, uintptr_t is, uintptr_t should_be)
{
    if (is == should_be)
        return;
    wrong++;
    print("# ");
    print(what);
    print(": ");
    number(is);
    print(", should be ");
    number(should_be);
    print("\n");
}

/* -- Relocation ------------------------------------------------------------------------------- */

struct reloc {
    uintptr_t at, info;
#if SMALL_RELA
    uintptr_t addend;
#endif
};
#if SMALL_RELA
extern const struct reloc small_relocs[] PERCPU__HIDDEN, small_relocs_end[] PERCPU__HIDDEN;
#else
#define small_relocs small_rel
#define small_relocs_end small_rel_end
extern const struct reloc small_rel[] PERCPU__HIDDEN, small_rel_end[] PERCPU__HIDDEN;
#endif
extern const uintptr_t small_relr[] PERCPU__HIDDEN, small_relr_end[] PERCPU__HIDDEN;

/* Returns the number of relocations of other kinds. Nothing before it may need one. */
static size_t relocate(uintptr_t bias)
{
    const uintptr_t kind_bits = sizeof bias == 8 ? 0xffffffff : 0xff;
    size_t others = 0;
    uintptr_t *next = NULL;

    for (const struct reloc *r = small_relocs; r != small_relocs_end; r++) {
        uintptr_t *word = (uintptr_t *)(r->at + bias);
        if ((r->info & kind_bits) != SMALL_RELATIVE || r->info > kind_bits) {
            others += r->info != 0;
            continue;
        }
#if SMALL_RELA
        *word = r->addend + bias;
#else
        *word += bias;
#endif
    }
    /* RELR: an address, then bitmaps of the words that follow (System V ABI, "Relocation"). */
    for (const uintptr_t *r = small_relr; r != small_relr_end; r++) {
        if (!(*r & 1)) {
            next = (uintptr_t *)(*r + bias);
            *next++ += bias;
            continue;
        }
        for (size_t i = 0; i < 8 * sizeof bias - 1; i++)
            if (*r >> (i + 1) & 1)
                next[i] += bias;
        next += 8 * sizeof bias - 1;
    }
    return others;
}

/* -- The kernel ------------------------------------------------------------------------------- */

#define COUNT (PERCPU_MAX_CPUS == 1 ? 1 : SMALL_AREAS)
extern const char _percpu_start[] PERCPU__HIDDEN, _percpu_end[] PERCPU__HIDDEN;

static void use_areas(void)
{
    static unsigned long memory[1024] __attribute__((aligned(4096)));
    struct percpu_layout layout = percpu_area_layout_expected(1);

    if (PERCPU_MAX_CPUS == 1)
        return;
    compare("alignment", layout.align, 256);
    compare("size", layout.size == 0 || layout.size > 1024 || layout.size & 255, 0);
    compare("areas", percpu_area_num(), SMALL_AREAS);
#if SMALL_AREAS
    (void)memory;
    compare("percpu_init_in_place()", (uintptr_t)percpu_init_in_place(), SMALL_AREAS);
    compare("first area", percpu_area_base(0), (uintptr_t)_percpu_start);
    compare("last area",
            percpu_area_base(SMALL_AREAS - 1) + percpu_area_size() + SMALL_RESERVE <=
                (uintptr_t)_percpu_end,
            1);
#else
    compare("percpu_init()", (uintptr_t)percpu_init(memory, 4), 4);
#endif
    compare("percpu_init_reg()", (uintptr_t)percpu_init_reg(1), 0);
    if (wrong) /* and any access may be a fault */
        return;
    percpu_inc(ticks);
    compare("ticks of CPU 1", percpu_remote_read(ticks, 1), 8);
    compare("ticks of CPU 0", percpu_remote_read(ticks, 0), 7);
    compare("name of CPU 1", (uintptr_t)percpu_remote_read(name, 1)[1], 'e');
    compare("alignment of CPU 1's", (uintptr_t)percpu_remote_ptr(aligned, 1) & 255, 0);
    compare("dynamic memory", percpu_alloc_bytes(64, 64) != NULL, SMALL_RESERVE != 0);
}

static void use_what_no_script_names(void)
{
    compare("driver 1", *(volatile unsigned long *)&driver1, 0x1111);
    compare("driver 2", *(volatile unsigned long *)&driver2, 0x2222);
    compare("parameter", *(const volatile unsigned long *)&parameter, 0x3333);
    for (size_t i = 0; i < 4096 / sizeof *scratch_words; i++) {
        compare("scratch", scratch_words[i], 0);
        scratch_words[i] = ~0ul;
    }
    compare("driver 1, after scratch", *(volatile unsigned long *)&driver1, 0x1111);
    compare("ticks after scratch", percpu_read(ticks), PERCPU_MAX_CPUS == 1 ? 7 : 8);
}

void small_start(void)
{
    static const volatile uintptr_t link = SMALL_LINK; /* no addend of an address */
    uintptr_t others = relocate((uintptr_t)_start - link);

    compare("other relocations", others, 0);
    if (!others)
        use_areas();
    if (!wrong) {
        if (PERCPU_MAX_CPUS == 1)
            compare("percpu_init_in_place()", (uintptr_t)percpu_init_in_place(), COUNT);
        use_what_no_script_names();
        percpu_write(ticks, 99);
#ifndef SMALL_OLDER
        percpu_reset_to_init(ticks);
        compare("reset", percpu_read(ticks), 7);
        compare("percpu_fini()", (uintptr_t)percpu_fini(), 0);
#if SMALL_AREAS
        compare("again", (uintptr_t)percpu_init_in_place(), COUNT);
#endif
#endif
    }
    if (!wrong)
        print("# end: all right\n");
    small_exit();
}

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
