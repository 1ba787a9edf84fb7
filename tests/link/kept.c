/* SPDX-License-Identifier: MIT */
/*
 * usage: kept
 * Where a freestanding single system keeps initial values: in a slot of its linker script, if there
 * is one that is large enough; here --defsym is the script, on the host. HAS_TEMPLATE and HAS_SLOT
 * say which symbols it has.
 */
#include <percpu/percpu.h>

#include "../life/hang.h"

PERCPU_DEFINE(long, value) = 7;
long script_template = 7; /* _percpu_template: what was loaded */
long script_slot[2] = {1, 2};

static int reports;

void percpu_panic(const char *message)
{
    (void)message;
    reports++;
}

/* For percpu_alloc(), which is not used. */
uintptr_t percpu_alloc_lock(void)
{
    return 0;
}

void percpu_alloc_unlock(uintptr_t state)
{
    (void)state;
}

int main(void)
{
    end_if_it_hangs();
    CHECK(percpu_init_in_place() == 1);
    CHECK(script_slot[0] == (HAS_TEMPLATE && HAS_SLOT ? 7 : 1) && script_slot[1] == 2);
#if HAS_TEMPLATE
    for (int round = 0; round < 2; round++) {
        percpu_write(value, 8);
        percpu_reset_to_init(value);
        CHECK(percpu_read(value) == (HAS_SLOT ? 7 : 8));
        CHECK(percpu_fini() == 0);
        script_template = 9; /* whatever it is used for by now */
        CHECK(percpu_init_in_place() == 1);
    }
    CHECK(reports == (HAS_SLOT ? 0 : 2));
#endif
    return right();
}
