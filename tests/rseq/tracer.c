/* SPDX-License-Identifier: MIT */
/*
 * usage: tracer [blocks | delays]
 * A child makes each update of every size once and again; its tracer stops it at each instruction
 * of the sequence, in turn. There it is moved to another CPU, preempted, or sent a signal, and the
 * CPU's copy gets another value, as from an update that ran there meanwhile. When the child goes
 * on, the kernel finds it in a sequence, or not: the update must have been made once, on the copy
 * of the CPU on which it ended, from the value that this had then. Stops come in pairs, too: the
 * first one clears what the kernel knows of the thread.
 *
 * The stop itself is a signal's, by an int3 that is taken away before the child goes on. What moves
 * the child to the abort handler is the kernel's return to it, since it was switched out.
 *
 * Sequences are found as debuggers find them, through __rseq_cs_ptr_array; the disassembler says
 * where their instructions begin. x86_64.
 *
 * blocks: only entering and leaving percpu_with_current(). delays: is there a delay between any two
 * instructions of each sequence? For a program whose PERCPU__RSEQ_DELAY is one pause.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <percpu/list.h>
#include <percpu/percpu.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- What the child does --------------------------------------------------------------------- */

enum kind { WRITE, ADD, SUB, AND, OR, XOR, XCHG, CMPXCHG, PUSH, POP, TAKE };
enum result { NOTHING, OLD, NEW, SUCCESS, OLD_AND_CPU, ON_THE_FIRST };

struct operation {
    const char *name;
    enum kind kind;
    enum result result;
    size_t bytes;
    uint64_t value;
    uint64_t (*fn)(void);
};

#define K 0x35
#define EXPECTED 0x5a /* by cmpxchg */
#define ELSEWHERE 0xe15e

static unsigned cpus[2]; /* on which it may run */

/* An update that is meant for the CPU on which it starts. */
#define RETURN_ON(call)                                                                            \
    int done = call;                                                                               \
    return done < 0 ? ELSEWHERE + (o != EXPECTED) : done ? 0 : 1 + (uint64_t)o

/* In registers, where K is an immediate. */
static volatile uint64_t k = K, expected = EXPECTED;

/* The operand is in the middle: its neighbours are not touched. */
#define VARIABLE(bits)                                                                             \
    static PERCPU_DEFINE(uint##bits##_t[3], v##bits);                                              \
    static uint##bits##_t PERCPU *p##bits;

/* EACH(X, bits): X(bits, name, kind, result, value, with a variable, with a pointer) */
#define P(bits) p##bits
#define N(bits) ((uint##bits##_t)k)
#define E(bits) ((uint##bits##_t)expected)
/* clang-format off */
#define EACH(X, bits)                                                                              \
    X(bits, write, WRITE, NOTHING, K, percpu_write(v##bits[1], K),                                 \
      percpu_write_at(P(bits), N(bits)))                                                           \
    X(bits, add, ADD, NOTHING, K, percpu_add(v##bits[1], K), percpu_add_at(P(bits), N(bits)))      \
    X(bits, sub, SUB, NOTHING, K, percpu_sub(v##bits[1], K), percpu_sub_at(P(bits), N(bits)))      \
    X(bits, inc, ADD, NOTHING, 1, percpu_inc(v##bits[1]), percpu_inc_at(P(bits)))                  \
    X(bits, dec, SUB, NOTHING, 1, percpu_dec(v##bits[1]), percpu_dec_at(P(bits)))                  \
    X(bits, and, AND, NOTHING, K, percpu_and(v##bits[1], K), percpu_and_at(P(bits), N(bits)))      \
    X(bits, or, OR, NOTHING, K, percpu_or(v##bits[1], K), percpu_or_at(P(bits), N(bits)))          \
    X(bits, xor, XOR, NOTHING, K, percpu_xor(v##bits[1], K), percpu_xor_at(P(bits), N(bits)))      \
    X(bits, add_return, ADD, NEW, K, return percpu_add_return(v##bits[1], K),                      \
      return percpu_add_return_at(P(bits), N(bits)))                                               \
    X(bits, sub_return, SUB, NEW, K, return percpu_sub_return(v##bits[1], K),                      \
      return percpu_sub_return_at(P(bits), N(bits)))                                               \
    X(bits, inc_return, ADD, NEW, 1, return percpu_inc_return(v##bits[1]),                         \
      return percpu_inc_return_at(P(bits)))                                                        \
    X(bits, dec_return, SUB, NEW, 1, return percpu_dec_return(v##bits[1]),                         \
      return percpu_dec_return_at(P(bits)))                                                        \
    X(bits, fetch_add, ADD, OLD, K, return percpu_fetch_add(v##bits[1], K),                        \
      return percpu_fetch_add_at(P(bits), N(bits)))                                                \
    X(bits, xchg, XCHG, OLD, K, return percpu_xchg(v##bits[1], K),                                 \
      return percpu_xchg_at(P(bits), N(bits)))                                                     \
    X(bits, cmpxchg, CMPXCHG, OLD, K, return percpu_cmpxchg(v##bits[1], EXPECTED, K),              \
      return percpu_cmpxchg_at(P(bits), E(bits), N(bits)))                                         \
    X(bits, try_cmpxchg, CMPXCHG, SUCCESS, K, uint##bits##_t o = EXPECTED;                         \
      return percpu_try_cmpxchg(v##bits[1], &o, K) ? 0 : 1 + (uint64_t)o,                          \
      uint##bits##_t o = E(bits);                                                                  \
      return percpu_try_cmpxchg_at(P(bits), &o, N(bits)) ? 0 : 1 + (uint64_t)o)                    \
    X(bits, try_cmpxchg_on, CMPXCHG, ON_THE_FIRST, K, uint##bits##_t o = EXPECTED;                 \
      RETURN_ON(percpu_try_cmpxchg_on(v##bits[1], cpus[0], &o, K)),                                \
      uint##bits##_t o = E(bits);                                                                  \
      RETURN_ON(percpu_try_cmpxchg_on_at(P(bits), cpus[0], &o, N(bits))))
/* clang-format on */

/* All are in one section, so that each is where the next one's address says that it ends. */
#define IN_SECTION __attribute__((noinline, section("percpu_operations")))
#define FUNCTIONS(bits, name, kind, result, value, with_variable, with_pointer)                    \
    IN_SECTION static uint64_t name##_##bits(void)                                                 \
    {                                                                                              \
        with_variable;                                                                             \
        return 0;                                                                                  \
    }                                                                                              \
    IN_SECTION static uint64_t name##_at_##bits(void)                                              \
    {                                                                                              \
        with_pointer;                                                                              \
        return 0;                                                                                  \
    }
#define ENTRIES(bits, name, kind, result, value, with_variable, with_pointer)                      \
    {#name " " #bits, kind, result, bits / 8, value, name##_##bits},                               \
        {#name "_at " #bits, kind, result, bits / 8, value, name##_at_##bits},

#define SIZE(bits)                                                                                 \
    VARIABLE(bits)                                                                                 \
    EACH(FUNCTIONS, bits)
SIZE(8)
SIZE(16)
SIZE(32)
SIZE(64)

/* What takes a block's area. */
IN_SECTION static uint64_t slot_32(void)
{
    uintptr_t copy;
    uint32_t old, now;
    if (!percpu__sequence_cmpxchg_32(p32, (uint32_t)expected, (uint32_t)k, PERCPU__POINTER, &old,
                                     &now, &copy))
        return UINT64_MAX;
    return old | (uint64_t)((copy - (uintptr_t)p32) / PERCPU__SLOT_SIZE) << 32;
}

/* What marks that somebody waits for a block's area. */
IN_SECTION static uint64_t marked_32(void)
{
    uintptr_t copy;
    uint32_t old, now;
    if (!percpu__sequence_cas_32(p32, (uint32_t)expected, (uint32_t)k, PERCPU__POINTER, &old, &now,
                                 &copy))
        return UINT64_MAX;
    return old | (uint64_t)((copy - (uintptr_t)p32) / PERCPU__SLOT_SIZE) << 32;
}

static PERCPU_DEFINE(struct percpu_list[3], lists);
static uint64_t PERCPU *list_first;

/* Every other one is a list's first, its neighbour the second. */
static struct percpu_list_node nodes[8] = {{&nodes[1]}, {NULL}, {&nodes[3]}, {NULL},
                                           {&nodes[5]}, {NULL}, {&nodes[7]}, {NULL}};
static struct percpu_list_node pushed;

IN_SECTION static uint64_t push_64(void)
{
    percpu_list_push(lists[1], &pushed);
    return (uintptr_t)pushed.next;
}

IN_SECTION static uint64_t pop_64(void)
{
    return (uintptr_t)percpu_list_pop(lists[1]);
}

IN_SECTION static uint64_t take_all_64(void)
{
    return (uintptr_t)percpu_list_take_all(lists[1]);
}

static const struct operation operations[] = {
    EACH(ENTRIES, 8) EACH(ENTRIES, 16) EACH(ENTRIES, 32) EACH(ENTRIES, 64) //
    {"cmpxchg and CPU 32", CMPXCHG, OLD_AND_CPU, 4, K, slot_32},
    {"cas and CPU 32", CMPXCHG, OLD_AND_CPU, 4, K, marked_32},
    {"percpu_list_push", PUSH, OLD, 8, 0, push_64},
    {"percpu_list_pop", POP, OLD, 8, 0, pop_64},
    {"percpu_list_take_all", TAKE, OLD, 8, 0, take_all_64},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

/* A block, in which another one is nested; a third one is the signal handler's. */
static PERCPU_DEFINE(uint64_t, in_block);
static PERCPU_DEFINE(uint64_t, in_nested);
static PERCPU_DEFINE(uint64_t, in_handler);

static void enter_block(void)
{
    percpu_with_current(in_block, p) {
        ++*p;
        percpu_with_current(in_nested, q)
            ++*q;
    }
}

/* What the tracer tells the child to do, and the answer. */
static volatile struct {
    size_t operation;
    uint64_t rseq_cs; /* of the sequence that the thread ran before */
    uint64_t by_signal;
    uint64_t result;
} command;

/* Another update of the same copy, with a sequence of its own. */
static void on_signal(int number)
{
    (void)number;
    if (command.operation == OPERATIONS) {
        percpu_with_current(in_handler, p)
            ++*p;
        return;
    }
    if (operations[command.operation].kind >= PUSH) {
        percpu_write_at(list_first, command.by_signal);
        return;
    }
    switch (operations[command.operation].bytes) {
    case 1: percpu_write_at(p8, (uint8_t)command.by_signal); break;
    case 2: percpu_write_at(p16, (uint16_t)command.by_signal); break;
    case 4: percpu_write_at(p32, (uint32_t)command.by_signal); break;
    default: percpu_write_at(p64, command.by_signal); break;
    }
}

static _Noreturn void be_child(void)
{
    struct percpu__rseq volatile *rseq = percpu__rseq_area();
    struct sigaction action = {.sa_flags = SA_RESTART};

    action.sa_handler = on_signal;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigaction(SIGUSR1, &action, NULL);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(1);
    for (;;) {
        __asm__ volatile("int3" ::: "memory");
        rseq->rseq_cs = command.rseq_cs;
        if (command.operation == OPERATIONS) {
            alarm(10); /* a block that is not entered waits for ever */
            enter_block();
            alarm(0);
            continue;
        }
        command.result = operations[command.operation].fn();
    }
}

/* -- What it should do ----------------------------------------------------------------------- */

static uint64_t truncated(uint64_t value, size_t bytes)
{
    return bytes == 8 ? value : value & (((uint64_t)1 << bytes * 8) - 1);
}

static uint64_t updated(const struct operation *o, uint64_t old)
{
    uint64_t new_value = 0;

    switch (o->kind) {
    case WRITE:
    case XCHG: new_value = o->value; break;
    case ADD: new_value = old + o->value; break;
    case SUB: new_value = old - o->value; break;
    case AND: new_value = old & o->value; break;
    case OR: new_value = old | o->value; break;
    case XOR: new_value = old ^ o->value; break;
    case CMPXCHG: new_value = old == EXPECTED ? o->value : old; break;
    case PUSH: new_value = (uintptr_t)&pushed; break;
    case POP: new_value = (uintptr_t)((struct percpu_list_node *)(uintptr_t)old)->next; break;
    case TAKE: new_value = 0; break;
    }
    return truncated(new_value, o->bytes);
}

static uint64_t answer(const struct operation *o, uint64_t old, unsigned cpu)
{
    switch (o->result) {
    case NOTHING: return 0;
    case OLD: return old;
    case NEW: return updated(o, old);
    case SUCCESS: return old == EXPECTED ? 0 : 1 + old;
    case ON_THE_FIRST: return cpu == cpus[1] ? ELSEWHERE : old == EXPECTED ? 0 : 1 + old;
    case OLD_AND_CPU: return old | (uint64_t)cpu << 32;
    }
    return 0;
}

/* -- The tables and the disassembly ---------------------------------------------------------- */

/* struct rseq_cs of linux/rseq.h. */
struct descriptor {
    uint32_t version, flags;
    uint64_t start, length, abort;
};
extern const struct descriptor *const __start___rseq_cs_ptr_array[];
extern const struct descriptor *const __stop___rseq_cs_ptr_array[];
extern const char __start_percpu_operations[], __stop_percpu_operations[];

static uintptr_t *instructions; /* where each begins, ascending */
static bool *is_pause;
static size_t instruction_count;
enum { MAX_INSTRUCTIONS = 65536 };

/* Of a section or a function, by objdump's option; the first is at `begin`, if that is not 0. */
static bool disassemble(const char *program, const char *option, uintptr_t begin)
{
    static uintptr_t moved; /* what the loader added to addresses */
    char text[512];
    size_t first = instruction_count;
    FILE *objdump;

    snprintf(text, sizeof text, "objdump -d -w --no-show-raw-insn %s '%s'", option, program);
    objdump = popen(text, "r");
    if (!objdump)
        return false;
    if (!instructions)
        instructions = malloc(MAX_INSTRUCTIONS * sizeof *instructions);
    if (!is_pause)
        is_pause = malloc(MAX_INSTRUCTIONS * sizeof *is_pause);
    while (instructions && is_pause && instruction_count < MAX_INSTRUCTIONS &&
           fgets(text, sizeof text, objdump)) {
        char *end;
        uintptr_t address = strtoul(text, &end, 16);

        if (text[0] != ' ' || *end != ':')
            continue;
        if (instruction_count == first && begin != 0)
            moved = begin - address;
        is_pause[instruction_count] = strstr(end, "\tpause") != NULL;
        instructions[instruction_count++] = address + moved;
    }
    return pclose(objdump) == 0 && (instruction_count > first || begin == 0);
}

static bool disassemble_operations(const char *program)
{
    return disassemble(program, "-j percpu_operations", (uintptr_t)__start_percpu_operations);
}

/* Where the operation's code ends. */
static uintptr_t end_of(const struct operation *o)
{
    uintptr_t end = (uintptr_t)__stop_percpu_operations;

    for (size_t i = 0; i < OPERATIONS; i++) {
        uintptr_t other = (uintptr_t)operations[i].fn;
        if (other > (uintptr_t)o->fn && other < end)
            end = other;
    }
    return end;
}

/* Its one descriptor, or NULL where there are none or more. */
static const struct descriptor *descriptor_of(const struct operation *o)
{
    const struct descriptor *found = NULL;
    uintptr_t begin = (uintptr_t)o->fn, end = end_of(o);

    for (const struct descriptor *const *d = __start___rseq_cs_ptr_array;
         d < __stop___rseq_cs_ptr_array; d++)
        if ((*d)->start >= begin && (*d)->start < end) {
            if (found)
                return NULL;
            found = *d;
        }
    return found;
}

/* -- The child under control ----------------------------------------------------------------- */

static pid_t child;
static int memory;
static unsigned long stops;

static _Noreturn void give_up(const char *what)
{
    printf("Bail out! %s: %s\n", what, strerror(errno));
    if (child > 0)
        kill(child, SIGKILL);
    exit(1);
}

static void peek(uintptr_t address, void *to, size_t bytes)
{
    if (pread(memory, to, bytes, (off_t)address) != (ssize_t)bytes)
        give_up("the child's memory cannot be read");
}

static void poke(uintptr_t address, const void *from, size_t bytes)
{
    if (pwrite(memory, from, bytes, (off_t)address) != (ssize_t)bytes)
        give_up("the child's memory cannot be written");
}

static void stop_at(uintptr_t address)
{
    poke(address, "\xcc", 1);
}

static void do_not_stop_at(uintptr_t address)
{
    poke(address, (const void *)address, 1); /* this program is the same one */
}

static void put_on(unsigned cpu)
{
    static unsigned is_on = UINT_MAX;
    cpu_set_t set;

    if (cpu == is_on)
        return;
    is_on = cpu;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(child, sizeof set, &set) != 0)
        give_up("the child cannot be moved");
}

#define RIP offsetof(struct user, regs.rip)

/* Goes on until an int3, and returns its address. */
static uintptr_t go_on(int number)
{
    int status;

    if (ptrace(PTRACE_CONT, child, NULL, (void *)(intptr_t)number) != 0 ||
        waitpid(child, &status, 0) != child)
        give_up("the child does not go on");
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
        printf("# status %#x\n", (unsigned)status);
        give_up("the child died");
    }
    stops++;
    return (uintptr_t)ptrace(PTRACE_PEEKUSER, child, (void *)RIP, NULL) - 1;
}

/* Where it was stopped, its own instruction is next. */
static void step_back_to(uintptr_t address)
{
    do_not_stop_at(address);
    if (ptrace(PTRACE_POKEUSER, child, (void *)RIP, (void *)address) != 0)
        give_up("the child's program counter cannot be set");
}

/* -- One run --------------------------------------------------------------------------------- */

enum before { THIS_BEFORE, NULL_BEFORE, ANOTHER_BEFORE, BEFORES };
enum mode { MIGRATE, PREEMPT, SIGNAL, MODES };
static const char *const before_names[] = {"this sequence", "none", "another sequence"};
static const char *const mode_names[] = {"moved", "preempted", "signalled"};

/* The values of both CPUs' copies, when the operation starts and after the interruption. */
struct values {
    uint64_t here[2], there[2];
};
static const struct values some_values = {{0x5a5a5a5a5a5a5a5a, 0xc3c3c3c3c3c3c3c3},
                                          {0x9696969696969696, 0x6969696969696969}};
static const struct values cmpxchg_values[] = {{{EXPECTED, 0x11}, {0x22, EXPECTED}},
                                               {{0x11, EXPECTED}, {EXPECTED, 0x22}}};

static struct values list_values;

struct run {
    const struct operation *o;
    const struct descriptor *d;
    enum before before;
    enum mode mode;
    const struct values *values;
    uintptr_t first, at; /* stops; first may be 0 */
};

/* Per operation. */
enum { MAX_BYTES = 256, MAX_SLACK = 3 };
static bool was_hit[MAX_BYTES]; /* by distance from the function */
static unsigned aborts, as_set;
static bool is_mutant;
static char reason[400];

static uintptr_t variable(const struct operation *o)
{
    if (o->kind >= PUSH)
        return (uintptr_t)list_first;
    switch (o->bytes) {
    case 1: return (uintptr_t)p8;
    case 2: return (uintptr_t)p16;
    case 4: return (uintptr_t)p32;
    default: return (uintptr_t)p64;
    }
}

static uintptr_t copy(const struct operation *o, size_t cpu)
{
    return variable(o) + percpu__slot(cpu);
}

static void set(const struct operation *o, size_t cpu, uint64_t value)
{
    poke(copy(o, cpu), &value, o->bytes);
}

/* With its neighbours. */
struct three {
    uint8_t bytes[24];
};
#define NEIGHBOUR 0xa5

static struct three three(const struct operation *o, uint64_t value, int neighbour)
{
    struct three all;

    memset(&all, neighbour, sizeof all);
    memcpy(all.bytes + o->bytes, &value, o->bytes);
    return all;
}

static void set_all(const struct operation *o, size_t cpu, uint64_t value)
{
    struct three all = three(o, value, NEIGHBOUR);
    poke(copy(o, cpu) - o->bytes, &all, 3 * o->bytes);
}

static bool is_wrong(const struct run *r, const char *what, uint64_t is, uint64_t should_be)
{
    char first[64] = "";

    if (is == should_be)
        return false;
    if (r->first)
        snprintf(first, sizeof first, "preempted at +%zu, ",
                 (size_t)(r->first - (uintptr_t)r->o->fn));
    snprintf(reason, sizeof reason,
             "%s (sequence +%zu to +%zu), %s before, %s%s at +%zu: %s is %#llx, not %#llx",
             r->o->name, (size_t)(r->d->start - (uintptr_t)r->o->fn),
             (size_t)(r->d->start + r->d->length - (uintptr_t)r->o->fn), before_names[r->before],
             first, mode_names[r->mode], (size_t)(r->at - (uintptr_t)r->o->fn), what,
             (unsigned long long)is, (unsigned long long)should_be);
    return true;
}

static bool copy_is_wrong(const struct run *r, const char *what, size_t cpu, uint64_t value,
                          int neighbour)
{
    const size_t bytes = r->o->bytes;
    struct three all, right = three(r->o, value, neighbour);
    uint64_t is = 0;

    peek(copy(r->o, cpu) - bytes, &all, 3 * bytes);
    if (memcmp(&all, &right, 3 * bytes) == 0)
        return false;
    memcpy(&is, all.bytes + bytes, bytes);
    return is_wrong(r, what, is, value) || is_wrong(r, "a neighbour's change", 1, 0);
}

static bool copies_are_wrong(const struct run *r, uint64_t here, uint64_t there)
{
    return copy_is_wrong(r, "the copy of the CPU it started on", cpus[0], here, NEIGHBOUR) ||
           copy_is_wrong(r, "the copy of the other CPU", cpus[1], there, NEIGHBOUR) ||
           copy_is_wrong(r, "the copy without a CPU", percpu_area_num() - 1, 0, 0);
}

static uint64_t current_cs(void)
{
    uint64_t rseq_cs;
    peek((uintptr_t)&percpu__rseq_area()->rseq_cs, &rseq_cs, sizeof rseq_cs);
    return rseq_cs;
}

/* When the child goes on from here, the kernel must make it begin again. */
static bool will_abort(const struct run *r, uintptr_t at)
{
    return at - r->d->start < r->d->length && current_cs() == (uintptr_t)r->d;
}

/* Returns whether all was right; also when the stop was not reached. */
static bool run(const struct run *r)
{
    const struct operation *o = r->o;
    const struct descriptor *another = __start___rseq_cs_ptr_array[0];
    const uintptr_t commit = r->d->start + r->d->length;
    uint64_t here[2], there[2];
    unsigned expected_aborts = 0, seen_aborts = 0;
    bool is_interrupted = false, is_done, stops_abort = false;
    uintptr_t at;
    int number = 0;

    for (size_t i = 0; i < 2; i++) {
        here[i] = truncated(r->values->here[i], o->bytes);
        there[i] = truncated(r->values->there[i], o->bytes);
    }
    if (another == r->d)
        another = __start___rseq_cs_ptr_array[1];
    command.operation = (size_t)(o - operations);
    command.rseq_cs = r->before == NULL_BEFORE   ? 0
                      : r->before == THIS_BEFORE ? (uintptr_t)r->d
                                                 : (uintptr_t)another;
    command.by_signal = here[1];
    command.result = 0;
    poke((uintptr_t)&command, (const void *)&command, sizeof command);
    set_all(o, cpus[0], here[0]);
    set_all(o, cpus[1], there[0]);
    put_on(cpus[0]);
    if (r->first)
        stop_at(r->first);
    stop_at(r->at);

    while ((at = go_on(number)) == r->first || at == r->at || at == r->d->abort) {
        number = 0;
        step_back_to(at);
        if (at == r->d->abort && stops_abort) {
            stops_abort = false;
            seen_aborts++;
            continue;
        }
        /* The sequence itself may begin at the abort handler: stop where that was passed. */
        if (at - r->d->start <= r->d->length) {
            stops_abort = true;
            stop_at(r->d->abort);
        }
        if (will_abort(r, at))
            expected_aborts++;
        if (at != r->at)
            continue;

        is_interrupted = true;
        is_done = at >= commit;
        if (!r->first && at == (uintptr_t)o->fn)
            as_set += current_cs() == command.rseq_cs;
        if (copies_are_wrong(r, is_done ? updated(o, here[0]) : here[0], there[0]))
            return false;
        if (r->mode == SIGNAL) {
            number = SIGUSR1;
            continue;
        }
        set(o, cpus[0], here[1]);
        if (r->mode == MIGRATE) {
            set(o, cpus[1], there[1]);
            put_on(cpus[1]);
        }
    }
    do_not_stop_at(r->d->abort);
    if (r->first)
        do_not_stop_at(r->first);
    do_not_stop_at(r->at);
    /* The child stands behind its int3 again. */
    peek((uintptr_t)&command, (void *)&command, sizeof command);
    aborts += seen_aborts;
    if (!is_interrupted)
        return !copies_are_wrong(r, updated(o, here[0]), there[0]) &&
               !is_wrong(r, "the result", command.result, answer(o, here[0], cpus[0]));
    was_hit[r->at - (uintptr_t)o->fn] = true;
    if (!is_mutant && seen_aborts < expected_aborts)
        return !is_wrong(r, "the number of aborts", seen_aborts, expected_aborts);
    is_done = r->at >= commit;
    if (is_done)
        return !copies_are_wrong(r, here[1], there[r->mode == MIGRATE]) &&
               !is_wrong(r, "the result", command.result, answer(o, here[0], cpus[0]));
    if (r->mode == MIGRATE)
        return !copies_are_wrong(r, here[1],
                                 o->result == ON_THE_FIRST ? there[1] : updated(o, there[1])) &&
               !is_wrong(r, "the result", command.result, answer(o, there[1], cpus[1]));
    return !copies_are_wrong(r, updated(o, here[1]), there[0]) &&
           !is_wrong(r, "the result", command.result, answer(o, here[1], cpus[0]));
}

/* -- All runs of an operation ---------------------------------------------------------------- */

/*
 * All ways to interrupt it, until one goes wrong. A stop from which the child begins again is as if
 * it had not been: it is the first of no pair.
 */
static bool run_all(const struct operation *o, const struct descriptor *d)
{
    const size_t values = o->kind == CMPXCHG ? 2 : 1;
    size_t begin = 0, end;

    memset(was_hit, 0, sizeof was_hit);
    aborts = as_set = 0;
    while (instructions[begin] < (uintptr_t)o->fn)
        begin++;
    for (end = begin; instructions[end] <= d->start + d->length; end++)
        ;
    for (size_t v = 0; v < values; v++)
        for (int before = 0; before < BEFORES; before++) {
            bool begins_again[MAX_BYTES] = {false};
            struct run r = {.o = o, .d = d, .before = (enum before)before};

            r.values = o->kind == CMPXCHG ? &cmpxchg_values[v]
                       : o->kind >= PUSH  ? &list_values
                                          : &some_values;
            for (size_t at = begin; at < end; at++) {
                unsigned aborts_before = aborts;

                r.at = instructions[at];
                r.first = 0;
                for (int mode = 0; mode < MODES; mode++) {
                    r.mode = (enum mode)mode;
                    if (!run(&r))
                        return false;
                }
                begins_again[at - begin] = aborts - aborts_before >= MODES;
                r.mode = MIGRATE;
                for (size_t first = begin; first < at; first++) {
                    r.first = instructions[first];
                    if (!begins_again[first - begin] && !run(&r))
                        return false;
                }
            }
        }
    return true;
}

/* -- The report ------------------------------------------------------------------------------ */

static unsigned tests, failures;

static void report(bool is_ok, const char *title)
{
    printf("%sok %u - %s\n", is_ok ? "" : "not ", ++tests, title);
    failures += !is_ok;
    if (!is_ok && *reason)
        printf("# %s\n", reason);
    *reason = 0;
    fflush(stdout);
}

/* Instructions in the sequence: all of them, and those at which the child was stopped. */
static size_t boundaries(const struct operation *o, const struct descriptor *d, size_t *hit)
{
    size_t count = 0;

    *hit = 0;
    for (size_t i = 0; i < instruction_count; i++)
        if (instructions[i] - d->start < d->length) {
            count++;
            *hit += was_hit[instructions[i] - (uintptr_t)o->fn];
        }
    return count;
}

static size_t total_boundaries;
static unsigned long total_aborts;

static void test(const struct operation *o)
{
    const struct descriptor *d = descriptor_of(o);
    char title[200];
    size_t count, hit;
    bool is_right;

    if (!d || d->start + d->length > end_of(o) ||
        d->start + d->length - (uintptr_t)o->fn >= MAX_BYTES) {
        snprintf(reason, sizeof reason, "it has not one sequence in its function");
        report(false, o->name);
        return;
    }
    is_right = run_all(o, d);
    count = boundaries(o, d, &hit);
    total_boundaries += count;
    total_aborts += aborts;
    snprintf(title, sizeof title, "%s: right when interrupted at each of %zu instructions", o->name,
             count);
    if (is_right && (count == 0 || hit != count || aborts == 0 || as_set < BEFORES)) {
        snprintf(reason, sizeof reason, "%zu of %zu instructions, %u aborts, %u starts", hit, count,
                 aborts, as_set);
        is_right = false;
    }
    report(is_right, title);
}

/* Is it seen when the descriptor tells the kernel of fewer instructions? */
static bool is_caught(const struct operation *o, size_t without_first, size_t without_last)
{
    const struct descriptor *d = descriptor_of(o);
    struct descriptor shorter = *d;
    size_t first = 0, commit;
    bool is_right;

    while (instructions[first] < d->start)
        first++;
    for (commit = first; instructions[commit] < d->start + d->length; commit++)
        ;
    if (first + without_first > commit - without_last)
        return false;
    shorter.start = instructions[first + without_first];
    shorter.length = instructions[commit - without_last] - shorter.start;
    poke((uintptr_t)d, &shorter, sizeof shorter);
    is_mutant = true;
    is_right = run_all(o, d);
    is_mutant = false;
    poke((uintptr_t)d, d, sizeof *d);
    return !is_right;
}

/* An empty range is a descriptor that says nothing. */
static bool is_caught_without(const struct operation *o)
{
    size_t all, hit;

    all = boundaries(o, descriptor_of(o), &hit);
    return is_caught(o, 0, all);
}

/*
 * An instruction at the start before which nothing is known of rseq_cs may be left out: where an
 * interruption before it is as one before the sequence. How many instructions are too many is
 * found with one operation, and must hold for all.
 */
static size_t too_many_at_start(const struct operation *o)
{
    size_t n = 1;

    while (n < MAX_SLACK && !is_caught(o, n, 0))
        n++;
    return n;
}

static void test_mutants(void)
{
    const size_t at_start = too_many_at_start(operations);
    size_t survivors[3] = {0};
    char title[200];

    for (const struct operation *o = operations; o < operations + OPERATIONS; o++) {
        survivors[0] += !is_caught_without(o);
        survivors[1] += !is_caught(o, at_start, 0);
        survivors[2] += !is_caught(o, 0, 1);
    }
    *reason = 0;
    report(survivors[0] == 0, "mutants: each operation goes wrong without its descriptor");
    snprintf(title, sizeof title,
             "mutants: each goes wrong when its descriptor lacks the first %zu of its instructions",
             at_start);
    report(survivors[1] == 0, title);
    report(survivors[2] == 0, "mutants: each goes wrong when it lacks the last instruction");
}

static void start(const char *program)
{
    char path[64];
    cpu_set_t allowed;
    size_t found = 0;
    int status;

    p8 = percpu_addr(v8[1]);
    p16 = percpu_addr(v16[1]);
    p32 = percpu_addr(v32[1]);
    p64 = percpu_addr(v64[1]);
    list_first = (uint64_t PERCPU *)percpu_addr(lists[1]);
    list_values = (struct values){{(uintptr_t)&nodes[0], (uintptr_t)&nodes[2]},
                                  {(uintptr_t)&nodes[4], (uintptr_t)&nodes[6]}};
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        give_up("the CPUs are not known");
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            cpus[found++] = cpu;
    if (found < 2)
        give_up("there is only one CPU to run on");
    if (!strstr(percpu_info(), "restartable sequences"))
        give_up(percpu_info());
    if (!disassemble_operations(program))
        give_up("objdump does not disassemble this program");

    fflush(stdout);
    child = fork();
    if (child == 0)
        be_child();
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
        give_up("there is no child to trace");
    snprintf(path, sizeof path, "/proc/%d/mem", (int)child);
    memory = open(path, O_RDWR | O_CLOEXEC);
    if (memory < 0)
        give_up("the child's memory cannot be opened");
}

/* -- Blocks ---------------------------------------------------------------------------------- */

static uint64_t sum_of(const uint64_t PERCPU *p)
{
    uint64_t sum = 0, value;

    percpu_for_each(cpu) {
        peek((uintptr_t)p + percpu__slot(cpu), &value, sizeof value);
        sum += value;
    }
    return sum;
}

/* A stop while a block is entered or left; each block is then entered once, and none is held. */
static bool run_block(enum mode mode, uintptr_t at, bool *is_hit)
{
    static uint64_t runs, handled;
    uint64_t slot_head;
    int number = 0;

    command.operation = OPERATIONS;
    command.rseq_cs = 0;
    poke((uintptr_t)&command, (const void *)&command, sizeof command);
    put_on(cpus[0]);
    stop_at(at);
    *is_hit = false;
    while (go_on(number) == at) {
        step_back_to(at);
        *is_hit = true;
        number = mode == SIGNAL ? SIGUSR1 : 0;
        if (mode == MIGRATE)
            put_on(cpus[1]);
    }
    do_not_stop_at(at);
    runs++;
    handled += *is_hit && mode == SIGNAL;
    snprintf(reason, sizeof reason, "%s at %#zx", mode_names[mode], (size_t)at);
    percpu_for_each(cpu) {
        peek(percpu_area_base(cpu), &slot_head, sizeof slot_head); /* the owner and who waits */
        if (slot_head != 0)
            return false;
    }
    return sum_of(percpu_addr(in_block)) == runs && sum_of(percpu_addr(in_nested)) == runs &&
           sum_of(percpu_addr(in_handler)) == handled;
}

/* At each instruction that enters or leaves a block; waiting for another thread is not reached. */
static void test_blocks(const char *program)
{
    static const char *const functions[] = {"percpu__take_area", "percpu__give_back_area",
                                            "find_own"};
    const size_t first = instruction_count;
    size_t hits = 0;
    bool is_right =
        disassemble(program, "--disassemble=percpu__take_area", (uintptr_t)percpu__take_area);

    for (size_t i = 1; i < sizeof functions / sizeof *functions; i++) {
        char option[64];
        snprintf(option, sizeof option, "--disassemble=%s", functions[i]);
        is_right = is_right && disassemble(program, option, 0); /* or it is inlined */
    }
    for (size_t i = first; is_right && i < instruction_count; i++)
        for (int mode = 0; is_right && mode < MODES; mode++) {
            bool is_hit;
            is_right = run_block((enum mode)mode, instructions[i], &is_hit);
            hits += is_hit && mode == SIGNAL;
        }
    if (is_right)
        snprintf(reason, sizeof reason, "only %zu instructions", hits);
    report(is_right && hits >= 50, "blocks: right when interrupted at each instruction");
    printf("# %zu of %zu instructions were reached\n", hits, instruction_count - first);
}

static void test_delays(void)
{
    for (const struct operation *o = operations; o < operations + OPERATIONS; o++) {
        const struct descriptor *d = descriptor_of(o);
        const uintptr_t commit = d ? d->start + d->length : 0;
        size_t gaps = 0, delays = 0;

        for (size_t i = 0; d && i + 1 < instruction_count && instructions[i + 1] < commit; i++)
            if (instructions[i] >= d->start && !is_pause[i]) {
                gaps++;
                delays += is_pause[i + 1];
            }
        snprintf(reason, sizeof reason, "%zu gaps, %zu delays", gaps, delays);
        report(gaps > 0 && gaps == delays, o->name);
    }
    printf("1..%u\n", tests);
}

static void test_operations(void)
{
    for (const struct operation *o = operations; o < operations + OPERATIONS; o++)
        test(o);
    report(total_boundaries > 0 && total_aborts > 0, "there were sequences, and aborts");
    printf("# %zu boundaries, %lu aborts, %lu stops\n", total_boundaries, total_aborts, stops);
    if (failures == 0)
        test_mutants();
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";

    if (strcmp(only, "delays") == 0) {
        if (!disassemble_operations(argv[0]))
            give_up("objdump does not disassemble this program");
        test_delays();
        return failures != 0;
    }
    start(argv[0]);
    if (strcmp(only, "blocks") != 0)
        test_operations();
    test_blocks(argv[0]);
    printf("# %lu stops\n1..%u\n", stops, tests);
    kill(child, SIGKILL);
    return failures != 0;
}
