/* SPDX-License-Identifier: MIT */
/* x86_64: QEMU's q35, pc and microvm machines. Intel SDM vol. 3, chapter 11 "APIC". */
#include "machine.h"

#define COM1 0x3f8
#define COM1_LSR (COM1 + 5)
#define LSR_THR_EMPTY 0x20

/* QEMU, docs/specs/fw_cfg.rst; the key is in include/standard-headers/linux/qemu_fw_cfg.h. */
#define FW_CFG_SELECTOR 0x510
#define FW_CFG_DATA 0x511
#define FW_CFG_NB_CPUS 0x05

/* isa-debug-exit: status (v << 1) | 1. 33 and 35 are none of QEMU's own. */
#define DEBUG_EXIT 0xf4
#define EXIT_SUCCESS_VALUE 0x10
#define EXIT_FAILURE_VALUE 0x11

#define APIC 0xfee00000
#define APIC_TPR 0x080
#define APIC_EOI 0x0b0
#define APIC_SVR 0x0f0
#define APIC_ICR 0x300
#define APIC_LVT_TIMER 0x320
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE 0x3e0
#define APIC_HZ 1000000000 /* QEMU, hw/intc/apic.c: one count is one nanosecond */

#define LVT_MASKED 0x10000
#define LVT_PERIODIC 0x20000
#define ICR_INIT_OTHERS 0x000c4500
#define ICR_STARTUP_OTHERS 0x000c4600
#define ICR_WAKE_OTHERS (0x000c4000 | VECTOR_WAKE)
#define TRAMPOLINE 0x8000

#define VECTOR_TIMER 0x20
#define VECTOR_WAKE 0x21
#define VECTOR_SPURIOUS 0xff

#define CR4_FSGSBASE 0x10000
#define RFLAGS_IF 0x200

/* Xen, public/arch-x86/hvm/start_info.h */
struct hvm_start_info {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modlist_paddr, cmdline_paddr;
};

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct gate {
    uint16_t offset0, selector, flags, offset16;
    uint32_t offset32, zero;
};

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

/* boot.S */
extern const unsigned char x86_trampoline[], x86_trampoline_end[], x86_vectors[];
const struct hvm_start_info *x86_start_info;
size_t x86_arrivals = 1; /* CPU 0 has arrived */

/* For boot.S */
uintptr_t x86_trap(struct trap_frame *frame);
_Noreturn void x86_cpu_start(size_t cpu);

static struct gate idt[256];
static size_t cpu_count;

static void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static void outw(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static uint32_t apic_read(uintptr_t reg)
{
    return *(volatile uint32_t *)(APIC + reg);
}

static void apic_write(uintptr_t reg, uint32_t v)
{
    *(volatile uint32_t *)(APIC + reg) = v;
}

void machine_putc(char c)
{
    while (!(inb(COM1_LSR) & LSR_THR_EMPTY))
        ;
    outb(COM1, (uint8_t)c);
}

void machine_exit(int status)
{
    outb(DEBUG_EXIT, status == 0 ? EXIT_SUCCESS_VALUE : EXIT_FAILURE_VALUE);
    for (;;)
        __asm__ volatile("cli; hlt");
}

size_t machine_cpu_count(void)
{
    return cpu_count;
}

const char *machine_cmdline(void)
{
    uint64_t s = x86_start_info->cmdline_paddr;

    return s != 0 ? (const char *)s : "";
}

void machine_irq_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

bool machine_irq_off(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
    return (flags & RFLAGS_IF) != 0;
}

void machine_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* sti lets no interrupt in before the hlt has begun. */
void machine_idle(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

void machine_wake(void)
{
    apic_write(APIC_ICR, ICR_WAKE_OTHERS);
}

void machine_timer_start(unsigned hz)
{
    apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, APIC_HZ / hz);
}

void machine_timer_stop(void)
{
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    apic_write(APIC_TIMER_INITIAL, 0);
}

uintptr_t x86_trap(struct trap_frame *frame)
{
    uint64_t address;

    switch (frame->vector) {
    case VECTOR_TIMER:
        apic_write(APIC_EOI, 0);
        frame->rip = bare_timer_tick(frame->rip, (frame->cs & 3) == 0);
        return bare_next_frame((uintptr_t)frame);
    case VECTOR_WAKE: apic_write(APIC_EOI, 0); return (uintptr_t)frame;
    case VECTOR_SPURIOUS: /* no EOI (SDM vol. 3, 11.9) */ return (uintptr_t)frame;
    default:
        __asm__ volatile("mov %%cr2, %0" : "=r"(address));
        bare_panic("exception %lu, error 0x%lx, pc 0x%lx, address 0x%lx, sp 0x%lx", frame->vector,
                   frame->error, frame->rip, address, frame->rsp);
    }
}

/* As after a call, 8 bytes off alignment. Code and data selectors: boot.S. */
uintptr_t machine_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    struct trap_frame *frame = (struct trap_frame *)(top & ~(uintptr_t)15) - 1;

    *frame = (struct trap_frame){
        .rdi = (uintptr_t)arg,
        .rip = (uintptr_t)entry,
        .cs = 0x10,
        .rflags = RFLAGS_IF | 2,
        .rsp = (uintptr_t)(frame + 1) - 8,
        .ss = 0x18,
    };
    return (uintptr_t)frame;
}

/* Of every CPU: exceptions, its APIC, and wrgsbase where the CPU has it. */
static void cpu_init(void)
{
    struct table_pointer pointer = {sizeof idt - 1, (uintptr_t)idt};
    uint32_t eax = 7, ebx, ecx = 0, edx;

    __asm__ volatile("lidt %0" : : "m"(pointer));
    apic_write(APIC_SVR, 0x100 | VECTOR_SPURIOUS);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
    machine_timer_stop();

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    if (ebx & 1) { /* FSGSBASE; leaf 7 exists on every CPU model that QEMU has for years */
        uint64_t cr4;

        __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
        __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_FSGSBASE));
    }
}

void machine_init(void)
{
    for (size_t i = 0; i < 256; i++) {
        uintptr_t entry = (uintptr_t)x86_vectors + 16 * i;

        idt[i] = (struct gate){
            .offset0 = (uint16_t)entry,
            .selector = 0x10,
            .flags = 0x8e00, /* present, interrupt gate: interrupts off */
            .offset16 = (uint16_t)(entry >> 16),
            .offset32 = (uint32_t)(entry >> 32),
        };
    }
    outb(0x21, 0xff); /* mask both 8259s */
    outb(0xa1, 0xff);
    cpu_init();

    outw(FW_CFG_SELECTOR, FW_CFG_NB_CPUS);
    cpu_count = inb(FW_CFG_DATA);
    cpu_count |= (size_t)inb(FW_CFG_DATA) << 8;
}

static void delay_us(unsigned us)
{
    apic_write(APIC_TIMER_INITIAL, us * (APIC_HZ / 1000000)); /* one-shot and masked */
    while (apic_read(APIC_TIMER_CURRENT) != 0)
        machine_relax();
}

/* SDM vol. 3, 9.4.4.1: INIT, 10 ms, start-up twice. */
void machine_start_cpus(void)
{
    memcpy((void *)TRAMPOLINE, x86_trampoline, (size_t)(x86_trampoline_end - x86_trampoline));
    apic_write(APIC_ICR, ICR_INIT_OTHERS);
    delay_us(10000);
    for (int i = 0; i < 2; i++) {
        apic_write(APIC_ICR, ICR_STARTUP_OTHERS | TRAMPOLINE >> 12);
        delay_us(200);
    }
}

void x86_cpu_start(size_t cpu)
{
    cpu_init();
    bare_cpu_main(cpu);
}
