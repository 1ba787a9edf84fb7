/* SPDX-License-Identifier: MIT */
/* Does assembly see what C sees? A thread that plays a CPU does what a kernel's CPU does. */
#include <percpu/percpu.h>
#include <stdio.h>

PERCPU_DEFINE(uintptr_t, asm_word) = 41;

uintptr_t asm_cpu(void);
uintptr_t asm_delta(void);
uintptr_t asm_read(void);
void asm_inc(void);

static int failed;

static void expect(uintptr_t got, uintptr_t want, const char *what)
{
    if (got != want) {
        printf("%s: 0x%lx, not 0x%lx\n", what, (unsigned long)got, (unsigned long)want);
        failed = 1;
    }
}

int main(void)
{
    size_t last = percpu_area_num() - 1;

    if (percpu_init_in_place() <= 0 || percpu_init_reg(last) != 0)
        return 1;
    expect(asm_cpu(), last, "the CPU's number");
    expect(asm_delta(),
           percpu_area_base(last) - (percpu_symbol_vma(asm_word) - percpu_offset(asm_word)),
           "the delta");
    expect(asm_read(), 41, "the variable");
    asm_inc();
    expect(percpu_read(asm_word), 42, "the variable, incremented");
    if (last > 0)
        expect(percpu_remote_read(asm_word, 0), 41, "another CPU's");
    return failed;
}
