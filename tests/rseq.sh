#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: rseq.sh [linked]      linked: only a library that is linked
# What needs programs of its own on rseq: races with delays in the sequences, modules, footprint. TAP.
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
        "$here/rseq/tracer.c" "$here/library.c" && "$work/delays" delays
}

# What has no sequence.
build_rest() (
    local compile="$CC $flags -I$root/include -I$here/harness -c"
    mkdir "$work/rest" "$work/rest/tests" && cd "$work/rest" &&
        $compile "$root"/src/*.c $(find "$root/src/platform" -name '*.c' ! -name 'rseq*.c') &&
        cd tests && $compile "$here/t_areas.c" "$here"/harness/*.c
)

# herd TEST: the first word of its name is its file's.
herd() {
    local file=t_${1%%_*}
    [ -x "$work/$file" ] ||
        $CC $flags "$delay" -DMOVES=8 -I"$root/include" -I"$here/harness" -o "$work/$file" \
            "$here/$file.c" "$root"/src/platform/rseq*.c "$work"/rest/*.o \
            "$work"/rest/tests/*.o || return 1
    timeout 100 "$work/$file" "$1"
}

# -- Backtraces ----------------------------------------------------------------------------------

# unwinds FLAGS: from an abort handler, with frames of one kind.
unwinds() {
    $CC $flags $1 -I"$root/include" -o "$work/unwind" "$here/rseq/unwind.c" "$here/library.c" && [ "$("$work/unwind" | tee /dev/stderr)" = right ]
}

cancels() {
    # shellcheck disable=SC2086
    $CC $flags -O2 -fexceptions -fasynchronous-unwind-tables -I"$root/include" -o "$work/cancelled" \
        "$here/rseq/cancelled.c" "$here/library.c" && "$work/cancelled"
}

# -- Modules -----------------------------------------------------------------------------------

embed() { # output, sources, flags...
    local output=$1 from=$2
    shift 2
    $CC $flags -I"$from/include" "$@" "$here/rseq/module.c" "$here/library.c" -o "$output"
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

# A program with a library that starts first, an earlier one in the folder if there is one.
linked() { # folder, sources
    mkdir -p "$1" && rm -f "$1/linked" || return 1
    [ -f "$1/early.so" ] || library "$1/early.so" "$2" a 11 -DEARLY || return 1
    embed "$1/linked" "$2" "$here/rseq/linked.c" -DNAME=p -DMODULE=13 -Wl,--no-as-needed \
        "$1/early.so" &&
        "$1/linked" | tee /dev/stderr | tr '\n' ' ' | grep -q '^restartable sequences.* right'
}

anothers_variable() {
    ! library "$work/c.so" "$root" c 14 -DNAMES_ANOTHERS && grep -q __PERCPU_of_another "$log"
}

# -- 1,024 CPUs ---------------------------------------------------------------------------------

build_footprint() {
    echo 0-1023 >"$work/possible"
    $CC $flags "$here/rseq/footprint.c" -o "$work/plain-footprint" &&
        $CC $flags -DWITH_PERCPU "-DPERCPU__POSSIBLE=\"$work/possible\"" -I"$root/include" \
            "$here/rseq/footprint.c" "$here/library.c" \
            -o "$work/footprint"
}

# One counter costs less than 1 MiB and at most 2 mappings per CPU.
small() {
    local kib tables mappings kib_plain tables_plain mappings_plain areas sum
    read -r kib_plain tables_plain mappings_plain _ <<<"$("$work/plain-footprint")"
    read -r kib tables mappings areas sum <<<"$("$work/footprint")"
    echo "plain: $kib_plain KiB, in a child $tables_plain KiB of page tables, $mappings_plain mappings"
    echo "percpu: $kib KiB, $tables KiB, $mappings mappings, $areas areas, count $sum"
    [ "$areas" = 1025 ] && [ "$sum" = 1 ] && [ "$kib_plain" -gt 0 ] &&
        [ "$tables" -gt 0 ] && [ $((tables - tables_plain)) -lt 1024 ] &&
        [ $((kib - kib_plain)) -lt 1024 ] && [ $((mappings - mappings_plain)) -le $((2 * areas + 4)) ]
}

# -- Which way ----------------------------------------------------------------------------------

build_verbose() {
    $CC $flags "$here/rseq/no-rseq.c" -o "$work/no-rseq" &&
        $CC $flags -I"$root/include" "$here/rseq/stepped.c" "$here/library.c" -o "$work/stepped"
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

[ "${1:-}" != linked ] || {
    check 'a library that is linked starts before the program' linked "$work/modules" "$root"
    end
}

check 'what the programs share is built' build_rest
check 'updates with delays: none is lost' herd rseq_no_update_is_lost
check 'updates with delays: none is made from elsewhere' herd rseq_no_update_from_elsewhere
check 'lists with delays: every node is in one place' herd list_threads_keep_every_node
check 'other CPUs'\'' lists with delays: every node is in one place' herd list_drain_keeps_every_node
if [ "$libc" = glibc ]; then # the same with every libc
    check 'delays are between any two instructions of a sequence' delays_are_everywhere
    for frames in -fomit-frame-pointer -fno-omit-frame-pointer; do
        check "a backtrace from an abort handler: $frames" unwinds $frames
    done
    check 'threads that are cancelled in a sequence run their cleanups' cancels
fi

check 'modules are built' build_modules "$work/modules" "$root"
for program in with without; do
    check "libraries opened and closed 1,000 times, the program $program percpu" \
        open_and_close "$work/modules" $program 1000
done
check 'a library that is linked starts before the program' linked "$work/modules" "$root"
check "another module's variable is a link error" anothers_variable
check 'a program is built to say which way was taken' build_verbose
check 'PERCPU_VERBOSE=1: sequences' says 'restartable sequences' "$work/stepped"
check 'PERCPU_VERBOSE=1: no rseq(2)' says 'atomic instructions' "$work/no-rseq" "$work/stepped"

check 'a counter with 1,024 possible CPUs is built' build_footprint
check 'it takes less than 1 MiB and at most 2 mappings per CPU' small
[ -s "$log" ] && sed 's/^/# /' "$log"

end
