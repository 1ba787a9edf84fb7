/* SPDX-License-Identifier: MIT */
#include <percpu/percpu.h>

static const char *const text[] = {
    [PERCPU_ENULL] = "the base address is null",
    [PERCPU_EALIGN] = "the base address is not aligned as percpu_area_layout_expected() asks",
    [PERCPU_ECOUNT] = "the number of CPUs is 0 or larger than PERCPU_MAX_CPUS",
    [PERCPU_EOVERFLOW] = "the size or the end of the areas does not fit the address space",
    [PERCPU_ERANGE] = "no such CPU: it has no area",
    [PERCPU_EDELTA] = "the per-CPU register cannot hold the distance from the template to this "
                      "memory; use memory nearer to the program",
    [PERCPU_EVMA] = "the template is linked at another address than the code was compiled for: "
                    "PERCPU_ZERO_VMA goes with percpu-vma0.ld and only with it, and with a "
                    "template that the architecture reaches there",
    [PERCPU_ENOTEMPLATE] = "the .percpu section was not loaded (is it NOLOAD?), or its memory was "
                           "used as an area before",
    [PERCPU_ENOMEM] = "no memory for the areas",
    [PERCPU_EBUSY] = "another thread plays this CPU, or threads still use the areas",
    [PERCPU_ENOTINIT] = "the areas are not initialised: call percpu_init() or "
                        "percpu_init_in_place() first",
    [PERCPU_ESYS] = "the operating system refused a call",
    [PERCPU_ERESTART] = "percpu_init*(): the section percpu_restart is not a table of sequences "
                        "that are apart: was it loaded, and kept as the linker makes it? "
                        "percpu_restart_selftest(): the timer interrupt's return to kernel mode "
                        "does not call percpu_restart_pc()",
    [PERCPU_EOVERLAP] = "the memory overlaps the template or another CPU's area",
    [PERCPU_EEL] = "this CPU runs at another exception level than the code was compiled for: "
                   "PERCPU_ARM_EL2 is for EL2, VHE included, PERCPU_ARM_EL3 for EL3, "
                   "neither for EL1",
    [PERCPU_EGP] =
        "gp holds the per-CPU delta, but the linker script defines __global_pointer$: take "
        "it out, or compile with PERCPU_RISCV_TP",
    [PERCPU_ERESERVE] = "the area has less memory for percpu_alloc() than the others: use "
                        "percpu_init_cpu_with()",
    [PERCPU_EMODULE] = "shared libraries have per-CPU variables, for which the caller's memory has "
                       "no room: use percpu_init_in_place()",
    [PERCPU_EOWN] = "percpu_own_cpu() says that this is another CPU",
    [PERCPU_EELSEWHERE] = "the caller's updates go to another CPU's copy",
};

const char *percpu_strerror(int error)
{
    unsigned index = error < 0 ? 0u - (unsigned)error : (unsigned)error;
    if (error >= 0 && index == 0)
        return "no error";
    if (index >= sizeof(text) / sizeof(text[0]))
        return "not an error of percpu";
    return text[index];
}
