/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU data in interrupt handlers while the main code uses it, on all CPUs at once. On a bare
 * machine the interrupt is the timer's; on a host it is a signal, sent by a thread per CPU.
 *
 * An interrupt that comes in the middle of anything must find its own CPU's data and must leave
 * everything as the interrupted code expects it.
 */
#include "areas.h"

#include <stdatomic.h>

#if !HARNESS_BARE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#endif

/* Emulated CPUs beyond the real ones take turns of milliseconds, with a tick or so in each. */
#define TICKS (test_cpus() > 8 ? 10u : 100u)

struct shared {
    word by_main, by_tick, both;
    uint8_t bytes[4]; /* neighbours, written by different parties */
};

static PERCPU_DEFINE(word, ticks);
static PERCPU_DEFINE(word, noise) = 77;
static PERCPU_DEFINE(struct shared, shared);

static atomic_uint own_ticks[TEST_MAX_CPUS]; /* the same number, without percpu */
static atomic_uint wrong_cpu;
static bool percpu_in_use;

static void tick(void)
{
    size_t cpu = test_cpu();

    if (!percpu_in_use)
        return;
    own_ticks[cpu]++;
    if (percpu_cpu_id() != cpu || percpu_current_ptr(ticks) != percpu_remote_ptr(ticks, cpu))
        wrong_cpu++;
    percpu_write(ticks, percpu_read(ticks) + 1);
    percpu_with_current(shared, p) {
        p->by_tick++;
        p->both++;
    }
    percpu_write(shared.bytes[1], (uint8_t)(percpu_read(shared.bytes[1]) + 1));
    percpu_write_raw(noise, 77 + percpu_read_raw(noise) - 77);
}

/* Ticks come to the calling CPU between the two. */
static void ticks_begin(size_t cpu);
static void ticks_end(size_t cpu);

/*
 * The update of `both` is split between main and tick: with interrupts off no increment is lost. On
 * thread and rseq, where there is nothing to turn off, the signal's half is left out.
 */
static word increment_both(void)
{
#if defined(PERCPU_PLATFORM_THREAD) || defined(PERCPU_PLATFORM_RSEQ)
    return 0;
#else
    percpu_with_current_irq(shared, p) {
        word v = *(volatile word *)&p->both;

        __asm__ volatile("" : "+r"(v)); /* or it becomes one instruction, which needs no guard */
        *(volatile word *)&p->both = v + 1;
    }
    return 1;
#endif
}

static void work(size_t cpu, void *unused)
{
    unsigned loops = 0, wrong = 0;
    word mine = 0;

    (void)unused;
    ticks_begin(cpu);
    while (own_ticks[cpu] < TICKS) {
        loops++;
        mine += increment_both();
        /* Only main writes these two. */
        percpu_write(shared.by_main, percpu_read(shared.by_main) + 1);
        percpu_write(shared.bytes[0], (uint8_t)loops);
        percpu_write(shared.bytes[2], (uint8_t)~loops);
        wrong += percpu_cpu_id() != cpu;
        wrong += percpu_read(noise) != 77;
        wrong += percpu_read(shared.bytes[0]) != (uint8_t)loops;
        wrong += percpu_read(shared.bytes[2]) != (uint8_t)~loops;
        wrong += percpu_current_ptr(ticks) != percpu_remote_ptr(ticks, cpu);
    }
    ticks_end(cpu);
    check_eq(wrong, 0);
    check_eq(percpu_read(shared.by_main), loops);
    check_eq(percpu_read(shared.both), mine + own_ticks[cpu]);
    check_eq(guards_held(), 0);
}

static void interrupts(size_t bound)
{
    for (size_t cpu = 0; cpu < TEST_MAX_CPUS; cpu++)
        own_ticks[cpu] = 0;
    wrong_cpu = 0;
    percpu_in_use = true;
    on_bound(work, NULL);
    percpu_in_use = false;
    check_eq(wrong_cpu, 0);
    for (size_t cpu = 0; cpu < bound; cpu++) {
        check(own_ticks[cpu] >= TICKS);
        check_eq(percpu_remote_read(ticks, cpu), own_ticks[cpu]);
        check_eq(percpu_remote_read(shared.by_tick, cpu), own_ticks[cpu]);
        check_eq(percpu_remote_read(shared.bytes[1], cpu), (uint8_t)own_ticks[cpu]);
        check_eq(percpu_remote_read(shared.bytes[3], cpu), 0);
    }
    for (size_t cpu = bound; cpu < percpu_area_num(); cpu++)
        check_eq(percpu_remote_read(ticks, cpu), 0);
}

#if !HARNESS_BARE
static void on_signal(int number)
{
    (void)number;
    tick();
}
#endif

/* 8 bytes are read and written at once, on machines that have no such access, too. */
static PERCPU_DEFINE(uint64_t, whole);
static bool whole_in_use;
static atomic_uint torn;

static void look_at_whole(void)
{
    size_t cpu = test_cpu();
    uint64_t v;

    if (!whole_in_use)
        return;
    v = percpu_read(whole);
    torn += (uint32_t)v != (uint32_t)(v >> 32);
    v = own_ticks[cpu]++;
    percpu_write(whole, v << 32 | v);
}

static void use_whole(size_t cpu, void *unused)
{
    (void)unused;
    ticks_begin(cpu);
    for (uint64_t v = 1; own_ticks[cpu] < TICKS; v++) {
        uint64_t seen = percpu_read(whole);

        torn += (uint32_t)seen != (uint32_t)(seen >> 32);
        percpu_write(whole, v << 32 | (uint32_t)v);
    }
    ticks_end(cpu);
}

static void interrupted_whole(size_t bound)
{
    (void)bound;
    for (size_t cpu = 0; cpu < TEST_MAX_CPUS; cpu++)
        own_ticks[cpu] = 0;
    torn = 0;
    whole_in_use = true;
    on_bound(use_whole, NULL);
    whole_in_use = false;
    check_eq(torn, 0);
}

#if !HARNESS_BARE
static void look_on_signal(int number)
{
    (void)number;
    look_at_whole();
}
#endif

TEST(interrupts_do_not_tear_8_bytes)
{
#if HARNESS_BARE
    bare_tick = look_at_whole;
    with_areas(interrupted_whole);
    bare_tick = NULL;
#else
    struct sigaction action = {.sa_flags = SA_RESTART}, before;

    action.sa_handler = look_on_signal;
    sigaction(SIGUSR1, &action, &before);
    with_areas(interrupted_whole);
    sigaction(SIGUSR1, &before, NULL);
#endif
}

#if REMOTE_8_BYTES
/* The same of another CPU's copy: each CPU reads and writes the next one's, and reads its own. */
static PERCPU_DEFINE(uint64_t, passed_on);

static void pass_on(uint64_t v)
{
    size_t next = (percpu_cpu_id() + 1) % percpu_area_num();
    uint64_t seen = percpu_read(passed_on);

    torn += (uint32_t)seen != (uint32_t)(seen >> 32);
    seen = percpu_remote_read(passed_on, next);
    torn += (uint32_t)seen != (uint32_t)(seen >> 32);
    percpu_remote_write(passed_on, next, v << 32 | v);
}

static void pass_on_in_a_tick(void)
{
    if (whole_in_use)
        pass_on(own_ticks[test_cpu()]++);
}

static void use_passed_on(size_t cpu, void *unused)
{
    (void)unused;
    ticks_begin(cpu);
    for (uint32_t v = 1; own_ticks[cpu] < TICKS; v++)
        pass_on(v);
    ticks_end(cpu);
}

static void interrupted_passed_on(size_t bound)
{
    (void)bound;
    for (size_t cpu = 0; cpu < TEST_MAX_CPUS; cpu++)
        own_ticks[cpu] = 0;
    torn = 0;
    whole_in_use = true;
    on_bound(use_passed_on, NULL);
    whole_in_use = false;
    check_eq(torn, 0);
}

#if !HARNESS_BARE
static void pass_on_on_signal(int number)
{
    (void)number;
    pass_on_in_a_tick();
}
#endif

TEST(interrupts_do_not_tear_8_bytes_elsewhere)
{
#if HARNESS_BARE
    bare_tick = pass_on_in_a_tick;
    with_areas(interrupted_passed_on);
    bare_tick = NULL;
#else
    struct sigaction action = {.sa_flags = SA_RESTART}, before;

    action.sa_handler = pass_on_on_signal;
    sigaction(SIGUSR1, &action, &before);
    with_areas(interrupted_passed_on);
    sigaction(SIGUSR1, &before, NULL);
#endif
}
#endif

TEST(interrupts_use_percpu_data)
{
#if HARNESS_BARE
    bare_tick = tick;
    with_areas(interrupts);
    bare_tick = NULL;
#else
    struct sigaction action = {.sa_flags = SA_RESTART}, before;

    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, &before);
    with_areas(interrupts);
    sigaction(SIGUSR1, &before, NULL);
#endif
}

#if HARNESS_BARE

static void ticks_begin(size_t cpu)
{
    (void)cpu;
    machine_timer_start(test_cpus() > 8 ? 200 : 2000);
    machine_irq_on();
}

static void ticks_end(size_t cpu)
{
    (void)cpu;
    check(machine_irq_off());
    machine_timer_stop();
}

#else

static struct sender {
    pthread_t thread, to;
    size_t cpu;
} senders[TEST_MAX_CPUS];

/* One signal at a time: the next is sent when the last has been taken. */
static void *send(void *data)
{
    struct sender *s = data;

    for (unsigned sent = 0; sent < TICKS; sent++) {
        pthread_kill(s->to, SIGUSR1);
        while (own_ticks[s->cpu] <= sent)
            sched_yield();
    }
    return NULL;
}

static void ticks_begin(size_t cpu)
{
    senders[cpu] = (struct sender){.to = pthread_self(), .cpu = cpu};
    if (pthread_create(&senders[cpu].thread, NULL, send, &senders[cpu]) != 0)
        abort();
}

static void ticks_end(size_t cpu)
{
    pthread_join(senders[cpu].thread, NULL);
}

#endif
