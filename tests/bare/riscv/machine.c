/* SPDX-License-Identifier: MIT */
/*
 * riscv: QEMU's virt machine, its addresses from hw/riscv/virt.c. SBI: RISC-V Supervisor Binary
 * Interface Specification. Devicetree: Devicetree Specification, chapter 5, "Flattened Devicetree".
 */
#include "machine.h"

#include "harness.h"
#include "riscv.h"

/* In the high half boot.S maps them 1 GiB higher. */
#define UART 0x10000000
#define UART_LSR 5
#define LSR_THR_EMPTY 0x20
#define TEST_DEVICE 0x00100000 /* a status in the upper half and 0x3333, or 0x5555 */
#define CLINT_MTIMECMP 0x02004000
#define CLINT_MTIME 0x0200bff8
#define TIMEBASE 10000000

#define SBI_TIME 0x54494d45
#define SBI_IPI 0x00735049
#define SBI_HSM 0x0048534d

#define CSR_NAME(name) #name
#define CSR_STRING(name) CSR_NAME(name)
#define CSR(name) CSR_STRING(MODE(name))

/* boot.S */
extern const uintptr_t riscv_secondary_address;
void riscv_trap_entry(void);

/* For boot.S */
extern volatile uint32_t riscv_release;
_Noreturn void riscv_start(size_t hart, const void *tree);
_Noreturn void riscv_cpu_start(size_t cpu);
uintptr_t riscv_trap(uintptr_t *frame);

/* Written before .bss is zero, so not in it. */
volatile uint32_t riscv_release __attribute__((section(".data")));

static size_t boot_hart;
static uintptr_t devices;
static const char *command_line = "";
static size_t cpu_count;
static uint64_t tick_time[MACHINE_MAX_CPUS], tick_period[MACHINE_MAX_CPUS];

static volatile uint32_t *device(uintptr_t address)
{
    return (volatile uint32_t *)(devices + address);
}

/* CPU 0 is the hart that booted; the others follow in order. QEMU numbers harts from 0. */
static size_t hart_of(size_t cpu)
{
    return cpu == 0 ? boot_hart : cpu <= boot_hart ? cpu - 1 : cpu;
}

/* -- The mode's own ways ---------------------------------------------------------------------- */

#ifdef PERCPU_RISCV_M_MODE

static uint64_t now(void)
{
    uint32_t high, low;

    do {
        high = device(CLINT_MTIME)[1];
        low = device(CLINT_MTIME)[0];
    } while (high != device(CLINT_MTIME)[1]);
    return (uint64_t)high << 32 | low;
}

static void set_timer(uint64_t time)
{
    volatile uint32_t *compare = device(CLINT_MTIMECMP + 8 * hart_of(test_cpu()));

    compare[1] = UINT32_MAX; /* no tick between the halves */
    compare[0] = (uint32_t)time;
    compare[1] = (uint32_t)(time >> 32);
}

static void send_ipi(size_t hart)
{
    *device(CLINT_MSIP + 4 * hart) = 1;
}

/* To the calling CPU, which has interrupts off. */
static void pend_ipi(void)
{
    send_ipi(hart_of(test_cpu()));
}

static void take_ipi(void)
{
    *device(CLINT_MSIP + 4 * hart_of(test_cpu())) = 0;
}

void machine_start_cpus(void)
{
    __asm__ volatile("fence rw, w" : : : "memory");
    riscv_release = 1;
    machine_wake();
}

#else

static uintptr_t sbi(uintptr_t extension, uintptr_t function, uintptr_t x, uintptr_t y, uintptr_t z)
{
    register uintptr_t a0 __asm__("a0") = x;
    register uintptr_t a1 __asm__("a1") = y;
    register uintptr_t a2 __asm__("a2") = z;
    register uintptr_t a6 __asm__("a6") = function;
    register uintptr_t a7 __asm__("a7") = extension;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return a0;
}

static uint64_t now(void)
{
    uint64_t time;

    __asm__ volatile("csrr %0, time" : "=r"(time));
    return time;
}

static void set_timer(uint64_t time)
{
    sbi(SBI_TIME, 0, time, 0, 0);
}

static void send_ipi(size_t hart)
{
    sbi(SBI_IPI, 0, 1, hart, 0);
}

static void pend_ipi(void)
{
    __asm__ volatile("csrs sip, %0" : : "r"(1 << IRQ_SOFTWARE));
}

static void take_ipi(void)
{
    __asm__ volatile("csrc sip, %0" : : "r"(1 << IRQ_SOFTWARE));
}

void machine_start_cpus(void)
{
    for (size_t cpu = 1; cpu < cpu_count; cpu++) {
        uintptr_t error = sbi(SBI_HSM, 0, hart_of(cpu), riscv_secondary_address, cpu);

        if (error != 0)
            bare_panic("hart %zu does not start: SBI error %ld", hart_of(cpu), (long)error);
    }
}

#endif

/* -- What both have ---------------------------------------------------------------------------- */

void machine_putc(char c)
{
    volatile uint8_t *uart = (volatile uint8_t *)device(UART);

    while (!(uart[UART_LSR] & LSR_THR_EMPTY))
        ;
    *uart = (uint8_t)c;
}

void machine_exit(int status)
{
    *device(TEST_DEVICE) = status == 0 ? 0x5555 : 0x13333;
    for (;;)
        __asm__ volatile("wfi");
}

size_t machine_cpu_count(void)
{
    return cpu_count;
}

const char *machine_cmdline(void)
{
    return command_line;
}

void machine_irq_on(void)
{
    __asm__ volatile("csrsi " CSR(status) ", %0" : : "i"(STATUS_IE) : "memory");
}

bool machine_irq_off(void)
{
    uintptr_t status;

    __asm__ volatile("csrrci %0, " CSR(status) ", %1" : "=r"(status) : "i"(STATUS_IE) : "memory");
    return (status & STATUS_IE) != 0;
}

/*
 * Not pause: on QEMU it does not let another CPU have the host's. wfi does, and an interrupt that
 * is pending ends it. Another CPU's machine_wake() may get lost, but nobody sleeps in here.
 */
void machine_relax(void)
{
    bool irq_was_on = machine_irq_off();

    pend_ipi();
    __asm__ volatile("wfi" : : : "memory");
    take_ipi();
    if (irq_was_on)
        machine_irq_on();
}

/* wfi ends when an interrupt is pending, on or off. */
void machine_idle(void)
{
    __asm__ volatile("wfi" : : : "memory");
    machine_irq_on();
    machine_irq_off();
}

void machine_wake(void)
{
    for (size_t cpu = 0; cpu < cpu_count; cpu++)
        if (cpu != test_cpu())
            send_ipi(hart_of(cpu));
}

void machine_timer_start(unsigned hz)
{
    size_t cpu = test_cpu();

    tick_period[cpu] = TIMEBASE / hz;
    tick_time[cpu] = now() + tick_period[cpu];
    set_timer(tick_time[cpu]);
    __asm__ volatile("csrs " CSR(ie) ", %0" : : "r"(1 << IRQ_TIMER));
}

void machine_timer_stop(void)
{
    __asm__ volatile("csrc " CSR(ie) ", %0" : : "r"(1 << IRQ_TIMER));
    set_timer(UINT64_MAX);
}

/* frame[n] is register n, but not sp, gp, tp. */
uintptr_t riscv_trap(uintptr_t *frame)
{
    size_t cpu = test_cpu();
    uintptr_t cause, value;

    __asm__ volatile("csrr %0, " CSR(cause) "\n\tcsrr %1, " CSR(tval) : "=r"(cause), "=r"(value));
    switch (cause) {
    case ~(UINTPTR_MAX >> 1) | IRQ_TIMER:
        /* From now: a late tick does not bring a row of them. */
        tick_time[cpu] = now() + tick_period[cpu];
        set_timer(tick_time[cpu]);
        frame[0] = bare_timer_tick(frame[0], (frame[2] & STATUS_PREVIOUS) != 0);
        return bare_next_frame((uintptr_t)frame);
    case ~(UINTPTR_MAX >> 1) | IRQ_SOFTWARE: take_ipi(); return (uintptr_t)frame;
    default:
        bare_panic("trap %zu, pc 0x%zx, address 0x%zx, ra 0x%zx, sp 0x%zx", (size_t)cause,
                   (size_t)frame[0], (size_t)value, (size_t)frame[1], (size_t)(frame + 32));
    }
}

/* The calling CPU's other bits of the status, with interrupts on after the return. */
uintptr_t machine_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    uintptr_t *frame = (uintptr_t *)(top & ~(uintptr_t)15) - 32;
    uintptr_t status;

    __asm__ volatile("csrr %0, " CSR(status) : "=r"(status));
    memset(frame, 0, 32 * sizeof *frame);
    frame[0] = (uintptr_t)entry;
    frame[2] = (status & ~(uintptr_t)STATUS_IE) | STATUS_RETURN;
    frame[10] = (uintptr_t)arg;
    return (uintptr_t)frame;
}

uintptr_t machine_user_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    uintptr_t *frame = (uintptr_t *)machine_frame(top, entry, arg);

#ifdef PERCPU_RISCV_M_MODE
    /* Without an entry user mode has no memory (Privileged, "Physical Memory Protection"). */
    __asm__ volatile("csrw pmpaddr0, %0\n\tcsrw pmpcfg0, %1" : : "r"(UINTPTR_MAX), "r"(0x1f));
#endif
    frame[2] &= ~(uintptr_t)STATUS_PREVIOUS;
    return (uintptr_t)frame;
}

static void cpu_init(void)
{
    __asm__ volatile("csrw " CSR(tvec) ", %0\n\tcsrw " CSR(ie) ", %1"
                     :
                     : "r"(riscv_trap_entry), "r"(1 << IRQ_SOFTWARE));
    set_timer(UINT64_MAX);
}

/* -- Device tree: every CPU's node has device_type "cpu"; /chosen has bootargs ----------------- */

static uint32_t big_endian(const void *p)
{
    const uint8_t *b = p;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool equal(const char *a, const char *b)
{
    return memcmp(a, b, strlen(b) + 1) == 0;
}

static void read_tree(const char *tree)
{
    enum { BEGIN_NODE = 1, END_NODE, PROPERTY, NOP };
    const char *strings = tree + big_endian(tree + 12);
    const char *p = tree + big_endian(tree + 8);

    for (;;) {
        uint32_t token = big_endian(p);

        p += 4;
        if (token == BEGIN_NODE) {
            p += (strlen(p) + 4) & ~(size_t)3;
        } else if (token == PROPERTY) {
            uint32_t size = big_endian(p);
            const char *name = strings + big_endian(p + 4), *value = p + 8;

            if (equal(name, "device_type") && equal(value, "cpu"))
                cpu_count++;
            if (equal(name, "bootargs"))
                command_line = value;
            p += 8 + ((size + 3) & ~(uint32_t)3);
        } else if (token != END_NODE && token != NOP) {
            return;
        }
    }
}

/* -- Start ------------------------------------------------------------------------------------- */

void riscv_start(size_t hart, const void *tree)
{
    boot_hart = hart;
    if ((intptr_t)riscv_start < 0 && sizeof(uintptr_t) == 8)
        devices = 0x40000000;
    read_tree(tree);
    bare_start();
}

void machine_init(void)
{
    cpu_init();
}

void riscv_cpu_start(size_t cpu)
{
    cpu_init();
    bare_cpu_main(cpu);
}
