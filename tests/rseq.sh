#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: rseq.sh
# What needs programs of its own on rseq: races with delays in the sequences, modules, footprint.
# Each protection is taken out of a copy of the sources, too, and then its test must fail. TAP.
# Environment: CC, CFLAGS.
# shellcheck disable=SC2046,SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}
flags="-std=gnu17 -O2 -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ -pthread ${CFLAGS:-}"
libc=other
echo '#include <limits.h>' | $CC -E -dM - | grep -q __GLIBC__ && libc=glibc

# -- t_rseq.c and t_list.c with delays ---------------------------------------------------------

delay='-DPERCPU__RSEQ_DELAY=".rept(20)\n\tpause\n\t.endr\n\t"'

# Behind each instruction of a sequence but the last.
delays_are_everywhere() {
    $CC $flags '-DPERCPU__RSEQ_DELAY="pause\n\t"' -I"$root/include" -o "$work/delays" \
        "$here/rseq/tracer.c" "$root"/src/*.c "$root"/src/platform/*.c && "$work/delays" delays
}

# What no mutant changes.
build_rest() (
    local compile="$CC $flags -I$root/include -I$here/harness -c"
    mkdir "$work/rest" "$work/rest/tests" && cd "$work/rest" &&
        $compile "$root"/src/*.c $(find "$root/src/platform" -name '*.c' ! -name rseq.c) &&
        cd tests && $compile "$here/t_areas.c" "$here"/harness/*.c
)

# herd SOURCES TEST: the first word of its name is its file's.
herd() {
    local file=t_${2%%_*} fewer=
    [ -x "$1/$file" ] ||
        $CC $flags "$delay" -DMOVES=8 -I"$1/include" -I"$1/tests/harness" -o "$1/$file" \
            "$1/tests/$file.c" "$1/src/platform/rseq.c" "$work"/rest/*.o \
            "$work"/rest/tests/*.o || return 2
    # Of 5,000 signals to t_rseq.c a mutant loses hundreds of updates.
    [ $file = t_rseq ] && [ "$1" != "$work" ] && fewer='env TEST_RSEQ_SIGNALS=5000'
    timeout "${limit:-100}" $fewer "$1/$file" "$2"
}

# The test itself must fail, and not the build, or the program on its way there.
herd_fails() {
    ! herd "$1" "$2" && grep -q "^not ok .*$2" "$log"
}

# Not only some of the updates: 9 of 4 sizes.
strays_everywhere() {
    ! herd "$1" rseq_no_update_from_elsewhere && [ "$(grep -c 'updates from elsewhere' "$log")" = 40 ]
}

# A thread waits for ever; this is more than the test takes.
hangs() {
    limit=3 herd "$1" "$2"
    [ $? = 124 ]
}

# A tracer sends it a signal at each instruction.
handler_waits() {
    $CC $flags -I"$1/include" -o "$1/tracer" "$1/tests/rseq/tracer.c" "$1"/src/*.c \
        "$1"/src/platform/*.c && ! "$1/tracer" blocks && grep -q '^Bail out! the child died' "$log"
}

# -- Modules -----------------------------------------------------------------------------------

embed() { # output, sources, flags...
    local output=$1 from=$2
    shift 2
    $CC $flags -I"$from/include" "$@" "$here/rseq/module.c" "$from"/src/*.c \
        "$from"/src/platform/*.c -o "$output"
}

library() { # output, sources, name, number, flags...
    local output=$1 from=$2
    embed "$output" "$from" -fPIC -shared -DNAME="$3" -DMODULE="$4" "${@:5}"
}

build_modules() { # folder, sources
    mkdir -p "$1" &&
        library "$1/a.so" "$2" a 11 && library "$1/b.so" "$2" b 12 &&
        $CC $flags "$here/rseq/dlopen.c" -o "$1/without" -ldl &&
        embed "$1/with" "$2" -rdynamic -DPROGRAM_TOO -DNAME=p -DMODULE=13 "$here/rseq/dlopen.c" -ldl
}

open_and_close() { # folder, program, rounds
    timeout 100 "$1/$2" "$1/a.so" "$1/b.so" "$3"
}

dies() {
    "$@"
    status=$?
    echo "status $status"
    [ $status -gt 128 ]
}

# A program with a library that starts first, an earlier one in the folder if there is one.
linked() { # folder, sources
    mkdir -p "$1" && rm -f "$1/linked" || return 1
    [ -f "$1/early.so" ] || library "$1/early.so" "$2" a 11 -DEARLY || return 1
    embed "$1/linked" "$2" "$here/rseq/linked.c" -DNAME=p -DMODULE=13 -Wl,--no-as-needed \
        "$1/early.so" &&
        "$1/linked" | tee /dev/stderr | tr '\n' ' ' | grep -q '^restartable sequences.* right'
}

linked_fails() {
    ! linked "$@" && [ -x "$1/linked" ]
}

anothers_variable() {
    ! library "$work/c.so" "$root" c 14 -DNAMES_ANOTHERS && grep -q __PERCPU_of_another "$log"
}

# -- 1,024 CPUs ---------------------------------------------------------------------------------

build_footprint() {
    echo 0-1023 >"$work/possible"
    $CC $flags "$here/rseq/footprint.c" -o "$work/plain-footprint" &&
        $CC $flags -DWITH_PERCPU "-DPERCPU__POSSIBLE=\"$work/possible\"" -I"$root/include" \
            "$here/rseq/footprint.c" "$root"/src/*.c "$root"/src/platform/*.c \
            -o "$work/footprint"
}

# One counter costs less than 1 MiB and at most 4 mappings.
small() {
    local kib tables mappings kib_plain tables_plain mappings_plain areas sum
    read -r kib_plain tables_plain mappings_plain _ <<<"$("$work/plain-footprint")"
    read -r kib tables mappings areas sum <<<"$("$work/footprint")"
    echo "plain: $kib_plain KiB, in a child $tables_plain KiB of page tables, $mappings_plain mappings"
    echo "percpu: $kib KiB, $tables KiB, $mappings mappings, $areas areas, count $sum"
    [ "$areas" = 1025 ] && [ "$sum" = 1 ] && [ "$kib_plain" -gt 0 ] &&
        [ "$tables" -gt 0 ] && [ $((tables - tables_plain)) -lt 1024 ] &&
        [ $((kib - kib_plain)) -lt 1024 ] && [ $((mappings - mappings_plain)) -le 4 ]
}

# -- Which way ----------------------------------------------------------------------------------

build_verbose() {
    $CC $flags "$here/rseq/no-rseq.c" -o "$work/no-rseq" &&
        $CC $flags -I"$root/include" "$here/rseq/stepped.c" "$root"/src/*.c \
            "$root"/src/platform/*.c -o "$work/stepped"
}

# says WORDS COMMAND...: one line on stderr, which begins so, when it is asked to; else nothing.
says() {
    local words=$1 said
    shift
    said=$("$@" 2>&1 >"$work/stdout") && [ -z "$said" ] || return 1
    said=$(PERCPU_VERBOSE=1 "$@" 2>&1 >"$work/stdout") || return 1
    echo "$said"
    [[ $said == "percpu: $words"* && $said != *$'\n'* && ! -s $work/stdout ]]
}

# -- All ---------------------------------------------------------------------------------------

ln -s "$root/include" "$root/src" "$root/tests" "$work" || exit 1
check 'what the programs share is built' build_rest
check 'updates with delays: none is lost' herd "$work" rseq_no_update_is_lost
check 'updates with delays: none is made from elsewhere' herd "$work" rseq_no_update_from_elsewhere
check 'a mutant: no descriptor is stored' mutant no-descriptor \
    include/percpu/detail/arch/x86_64/rseq.h \
    's/"movq [^"]*, 8\(%\[rseq\]\)\\n"/"\\n"/'
check 'updates are lost without descriptors' herd_fails "$work/no-descriptor" rseq_no_update_is_lost
check 'lists with delays: every node is in one place' herd "$work" list_threads_keep_every_node
check 'other CPUs'\'' lists with delays: every node is in one place' \
    herd "$work" list_drain_keeps_every_node
if [ "$libc" = glibc ]; then # the protections are the same with every libc
    check 'delays are between any two instructions of a sequence' delays_are_everywhere
    check 'each update of each size reaches a CPU on which its thread is not' \
        strays_everywhere "$work/no-descriptor"
    check 'a mutant: read, add, write' mutant plain tests/t_rseq.c \
        's/^#define ADD\(var, n\) .*/#define ADD(var, n) percpu_write(var, percpu_read(var) + (n))/'
    check 'updates are lost by read, add, write' herd_fails "$work/plain" rseq_no_update_is_lost
    check 'a mutant: an area is taken from its owner' mutant no-owner src/platform/rseq.c \
        's/return \*seen == 0;/return true;/; s/return \(seen \& ~WAITED\) == now;/return true;/'
    check 'blocks collide without owners' herd_fails "$work/no-owner" rseq_blocks_own_their_area
    check 'a mutant: a block takes an area that is its thread'\''s' mutant no-nesting \
        src/platform/rseq.c 's/if \(thread->taking == 0 \&\& thread->depth > 0\)/if (false)/'
    check 'a nested block waits for its own thread' hangs "$work/no-nesting" rseq_blocks_own_their_area
    check 'a mutant: a handler does not look for its thread'\''s area' mutant no-search \
        src/platform/rseq.c 's/if \(thread->taking > 0\) \{/if (false) {/'
    check 'a handler waits for its own thread' handler_waits "$work/no-search"
    check 'a mutant: a cancelled thread keeps its area, and nobody looks for it' mutant no-return src/platform/rseq.c \
        's/if \(thread->depth > 0 \|\| .*\{/if (false) {/; s/errno == ESRCH/false/'
    check 'others wait for a cancelled thread'\''s area' hangs "$work/no-return" rseq_cancelled_in_a_block
    check 'a mutant: a child keeps the areas of other threads' mutant no-child src/platform/rseq.c \
        's/if \(process->pid == pid\)/if (true)/'
    check 'a child waits for threads that are not in it' herd_fails "$work/no-child" rseq_fork_in_a_block
    check 'nodes are lost without descriptors' \
        herd_fails "$work/no-descriptor" list_threads_keep_every_node
    check 'a mutant: pop by cmpxchg' mutant cmpxchg tests/t_list.c \
        's/^#define POP\(\) .*/#define POP() pop_by_cmpxchg(percpu_addr(shared))/'
    check 'nodes are lost by cmpxchg' herd_fails "$work/cmpxchg" list_threads_keep_every_node
    check 'a mutant: no fence' mutant no-fence tests/t_list.c \
        's/^#define FENCE\(cpu\) .*/#define FENCE(cpu) 0/'
    check 'nodes are lost without the fence' herd_fails "$work/no-fence" list_drain_keeps_every_node

    # Some threads have no sequences.
    yield='s/__asm__ volatile\(PERCPU__RSEQ_DELAY\);/sched_yield();/;'
    no_lock=$yield's/if \((__atomic_compare_exchange_n\(&slot->lists)/if (true || \1/;'
    check 'a mutant: the fence does not lock the last area' mutant no-last src/platform/rseq.c \
        "$yield"'s/if \(cpu >= process->rseq_cpus\) \{/if (false) {/'
    check 'nodes of the last area are lost' herd_fails "$work/no-last" list_drain_keeps_every_node
    check 'a mutant: no lock without sequences' mutant no-lock src/platform/rseq.c "$no_lock"
    check 'nodes are lost without the lock' herd_fails "$work/no-lock" list_threads_keep_every_node
    check 'a mutant: cmpxchg without sequences' mutant slow-cmpxchg src/platform/rseq.c "$no_lock"'
        s/^( *)__atomic_store_n\(first, now, __ATOMIC_RELAXED\);/\1if (!__atomic_compare_exchange_n(first, \&old, now, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) return unlock_lists(slot_of(slot >> PERCPU__SLOT_SHIFT), \&before), list_locked(operation, slot, p, node);/'
    check 'nodes are lost by cmpxchg without sequences' \
        herd_fails "$work/slow-cmpxchg" list_threads_keep_every_node
    handler='s/^( *)__asm__ volatile\(PERCPU__RSEQ_DELAY\);/\1static int once;\n\1if (!once++) raise(SIGUSR2);/;'
    check 'a signal comes while the lock is held' mutant signal src/platform/rseq.c "$handler"
    check 'its handler runs later' herd "$work/signal" list_threads_keep_every_node
    check 'a mutant: signals are not blocked' mutant no-mask src/platform/rseq.c \
        "$handler"'s/pthread_sigmask\(SIG_BLOCK, &all, before\)/pthread_sigmask(SIG_BLOCK, NULL, before)/'
    check 'the handler waits for its own thread' hangs "$work/no-mask" list_threads_keep_every_node
fi

check 'modules are built' build_modules "$work/modules" "$root"
for program in with without; do
    check "libraries opened and closed 1,000 times, the program $program percpu" \
        open_and_close "$work/modules" $program 1000
done
check 'a library that is linked starts before the program' linked "$work/modules" "$root"
check "another module's variable is a link error" anothers_variable
# Where libc registers no threads, the library in the program does.
if [ "$libc" != glibc ]; then
    check 'a mutant: the first to start tells of threads and forks' mutant first src/platform/rseq.c \
        's/process->start\(\);/(void)0;/'
    check 'it does not know the program'\''s threads' linked_fails "$work/first/modules" "$work/first"
fi
# musl's dlclose() unmaps nothing.
if [ "$libc" = glibc ]; then
    check 'a mutant: who ends in a block has an area' mutant has-one src/platform/rseq.c \
        's/size_t cpu = find_own.*/size_t cpu = thread->cpu;/; s/if \(cpu != \(size_t\)NO_AREA\)/if (true)/'
    check 'a thread that waits for one gives it back' linked_fails "$work/modules" "$work/has-one"
    check 'a mutant: libraries are not pinned' mutant no-pin src/platform/rseq.c \
        's/^( *)percpu__pin\(joined\.name\);/\1(void)percpu__pin;/'
    check 'its modules are built' build_modules "$work/no-pin/modules" "$work/no-pin"
    check 'threads die when sequences are unmapped' \
        dies open_and_close "$work/no-pin/modules" without 10
fi

check 'a program is built to say which way was taken' build_verbose
check 'PERCPU_VERBOSE=1: sequences' says 'restartable sequences' "$work/stepped"
check 'PERCPU_VERBOSE=1: no rseq(2)' says 'atomic instructions' "$work/no-rseq" "$work/stepped"

check 'a counter with 1,024 possible CPUs is built' build_footprint
check 'it takes less than 1 MiB and at most 4 mappings' small
[ -s "$log" ] && sed 's/^/# /' "$log"

end
