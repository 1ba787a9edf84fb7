/* SPDX-License-Identifier: MIT */
/*
 * aarch64: QEMU's virt machine, at EL1, with virtualization=on at EL2, with secure=on at EL3. Its
 * addresses: QEMU, hw/arm/virt.c. The same physical addresses serve with the MMU on.
 *
 * Arm ARM: DDI 0487. GICv2: IHI 0048. GICv3: IHI 0069. PSCI: DEN 0022.
 */
#include "machine.h"

#define UART 0x09000000 /* PL011: DDI 0183 */
#define UART_FR 0x18
#define FR_TX_FULL 0x20

/* QEMU, docs/specs/fw_cfg.rst; the key is in include/standard-headers/linux/qemu_fw_cfg.h. */
#define FW_CFG 0x09020000
#define FW_CFG_SELECTOR 0x8
#define FW_CFG_NB_CPUS 0x05

#define GICD 0x08000000
#define GICD_CTLR 0x000
#define GICD_ISENABLER 0x100
#define GICD_SGIR 0xf00
#define GICD_CTLR_V2 0x1  /* enable */
#define GICD_CTLR_V3 0x12 /* enable group 1, affinity routing */
#define SGIR_OTHERS 0x1000000

#define GICC 0x08010000 /* version 2: the CPU's interface */
#define GICC_CTLR 0x00
#define GICC_PMR 0x04
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10

#define GICR 0x080a0000 /* version 3: the redistributors, two frames for each CPU */
#define GICR_SIZE 0x20000
#define GICR_WAKER 0x14
#define WAKER_SLEEP 0x2
#define WAKER_ASLEEP 0x4
#define GICR_IGROUPR 0x10080
#define GICR_ISENABLER 0x10100
#define SGI1R_OTHERS 0x10000000000

#define INT_WAKE 0    /* a software-generated interrupt */
#define INT_TIMER 27  /* the virtual timer's, at all levels */
#define INT_NONE 1020 /* and above: none */
#define PRIORITIES_ALL 0xff

#define PSCI_CPU_ON 0xc4000003

/* Semihosting: https://github.com/ARM-software/abi-aa/blob/main/semihosting */
#define SYS_GET_CMDLINE 0x15
#define SYS_EXIT 0x18
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

#define HCR_EL2_TO_EL2 0x80000038 /* RW; AMO, IMO, FMO: interrupts come to EL2 */
#define DAIF_I 0x80
#define PSTATE_EL1H 0x5 /* with this level's stack pointer, nothing masked */
#define PSTATE_EL2H 0x9
#define PSTATE_EL3H 0xd
#define PSTATE_EL 0xc
#define PSTATE_EL0 0
#define SCR_EL3_TO_EL3 0x43e  /* RW; EA, FIQ, IRQ: interrupts come to EL3; RES1. Secure */
#define HCR_EL2_TGE 0x8000000 /* exceptions of EL0 come to EL2, too */

struct a64_frame {
    uint64_t x[31], pc, pstate, unused;
};
_Static_assert(offsetof(struct a64_frame, pc) == 248 && sizeof(struct a64_frame) == 272, "boot.S");

/* boot.S, and for boot.S */
extern const unsigned char a64_secondary[];
extern volatile uint64_t a64_released; /* at EL3: CPUs go on from the beginning */
uintptr_t a64_irq(struct a64_frame *frame);
_Noreturn void a64_fault(uintptr_t vector, uintptr_t pc, uintptr_t esr, uintptr_t far);
_Noreturn void a64_cpu_start(size_t cpu);

static size_t cpu_count;
static uint64_t tick_counts;

#define READ_SYS(name)                                                                             \
    __extension__({                                                                                \
        uint64_t sys_value;                                                                        \
        __asm__ volatile("mrs %0, " name : "=r"(sys_value) : : "memory");                          \
        sys_value;                                                                                 \
    })
#define WRITE_SYS(name, v) __asm__ volatile("msr " name ", %x0\n\tisb" : : "r"(v) : "memory")

static uint32_t read32(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}

static void write32(uintptr_t address, uint32_t v)
{
    *(volatile uint32_t *)address = v;
}

static unsigned level(void)
{
    return (unsigned)READ_SYS("currentel") >> 2;
}

/* ID_AA64PFR0_EL1.GIC: does the CPU have version 3's registers? Without them it is version 2. */
static bool gic_is_v3(void)
{
    return (READ_SYS("id_aa64pfr0_el1") >> 24 & 0xf) != 0;
}

void machine_putc(char c)
{
    while (read32(UART + UART_FR) & FR_TX_FULL)
        ;
    write32(UART, (unsigned char)c);
}

static uint64_t semihosting(unsigned operation, const volatile void *block)
{
    register uint64_t x0 __asm__("x0") = operation;
    register const volatile void *x1 __asm__("x1") = block;

    __asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
    return x0;
}

void machine_exit(int status)
{
    const volatile uint64_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint64_t)status};

    for (;;)
        semihosting(SYS_EXIT, block);
}

size_t machine_cpu_count(void)
{
    return cpu_count;
}

/* QEMU gives the image's name first. */
const char *machine_cmdline(void)
{
    static char line[512];
    uint64_t block[2] = {(uintptr_t)line, sizeof line};
    const char *s = line;

    if (semihosting(SYS_GET_CMDLINE, block) != 0)
        return "";
    while (*s != '\0' && *s != ' ')
        s++;
    return s;
}

void machine_irq_on(void)
{
    __asm__ volatile("msr daifclr, #2" : : : "memory");
}

bool machine_irq_off(void)
{
    uint64_t daif = READ_SYS("daif");

    __asm__ volatile("msr daifset, #2" : : : "memory");
    return !(daif & DAIF_I);
}

void machine_relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}

/* wfi ends when an interrupt is pending, also a masked one. */
void machine_idle(void)
{
    __asm__ volatile("wfi\n\tmsr daifclr, #2\n\tisb\n\tmsr daifset, #2" : : : "memory");
}

void machine_wake(void)
{
    __asm__ volatile("dsb ish" : : : "memory");
    if (gic_is_v3())
        WRITE_SYS("icc_sgi1r_el1", SGI1R_OTHERS | (uint64_t)INT_WAKE << 24);
    else
        write32(GICD + GICD_SGIR, SGIR_OTHERS | INT_WAKE);
}

void machine_timer_start(unsigned hz)
{
    tick_counts = READ_SYS("cntfrq_el0") / hz;
    WRITE_SYS("cntv_tval_el0", tick_counts);
    WRITE_SYS("cntv_ctl_el0", (uint64_t)1);
}

/* The interrupt is level-sensitive: it goes with its cause. */
void machine_timer_stop(void)
{
    WRITE_SYS("cntv_ctl_el0", (uint64_t)0);
    __asm__ volatile("dsb sy" : : : "memory");
}

static uint64_t sctlr(void)
{
    return level() == 3   ? READ_SYS("sctlr_el3")
           : level() == 2 ? READ_SYS("sctlr_el2")
                          : READ_SYS("sctlr_el1");
}

/* M and C. */
bool machine_atomics_work(void)
{
    return (sctlr() & 5) == 5;
}

bool machine_change_caches(void)
{
    uint64_t changed = sctlr() ^ 4;

    if (level() == 3)
        WRITE_SYS("sctlr_el3", changed);
    else if (level() == 2)
        WRITE_SYS("sctlr_el2", changed);
    else
        WRITE_SYS("sctlr_el1", changed);
    __asm__ volatile("isb" : : : "memory");
    return true;
}

static uint32_t acknowledge(void)
{
    return gic_is_v3() ? (uint32_t)READ_SYS("icc_iar1_el1") : read32(GICC + GICC_IAR);
}

static void end_of_interrupt(uint32_t number)
{
    if (gic_is_v3())
        WRITE_SYS("icc_eoir1_el1", (uint64_t)number);
    else
        write32(GICC + GICC_EOIR, number);
}

uintptr_t a64_irq(struct a64_frame *frame)
{
    uint32_t acknowledged = acknowledge(); /* version 2: and the sender of an INT_WAKE */

    switch (acknowledged & 0x3ff) {
    case INT_TIMER:
        WRITE_SYS("cntv_tval_el0", tick_counts);
        end_of_interrupt(acknowledged);
        frame->pc = bare_timer_tick(frame->pc, (frame->pstate & PSTATE_EL) != 0);
        return bare_next_frame((uintptr_t)frame);
    case INT_WAKE: end_of_interrupt(acknowledged); return (uintptr_t)frame;
    default:
        if ((acknowledged & 0x3ff) < INT_NONE)
            bare_panic("interrupt %u", acknowledged);
        return (uintptr_t)frame;
    }
}

uintptr_t machine_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    struct a64_frame *frame = (struct a64_frame *)(top & ~(uintptr_t)15) - 1;

    *frame = (struct a64_frame){
        .x[0] = (uintptr_t)arg,
        .pc = (uintptr_t)entry,
        .pstate = level() == 3   ? PSTATE_EL3H
                  : level() == 2 ? PSTATE_EL2H
                                 : PSTATE_EL1H,
    };
    return (uintptr_t)frame;
}

uintptr_t machine_user_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    struct a64_frame *frame = (struct a64_frame *)machine_frame(top, entry, arg);

    if (level() == 2)
        WRITE_SYS("hcr_el2", (uint64_t)(HCR_EL2_TO_EL2 | HCR_EL2_TGE));
    frame->pstate = PSTATE_EL0;
    return (uintptr_t)frame;
}

void a64_fault(uintptr_t vector, uintptr_t pc, uintptr_t esr, uintptr_t far)
{
    bare_panic("exception at EL%u, vector %zu, ESR 0x%lx, pc 0x%lx, address 0x%lx", level(), vector,
               esr, pc, far);
}

static void gic_v2_cpu_init(void)
{
    write32(GICD + GICD_CTLR, GICD_CTLR_V2);
    write32(GICD + GICD_ISENABLER, 1u << INT_TIMER | 1u << INT_WAKE);
    write32(GICC + GICC_PMR, PRIORITIES_ALL);
    write32(GICC + GICC_CTLR, 1);
}

static void gic_v3_cpu_init(size_t cpu)
{
    uintptr_t own = GICR + cpu * GICR_SIZE;

    write32(GICD + GICD_CTLR, GICD_CTLR_V3);
    write32(own + GICR_WAKER, read32(own + GICR_WAKER) & ~(uint32_t)WAKER_SLEEP);
    while (read32(own + GICR_WAKER) & WAKER_ASLEEP)
        ;
    write32(own + GICR_IGROUPR, 0xffffffff); /* group 1: IRQ, not FIQ */
    write32(own + GICR_ISENABLER, 1u << INT_TIMER | 1u << INT_WAKE);
    if (level() == 2)
        WRITE_SYS("icc_sre_el2", READ_SYS("icc_sre_el2") | 1);
    else
        WRITE_SYS("icc_sre_el1", READ_SYS("icc_sre_el1") | 1);
    WRITE_SYS("icc_pmr_el1", (uint64_t)PRIORITIES_ALL);
    WRITE_SYS("icc_igrpen1_el1", (uint64_t)1);
}

/* Of every CPU. */
static void cpu_init(size_t cpu)
{
    if (level() == 3)
        WRITE_SYS("scr_el3", (uint64_t)SCR_EL3_TO_EL3);
    else if (level() == 2)
        WRITE_SYS("hcr_el2", (uint64_t)HCR_EL2_TO_EL2);
    machine_timer_stop();
    if (gic_is_v3())
        gic_v3_cpu_init(cpu);
    else
        gic_v2_cpu_init();
}

void machine_init(void)
{
    const volatile uint8_t *data = (const volatile uint8_t *)FW_CFG;

    *(volatile uint16_t *)(FW_CFG + FW_CFG_SELECTOR) = FW_CFG_NB_CPUS << 8; /* big-endian */
    cpu_count = *data;
    cpu_count |= (size_t)*data << 8;
    cpu_init(0);
}

/* The machine is its own firmware, one level above us. */
static uint64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a;
    register uint64_t x2 __asm__("x2") = b;
    register uint64_t x3 __asm__("x3") = c;

    if (level() == 2)
        __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    else
        __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return x0;
}

/* QEMU numbers CPUs in clusters of 8, with version 3 of 16: affinity 1 and 0. */
void machine_start_cpus(void)
{
    static const volatile uintptr_t entry = (uintptr_t)a64_secondary; /* far from a high program */
    unsigned bits = gic_is_v3() ? 4 : 3;

    if (level() == 3) {
        a64_released = 1;
        __asm__ volatile("dsb sy\n\tsev" : : : "memory");
        return;
    }
    for (size_t cpu = 1; cpu < cpu_count; cpu++) {
        uint64_t affinity = (cpu >> bits) << 8 | (cpu & ((1u << bits) - 1));
        int64_t error = (int64_t)psci(PSCI_CPU_ON, affinity, entry, cpu);

        if (error != 0)
            bare_panic("PSCI does not start CPU %zu: %ld", cpu, (long)error);
    }
}

void a64_cpu_start(size_t cpu)
{
    cpu_init(cpu);
    bare_cpu_main(cpu);
}
