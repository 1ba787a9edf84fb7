/* SPDX-License-Identifier: MIT */
/*
 * arm: QEMU's virt machine with a Cortex-A15. Addresses are in QEMU, hw/arm/virt.c.
 *
 * ARM: ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, DDI 0406C.
 * GIC: ARM Generic Interrupt Controller Architecture Specification 2.0, IHI 0048B.
 */
#include "machine.h"

#include "harness.h"

#define UART 0x09000000 /* PL011 */
#define UART_FR (UART + 0x18)
#define UART_FR_FULL 0x20

#define GICD 0x08000000
#define GICD_CTLR (GICD + 0x000)
#define GICD_TYPER (GICD + 0x004)
#define GICD_ISENABLER0 (GICD + 0x100)
#define GICD_SGIR (GICD + 0xf00)
#define GICC 0x08010000
#define GICC_CTLR (GICC + 0x00)
#define GICC_PMR (GICC + 0x04)
#define GICC_IAR (GICC + 0x0c)
#define GICC_EOIR (GICC + 0x10)
#define SGIR_ALL_OTHERS 0x01000000
#define INTID_WAKE 0
#define INTID_TIMER 27  /* the virtual timer's */
#define INTID_NONE 1020 /* and above */

#define CPSR_I 0x80
#define CPSR_T 0x20
#define MODE 0x1f
#define MODE_USER 0x10
#define MODE_SVC 0x13

/* Semihosting for AArch32 and AArch64, IHI 0100: operations. */
#define SYS_GET_CMDLINE 0x15
#define SYS_EXIT_EXTENDED 0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

/* Power State Coordination Interface, DEN 0022: 32-bit CPU_ON. */
#define PSCI_CPU_ON 0x84000003

enum { UNDEFINED = 1, SUPERVISOR_CALL, PREFETCH_ABORT, DATA_ABORT, IRQ = 6, FIQ };

struct arm_frame {
    uint32_t r[13], lr, pc, cpsr;
};

/* For and from boot.S. */
uintptr_t arm_trap(struct arm_frame *frame, unsigned vector);
_Noreturn void arm_cpu_start(size_t cpu);
extern const char arm_secondary[];

static uint32_t ticks_per_period[MACHINE_MAX_CPUS];

static uint32_t read32(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}

static void write32(uintptr_t address, uint32_t v)
{
    *(volatile uint32_t *)address = v;
}

static int semihost(unsigned operation, void *arguments)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register void *r1 __asm__("r1") = arguments;

    __asm__ volatile("svc 0x123456" : "+r"(r0) : "r"(r1) : "memory");
    return (int)r0;
}

void machine_putc(char c)
{
    while (read32(UART_FR) & UART_FR_FULL)
        ;
    write32(UART, (uint8_t)c);
}

void machine_exit(int status)
{
    uint32_t why[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status};

    semihost(SYS_EXIT_EXTENDED, why);
    for (;;)
        __asm__ volatile("cpsid if; wfi");
}

size_t machine_cpu_count(void)
{
    return (read32(GICD_TYPER) >> 5 & 7) + 1;
}

/* QEMU's is the kernel's file name, then what -append said. */
const char *machine_cmdline(void)
{
    static char line[256];
    struct {
        char *line;
        size_t size;
    } block = {line, sizeof line};
    const char *s = line;

    if (semihost(SYS_GET_CMDLINE, &block) != 0)
        return "";
    while (*s != '\0' && *s != ' ')
        s++;
    return s;
}

/* SCTLR.M and C. */
bool machine_atomics_work(void)
{
    uint32_t sctlr;

    __asm__("mrc p15, 0, %0, c1, c0, 0" : "=r"(sctlr));
    return (sctlr & 5) == 5;
}

bool machine_change_caches(void)
{
    uint32_t sctlr;

    __asm__ volatile("mrc p15, 0, %0, c1, c0, 0" : "=r"(sctlr));
    __asm__ volatile("mcr p15, 0, %0, c1, c0, 0\n\tisb" : : "r"(sctlr ^ 4) : "memory");
    return true;
}

void machine_irq_on(void)
{
    __asm__ volatile("cpsie i" : : : "memory");
}

bool machine_irq_off(void)
{
    uint32_t cpsr;

    __asm__ volatile("mrs %0, cpsr; cpsid i" : "=r"(cpsr) : : "memory");
    return !(cpsr & CPSR_I);
}

void machine_relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}

/* A masked interrupt ends the wait too (ARM, B1.8.14). */
void machine_idle(void)
{
    __asm__ volatile("dsb; wfi; cpsie i; isb; cpsid i" : : : "memory");
}

void machine_wake(void)
{
    __asm__ volatile("dsb" : : : "memory");
    write32(GICD_SGIR, SGIR_ALL_OTHERS | INTID_WAKE);
}

/* ARM, B8.1: CNTV_TVAL is c14, c3, 0, CNTV_CTL c14, c3, 1, CNTFRQ c14, c0, 0. */

static void set_timer(void)
{
    __asm__ volatile("mcr p15, 0, %0, c14, c3, 0; isb" : : "r"(ticks_per_period[test_cpu()]));
}

static void control_timer(uint32_t control)
{
    __asm__ volatile("mcr p15, 0, %0, c14, c3, 1; isb" : : "r"(control) : "memory");
}

void machine_timer_start(unsigned hz)
{
    uint32_t frequency;

    __asm__ volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(frequency));
    ticks_per_period[test_cpu()] = frequency / hz;
    set_timer();
    control_timer(1);
}

void machine_timer_stop(void)
{
    control_timer(0);
}

static uintptr_t interrupt(struct arm_frame *frame)
{
    uint32_t iar = read32(GICC_IAR), id = iar & 0x3ff;

    if (id >= INTID_NONE)
        return (uintptr_t)frame;
    if (id == INTID_TIMER)
        set_timer(); /* which also ends the request */
    write32(GICC_EOIR, iar);
    if (id == INTID_TIMER) {
        frame->pc = bare_timer_tick(frame->pc, (frame->cpsr & MODE) != MODE_USER);
        return bare_next_frame((uintptr_t)frame);
    }
    if (id != INTID_WAKE)
        bare_panic("interrupt %u", (unsigned)id);
    return (uintptr_t)frame;
}

/* In SVC mode, as everything; the function's lowest bit says whether it is T32 code. */
uintptr_t machine_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    struct arm_frame *frame = (struct arm_frame *)(top & ~(uintptr_t)7) - 1;

    *frame = (struct arm_frame){
        .r[0] = (uintptr_t)arg,
        .pc = (uintptr_t)entry & ~(uintptr_t)1,
        .cpsr = MODE_SVC | ((uintptr_t)entry & 1 ? CPSR_T : 0),
    };
    return (uintptr_t)frame;
}

uintptr_t machine_user_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    struct arm_frame *frame = (struct arm_frame *)machine_frame(top, entry, arg);

    frame->cpsr = (frame->cpsr & ~(uint32_t)MODE) | MODE_USER;
    return (uintptr_t)frame;
}

uintptr_t arm_trap(struct arm_frame *frame, unsigned vector)
{
    uint32_t status = 0, address = 0;

    if (vector == IRQ) {
        return interrupt(frame);
    }
    if (vector == PREFETCH_ABORT) {
        __asm__ volatile("mrc p15, 0, %0, c5, c0, 1" : "=r"(status));
        __asm__ volatile("mrc p15, 0, %0, c6, c0, 2" : "=r"(address));
    } else if (vector == DATA_ABORT) {
        __asm__ volatile("mrc p15, 0, %0, c5, c0, 0" : "=r"(status));
        __asm__ volatile("mrc p15, 0, %0, c6, c0, 0" : "=r"(address));
    }
    bare_panic("exception %u, status 0x%x, pc 0x%x, lr 0x%x, address 0x%x, cpsr 0x%x, sp %p",
               vector, (unsigned)status, (unsigned)frame->pc, (unsigned)frame->lr,
               (unsigned)address, (unsigned)frame->cpsr, (void *)(frame + 1));
}

/* Of every CPU: its part of the GIC. Without security extensions, everything is in group 0. */
static void cpu_init(void)
{
    machine_timer_stop();
    write32(GICD_ISENABLER0, 1u << INTID_TIMER | 1u << INTID_WAKE);
    write32(GICC_PMR, 0xff);
    write32(GICC_CTLR, 1);
}

void machine_init(void)
{
    write32(GICD_CTLR, 1);
    cpu_init();
}

/* .boot's addresses are physical ones. With GICv2 a CPU's number is its affinity. */
void machine_start_cpus(void)
{
    for (size_t cpu = 1; cpu < machine_cpu_count(); cpu++) {
        register uintptr_t r0 __asm__("r0") = PSCI_CPU_ON;
        register uintptr_t r1 __asm__("r1") = cpu;
        register uintptr_t r2 __asm__("r2") = (uintptr_t)arm_secondary;
        register uintptr_t r3 __asm__("r3") = cpu;

        __asm__ volatile(".arch_extension virt; hvc #0"
                         : "+r"(r0)
                         : "r"(r1), "r"(r2), "r"(r3)
                         : "memory");
        if (r0 != 0)
            bare_panic("PSCI: CPU_ON for CPU %zu answers %d", cpu, (int)r0);
    }
}

void arm_cpu_start(size_t cpu)
{
    cpu_init();
    bare_cpu_main(cpu);
}
