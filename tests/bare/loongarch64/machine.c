/* SPDX-License-Identifier: MIT */
/*
 * loongarch64: QEMU's virt machine.
 * CSRs: LoongArch Reference Manual, volume 1, chapter 7. IOCSRs: Loongson 3A5000/3B5000 Processor
 * Reference Manual, "Processor Core Interrupts and Communication".
 */
#include "machine.h"

#include "harness.h"

#define DEVICE(address) (0x8000000000000000 | (address)) /* boot.S, WINDOW_8 */

/* QEMU 7.2, include/hw/loongarch/virt.h and include/hw/pci-host/ls7a.h */
#define UART DEVICE(0x1fe001e0)
#define UART_LSR (UART + 5)
#define LSR_THR_EMPTY 0x20
#define POWER DEVICE(0x10080010)
#define POWER_OFF 0xff
#define FW_CFG_DATA DEVICE(0x1e020000)
#define FW_CFG_SELECTOR DEVICE(0x1e020008)
#define PCI_ECAM DEVICE(0x20000000)
#define PCI_MEMORY 0x40000000u

/* QEMU, docs/specs/fw_cfg.rst: keys; numbers in the directory are big-endian. */
#define FW_CFG_NB_CPUS 0x05
#define FW_CFG_DIRECTORY 0x19
#define CMDLINE_FILE "opt/cmdline"

/* QEMU, docs/specs/pvpanic.rst. With -action panic=exit-failure the status is 1. */
#define PVPANIC_ID 0x00111b36
#define PVPANIC_PANICKED 1

#define CSR_CRMD 0x0
#define CSR_ECFG 0x4
#define CSR_ESTAT 0x5
#define CSR_BADV 0x7
#define CSR_EENTRY 0xc
#define CSR_TCFG 0x41
#define CSR_TICLR 0x44
#define CSR_TLBRENTRY 0x88
#define CSR_TLBRBADV 0x89
#define CSR_TLBRERA 0x8a

#define CRMD_IE 0x4
#define PRMD_PIE 0x4
#define PRMD_PPLV 0x3
#define INT_TIMER (1u << 11)
#define INT_IPI (1u << 12)
#define ESTAT_INTERRUPTS 0x1fff
#define ESTAT_ECODE(estat) ((estat) >> 16 & 0x3f)
#define TIMER_HZ 100000000 /* QEMU, target/loongarch/constant_timer.c */
#define TCFG_PERIODIC 3    /* and enabled */

/* IOCSR */
#define IPI_STATUS 0x1000
#define IPI_ENABLE 0x1004
#define IPI_CLEAR 0x100c
#define IPI_SEND 0x1040
#define IPI_SEND_BLOCKING 0x80000000u

#define csr_read(csr)                                                                              \
    __extension__({                                                                                \
        uint64_t csr_value;                                                                        \
        __asm__ volatile("csrrd %0, %1" : "=r"(csr_value) : "i"(csr) : "memory");                  \
        csr_value;                                                                                 \
    })
#define csr_write(csr, v)                                                                          \
    __extension__({                                                                                \
        uint64_t csr_value = (v);                                                                  \
        __asm__ volatile("csrwr %0, %1" : "+r"(csr_value) : "i"(csr) : "memory");                  \
    })

/* boot.S */
extern const char loongarch_trap_entry[], loongarch_refill_entry[];
extern volatile uint32_t loongarch_go;

struct loongarch_frame {
    uint64_t ra, a[8], t[9], fp, s[9], pc, prmd;
};
_Static_assert(offsetof(struct loongarch_frame, pc) == 224, "boot.S");
_Static_assert(sizeof(struct loongarch_frame) == 240, "boot.S");

/* For boot.S */
uintptr_t loongarch_trap(struct loongarch_frame *frame);
_Noreturn void loongarch_refill(void);
_Noreturn void loongarch_cpu_start(size_t cpu);

static size_t cpu_count;
static char cmdline[256];

static uint32_t iocsr_read(uint32_t reg)
{
    uint32_t v;

    __asm__ volatile("iocsrrd.w %0, %1" : "=r"(v) : "r"(reg) : "memory");
    return v;
}

static void iocsr_write(uint32_t reg, uint32_t v)
{
    __asm__ volatile("iocsrwr.w %0, %1" : : "r"(v), "r"(reg) : "memory");
}

void machine_putc(char c)
{
    while (!(*(volatile uint8_t *)UART_LSR & LSR_THR_EMPTY))
        ;
    *(volatile char *)UART = c;
}

/* For failure there is only a panic, of a PCI device that nobody has given an address yet. */
static void panic(void)
{
    for (uintptr_t device = 0; device < 32; device++) {
        volatile uint32_t *config = (volatile uint32_t *)(PCI_ECAM + (device << 15));

        if (config[0] == PVPANIC_ID) {
            config[4] = PCI_MEMORY; /* BAR 0 */
            config[1] |= 2;         /* command: memory */
            *(volatile uint8_t *)DEVICE(PCI_MEMORY) = PVPANIC_PANICKED;
        }
    }
}

/* QEMU acts a while after the store. */
void machine_exit(int status)
{
    if (status == 0)
        *(volatile uint8_t *)POWER = POWER_OFF;
    else
        panic();
    for (;;)
        machine_idle();
}

size_t machine_cpu_count(void)
{
    return cpu_count;
}

const char *machine_cmdline(void)
{
    return cmdline;
}

static uint64_t crmd_ie(uint64_t value)
{
    __asm__ volatile("csrxchg %0, %1, %2" : "+r"(value) : "r"(CRMD_IE), "i"(CSR_CRMD) : "memory");
    return value;
}

void machine_irq_on(void)
{
    crmd_ie(CRMD_IE);
}

bool machine_irq_off(void)
{
    return (crmd_ie(0) & CRMD_IE) != 0;
}

void machine_relax(void)
{
    __asm__ volatile("" : : : "memory");
}

/* idle ends at an interrupt that ECFG enables, also one pending before, whatever CRMD.IE says. */
void machine_idle(void)
{
    __asm__ volatile("idle 0" : : : "memory");
    machine_irq_on();
    machine_irq_off();
}

void machine_wake(void)
{
    uint32_t self = (uint32_t)test_cpu();

    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        if (cpu != self)
            iocsr_write(IPI_SEND, IPI_SEND_BLOCKING | cpu << 16);
}

void machine_timer_start(unsigned hz)
{
    csr_write(CSR_TCFG, (TIMER_HZ / hz & ~3u) | TCFG_PERIODIC);
}

void machine_timer_stop(void)
{
    csr_write(CSR_TCFG, 0);
    csr_write(CSR_TICLR, 1);
}

uintptr_t loongarch_trap(struct loongarch_frame *frame)
{
    uint64_t estat = csr_read(CSR_ESTAT);

    if (ESTAT_ECODE(estat) != 0 || !(estat & ESTAT_INTERRUPTS))
        bare_panic("exception %lu, pc 0x%lx, address 0x%lx, estat 0x%lx", ESTAT_ECODE(estat),
                   frame->pc, csr_read(CSR_BADV), estat);
    if (estat & INT_IPI)
        iocsr_write(IPI_CLEAR, iocsr_read(IPI_STATUS));
    if (estat & INT_TIMER) {
        csr_write(CSR_TICLR, 1);
        frame->pc = bare_timer_tick(frame->pc, (frame->prmd & PRMD_PPLV) == 0);
        return bare_next_frame((uintptr_t)frame);
    }
    return (uintptr_t)frame;
}

uintptr_t machine_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    struct loongarch_frame *frame = (struct loongarch_frame *)(top & ~(uintptr_t)15) - 1;

    *frame = (struct loongarch_frame){
        .a[0] = (uintptr_t)arg,
        .pc = (uintptr_t)entry,
        .prmd = PRMD_PIE,
    };
    return (uintptr_t)frame;
}

uintptr_t machine_user_frame(uintptr_t top, void (*entry)(void *arg), void *arg)
{
    struct loongarch_frame *frame = (struct loongarch_frame *)machine_frame(top, entry, arg);

    frame->prmd |= PRMD_PPLV;
    return (uintptr_t)frame;
}

/* Addresses go on working in direct address translation mode: their upper bits drop out. */
void loongarch_refill(void)
{
    bare_panic("TLB refill, pc 0x%lx, address 0x%lx", csr_read(CSR_TLBRERA),
               csr_read(CSR_TLBRBADV));
}

static void cpu_init(void)
{
    csr_write(CSR_EENTRY, (uintptr_t)loongarch_trap_entry);
    /* A physical address: refills run in direct addressing mode. */
    csr_write(CSR_TLBRENTRY, (uintptr_t)loongarch_refill_entry & 0xfffffffffff);
    machine_timer_stop();
    iocsr_write(IPI_ENABLE, 1);
    csr_write(CSR_ECFG, INT_TIMER | INT_IPI); /* VS 0: one entry for all */
}

static void fw_cfg_read(uint16_t key, void *to, size_t n)
{
    unsigned char *t = to;

    if (key != 0)
        *(volatile uint16_t *)FW_CFG_SELECTOR = __builtin_bswap16(key);
    while (n-- > 0)
        *t++ = *(volatile uint8_t *)FW_CFG_DATA;
}

/* This machine's own command line goes to firmware only: tools/qemu-run passes a file instead. */
static void cmdline_init(void)
{
    uint32_t count;
    struct {
        uint32_t size;
        uint16_t key, reserved;
        char name[56];
    } file;

    fw_cfg_read(FW_CFG_DIRECTORY, &count, sizeof count);
    for (count = __builtin_bswap32(count); count > 0; count--) {
        fw_cfg_read(0, &file, sizeof file); /* goes on in the directory */
        if (memcmp(file.name, CMDLINE_FILE, sizeof CMDLINE_FILE) == 0) {
            size_t size = __builtin_bswap32(file.size);

            fw_cfg_read(__builtin_bswap16(file.key), cmdline,
                        size < sizeof cmdline ? size : sizeof cmdline - 1);
            return;
        }
    }
}

void machine_init(void)
{
    uint16_t count;

    cpu_init();
    fw_cfg_read(FW_CFG_NB_CPUS, &count, sizeof count);
    cpu_count = count;
    cmdline_init();
}

void machine_start_cpus(void)
{
    __atomic_store_n(&loongarch_go, 1, __ATOMIC_RELEASE);
}

void loongarch_cpu_start(size_t cpu)
{
    cpu_init();
    bare_cpu_main(cpu);
}
