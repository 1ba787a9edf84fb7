/* SPDX-License-Identifier: MIT */
/*
 * Cortex-M3, an architecture without a port: QEMU's mps2-an385 (hw/arm/mps2.c, Arm DAI 0385), one
 * CPU. ARMv7-M: Armv7-M Architecture Reference Manual, DDI 0403.
 */
#include "machine.h"

#include "harness.h"

#define UART 0x40004000 /* CMSDK UART: DATA, STATE, CTRL */
#define UART_STATE (UART + 4)
#define UART_CTRL (UART + 8)
#define UART_BAUDDIV (UART + 16)
#define STATE_TX_FULL 1
#define CTRL_TX 1

#define SYST_CSR 0xe000e010 /* B3.3 */
#define SYST_RVR 0xe000e014
#define SYST_CVR 0xe000e018
#define CSR_ON 7 /* the CPU's clock, its interrupt, on */
#define ICSR 0xe000ed04
#define ICSR_PENDSTCLR (1u << 25)
#define CLOCK 25000000

#define SYS_GET_CMDLINE 0x15 /* semihosting, IHI 0100 */
#define SYS_EXIT_EXTENDED 0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

#define XPSR_T 0x01000000
#define RETURN_THREAD_MAIN 0xfffffff9 /* to thread mode, main stack (B1.5.8) */

struct m_frame {
    uint32_t unused, r4_to_r11[8], exc_return, r[4], r12, lr, pc, xpsr;
};

/* For boot.S. */
uintptr_t m_tick(struct m_frame *frame);
_Noreturn void m_panic(unsigned exception, const uint32_t *pushed);

volatile uintptr_t own_delta; /* the tests' register: own/percpu_own.h */

static volatile uint32_t *reg(uintptr_t address)
{
    return (volatile uint32_t *)address;
}

static int semihosting(unsigned operation, const volatile void *block)
{
    register unsigned r0 __asm__("r0") = operation;
    register const volatile void *r1 __asm__("r1") = block;

    __asm__ volatile("bkpt #0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int)r0;
}

void machine_init(void)
{
    *reg(UART_BAUDDIV) = 16;
    *reg(UART_CTRL) = CTRL_TX;
    machine_timer_stop();
}

void machine_putc(char c)
{
    while (*reg(UART_STATE) & STATE_TX_FULL)
        ;
    *reg(UART) = (unsigned char)c;
}

size_t machine_cpu_count(void)
{
    return 1;
}

void machine_start_cpus(void)
{
}

/* QEMU gives the image's name first. */
const char *machine_cmdline(void)
{
    static char line[512];
    uint32_t block[2] = {(uintptr_t)line, sizeof line};
    const char *s = line;

    if (semihosting(SYS_GET_CMDLINE, block) != 0)
        return "";
    while (*s != '\0' && *s != ' ')
        s++;
    return s;
}

void machine_exit(int status)
{
    const volatile uint32_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status};

    for (;;)
        semihosting(SYS_EXIT_EXTENDED, block);
}

void machine_irq_on(void)
{
    __asm__ volatile("cpsie i" : : : "memory");
}

bool machine_irq_off(void)
{
    uint32_t primask;

    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask) : : "memory");
    return !(primask & 1);
}

void machine_relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}

void machine_timer_start(unsigned hz)
{
    *reg(SYST_RVR) = CLOCK / hz - 1;
    *reg(SYST_CVR) = 0;
    *reg(SYST_CSR) = CSR_ON;
}

void machine_timer_stop(void)
{
    *reg(SYST_CSR) = 0;
    *reg(ICSR) = ICSR_PENDSTCLR;
    __asm__ volatile("dsb\n\tisb" : : : "memory");
}

uintptr_t m_tick(struct m_frame *frame)
{
    frame->pc = bare_timer_tick(frame->pc, true);
    return bare_next_frame((uintptr_t)frame);
}

uintptr_t machine_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    struct m_frame *frame = (struct m_frame *)(top & ~(uintptr_t)7) - 1;

    *frame = (struct m_frame){
        .exc_return = RETURN_THREAD_MAIN,
        .r[0] = (uintptr_t)arg,
        .pc = (uintptr_t)entry & ~(uintptr_t)1,
        .xpsr = XPSR_T,
    };
    return (uintptr_t)frame;
}

uintptr_t machine_user_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    return machine_frame(top, entry, arg);
}

void m_panic(unsigned exception, const uint32_t *pushed)
{
    bare_panic("exception %u, pc 0x%x", exception, (unsigned)pushed[6]);
}
