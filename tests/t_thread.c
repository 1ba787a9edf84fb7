/* SPDX-License-Identifier: MIT */
/* thread: a thread plays a CPU; claims, thread exit, fork. */
#include "areas.h"

#ifdef PERCPU_PLATFORM_THREAD

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__) && defined(PERCPU__ARCH_USER_REGISTER)
#include <sys/auxv.h>
#endif

static PERCPU_DEFINE(word, mark) = 1;

static void run_thread(void *(*fn)(void *), void *data)
{
    pthread_t thread;

    if (check_eq(pthread_create(&thread, NULL, fn, data), 0))
        pthread_join(thread, NULL);
}

/* -- In place --------------------------------------------------------------------------------- */

TEST(thread_in_place_has_every_configured_cpu)
{
    check_eq(percpu_area_num(), sysconf(_SC_NPROCESSORS_CONF));
    check_eq(percpu_init_in_place(), sysconf(_SC_NPROCESSORS_CONF));
    check_eq(percpu_fini(), 0);
}

/* -- One CPU, one thread ----------------------------------------------------------------------- */

static void claimed(size_t cpu, void *unused)
{
    (void)unused;
    for (size_t other = 0; other < test_cpus(); other++)
        check_eq(percpu_init_reg(other), other == cpu ? 0 : -PERCPU_EBUSY);
    check_eq(percpu_cpu_id(), cpu); /* a refused claim changes nothing */
}

static void all_claimed(size_t bound)
{
    if (bound == test_cpus())
        on_bound(claimed, NULL);
    check_eq(percpu_fini(), bound == 1 ? 0 : -PERCPU_EBUSY);
    if (bound == 1) { /* with_areas() wants to end this itself */
        check(percpu_init_in_place() > 0);
        check_eq(percpu_init_reg(0), 0);
    }
}

TEST(thread_second_claim_is_busy)
{
    with_areas(all_claimed);
}

static void *claim_anew(void *data)
{
    check_eq(percpu_init_reg(*(size_t *)data), 0);
    check_eq(percpu_cpu_id(), *(size_t *)data);
    percpu_write(mark, percpu_read(mark) + 1);
    return NULL; /* without percpu_write_reg(0) */
}

/* The claim ends with the thread; the data stays. */
TEST(thread_exit_frees_the_cpu)
{
    size_t cpu = 2;

    check(init_here());
    for (int round = 0; round < 5; round++)
        run_thread(claim_anew, &cpu);
    check_eq(percpu_remote_read(mark, cpu), 6);
    check_eq(percpu_init_reg(cpu), 0);
    check_eq(percpu_read(mark), 6);
    check_eq(percpu_fini(), 0);
}

static void *release_and_check(void *data)
{
    (void)data;
    check_eq(percpu_init_reg(1), 0);
    return NULL;
}

TEST(thread_write_reg_0_releases)
{
    check(init_here());
    check_eq(percpu_init_reg(1), 0);
    check(percpu_read_reg() == percpu_area_base(1));
    percpu_write_reg(0);
    check_eq(percpu_read_reg(), 0);
    run_thread(release_and_check, NULL);
    check_eq(percpu_fini(), 0);
}

/* A thread that takes another CPU gives its first one back. */
TEST(thread_change_of_cpu_releases_the_first)
{
    check(init_here());
    check_eq(percpu_init_reg(1), 0);
    check_eq(percpu_init_reg(3), 0);
    check_eq(percpu_cpu_id(), 3);
    run_thread(release_and_check, NULL);
    check_eq(percpu_fini(), 0);
}

struct claim_race {
    atomic_size_t winners;
    atomic_size_t busy;
    atomic_size_t done;
};

static void race_for_one(size_t cpu, void *data)
{
    struct claim_race *race = data;
    int answer = percpu_init_reg(0);

    (void)cpu;
    if (answer == 0)
        race->winners++;
    else if (answer == -PERCPU_EBUSY)
        race->busy++;
    race->done++;
    while (race->done < test_cpus()) /* nobody releases before all have tried */
        sched_yield();
    percpu_write_reg(0);
}

TEST(thread_claims_race)
{
    check(init_here());
    for (int round = 0; round < 100; round++) {
        struct claim_race race = {0};

        on_cpus(race_for_one, &race);
        check_eq(race.winners, 1);
        check_eq(race.busy, test_cpus() - 1);
    }
    check_eq(percpu_fini(), 0);
}

/* -- Thread exit: other keys' destructors still have their CPU --------------------------------- */

static pthread_key_t key;
static atomic_uint destroyed;

static void *try_cpu_1(void *data)
{
    (void)data;
    check_eq(percpu_init_reg(1), -PERCPU_EBUSY);
    return NULL;
}

static void destructor(void *value)
{
    (void)value;
    run_thread(try_cpu_1, NULL); /* still this thread's */
    check_eq(percpu_cpu_id(), 1);
    percpu_write(mark, percpu_read(mark) + 10);
    check_eq(percpu_init_reg(1), 0);
    destroyed++;
}

static void *with_destructor(void *data)
{
    pthread_key_t own;

    /* One key made before the library's, perhaps, and one made after it. */
    check_eq(pthread_setspecific(key, &key), 0);
    check_eq(percpu_init_reg(1), 0);
    check_eq(pthread_key_create(&own, destructor), 0);
    check_eq(pthread_setspecific(own, &key), 0);
    *(pthread_key_t *)data = own;
    return NULL;
}

TEST(thread_exit_runs_destructors_on_the_cpu)
{
    pthread_key_t own;

    check_eq(pthread_key_create(&key, destructor), 0);
    check(init_here());
    destroyed = 0;
    run_thread(with_destructor, &own);
    check_eq(destroyed, 2);
    check_eq(percpu_remote_read(mark, 1), 21);
    check_eq(percpu_init_reg(1), 0); /* and free afterwards */
    check_eq(percpu_fini(), 0);
    pthread_key_delete(key);
    pthread_key_delete(own);
}

/* -- fork: the child's one thread goes on being its CPU ---------------------------------------- */

static void hold_cpu(size_t cpu, void *unused)
{
    (void)unused;
    if (cpu == 1)
        check_eq(percpu_init_reg(1), 0);
}

TEST(thread_fork_keeps_the_claim)
{
    pid_t child;
    int status = 0;

    check(init_here());
    check_eq(percpu_init_reg(0), 0);
    on_cpus(hold_cpu, NULL);
    percpu_write(mark, 5);
    child = fork();
    if (child == 0) {
        int wrong = percpu_cpu_id() != 0 || percpu_read(mark) != 5;

        percpu_write(mark, 6);
        wrong |= (percpu_remote_read(mark, 0) != 6) << 1;
        wrong |= (percpu_init_reg(0) != 0) << 2;
        /* CPU 1's thread did not come along. */
        wrong |= (percpu_init_reg(1) != 0) << 3;
        wrong |= (percpu_cpu_id() != 1 || percpu_read(mark) != 1) << 4;
        wrong |= (percpu_fini() != 0) << 5;
        _exit(wrong);
    }
    check(child > 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    check(WIFEXITED(status));
    check_eq(WEXITSTATUS(status), 0);
    check_eq(percpu_read(mark), 5);
    check_eq(percpu_fini(), -PERCPU_EBUSY); /* the parent's CPU 1 still runs */
    on_cpus(unbind, NULL);
    check_eq(percpu_fini(), 0);
}

/* -- Memory below the program: a negative delta ------------------------------------------------ */

TEST(thread_areas_below_the_program)
{
    size_t size = percpu_area_layout_expected(1).size;
    void *low = mmap((void *)0x10000, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    bool holds = true;

    if (low == MAP_FAILED) {
        low = mmap((void *)0x200000, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);
    }
    if (!check(low != MAP_FAILED))
        return;
    if ((uintptr_t)low > percpu_symbol_vma(mark))
        note("the system gave no memory below the program");
#if defined(__linux__) && defined(PERCPU__ARCH_USER_REGISTER)
    /* arch_prctl() takes no negative base; wrgsbase, where the kernel allows it, does. */
    else
        holds = getauxval(AT_HWCAP2) & 2;
#endif
    check_eq(percpu_init(low, 1), holds ? 1 : -PERCPU_EDELTA);
    if (holds) {
        check_eq(percpu_init_reg(0), 0);
        check_eq(percpu_cpu_id(), 0);
        check_eq(percpu_read(mark), 1);
        percpu_write(mark, 2);
        check_eq(percpu_remote_read(mark, 0), 2);
        check_eq(percpu_read_reg(), low);
        check_eq(percpu_fini(), 0);
    }
    munmap(low, size);
}

/* -- An area is made before it is seen --------------------------------------------------------- */

static unsigned char *guarded;
static size_t guarded_size, watched_cpu;
static volatile unsigned writes_seen, seen_too_early;

/* Before each page of an area is written for the first time: is there such an area yet? */
static void about_to_write(int number, siginfo_t *info, void *unused)
{
    uintptr_t at = (uintptr_t)info->si_addr & ~(uintptr_t)4095;

    (void)unused;
    if (at - (uintptr_t)guarded >= guarded_size ||
        mprotect((void *)at, 4096, PROT_READ | PROT_WRITE) != 0)
        signal(number, SIG_DFL);
    writes_seen++;
    if (percpu_area_base(watched_cpu) != 0 || percpu_remote_ptr(mark, watched_cpu) != NULL)
        seen_too_early++;
}

TEST(thread_area_is_made_before_it_is_seen)
{
    struct percpu_layout one = percpu_area_layout_expected(1);
    size_t step = (one.size + 4095) & ~(size_t)4095;
    struct sigaction action = {.sa_flags = SA_SIGINFO}, before;
    unsigned char *p;

    guarded_size = 4 * step + one.align;
    guarded = mmap(NULL, guarded_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!check(guarded != MAP_FAILED))
        return;
    p = guarded + (-(uintptr_t)guarded & (one.align - 1));
    action.sa_sigaction = about_to_write;
    sigaction(SIGSEGV, &action, &before);
    writes_seen = seen_too_early = 0;
    watched_cpu = 0;
    check_eq(percpu_init(p, 1), 1);
    watched_cpu = 5; /* beyond all others, */
    check_eq(percpu_init_cpu(5, p + step), 1);
    watched_cpu = 3; /* and among them */
    check_eq(percpu_init_cpu(3, p + 2 * step), 1);
    sigaction(SIGSEGV, &before, NULL);
    check(writes_seen >= 3);
    check_eq(seen_too_early, 0);
    check_eq(percpu_remote_read(mark, 3), 1);
    check_eq(percpu_fini(), 0);
    munmap(guarded, guarded_size);
}

/* -- Areas in place, and others ---------------------------------------------------------------- */

/* What lies before areas in place, for modules, a CPU that comes late does not have. */
TEST(thread_late_cpu_before_another)
{
    unsigned char *p = area_memory(0, 2);
    size_t n;

    check(percpu_init_in_place() > 0);
    n = percpu_area_num();
    check_eq(percpu_init_cpu(n, p + stride()), 1);
    check_eq(percpu_init_cpu(n + 1, p), 1);
    check_eq(percpu_remote_read(mark, n + 1), 1);
    check_eq(percpu_fini(), 0);
}

/* -- The call that sets the register clobbers what it says ------------------------------------- */

TEST(peer_setting_the_register_keeps_the_others)
{
    /* As many as a function keeps; when optimising they stay in these registers over the call. */
    uintptr_t a = 1, b = 2, c = 3, d = 4, e = 5, base;

    check(init_here());
    check_eq(percpu_init_reg(0), 0);
    base = percpu_area_base(0);
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
    percpu_write_reg(base);
    __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
    check_eq(a, 1);
    check_eq(b, 2);
    check_eq(c, 3);
    check_eq(d, 4);
    check_eq(e, 5);
    check_eq(percpu_cpu_id(), 0);
    check_eq(percpu_fini(), 0);
}

#endif
