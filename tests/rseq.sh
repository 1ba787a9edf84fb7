#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: rseq.sh
# What needs programs of its own on rseq: races with delays in the sequences, modules, footprint.
# Each protection is taken out of a copy of the sources, too, and then its test must fail. TAP.
# Environment: CC, CFLAGS.
# shellcheck disable=SC2086 # flags are lists of words
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
CC=${CC:-gcc}
flags="-std=gnu17 -O2 -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ -pthread ${CFLAGS:-}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log

n=0 failed=0
# check TITLE COMMAND...: one test; the command's output is shown when it fails.
check() {
    local title=$1
    shift
    n=$((n + 1))
    if "$@" >"$log" 2>&1; then
        echo "ok $n - $title"
    else
        failed=$((failed + 1))
        echo "not ok $n - $title"
        tail -n 30 "$log" | sed 's/^/# /'
    fi
}

# mutant FOLDER FILE SED-SCRIPT: a copy of the sources with a change that must be one.
mutant() {
    mkdir -p "$work/$1"
    cp -r "$root/include" "$root/src" "$root/tests" "$work/$1"
    sed -i -E "$3" "$work/$1/$2"
    ! cmp -s "$root/$2" "$work/$1/$2"
}

# -- t_rseq.c with delays ----------------------------------------------------------------------

delay='-DPERCPU__RSEQ_DELAY=".rept(20)\n\tpause\n\t.endr\n\t"'

# herd SOURCES TEST
herd() {
    [ -x "$1/herd" ] ||
        $CC $flags "$delay" -I"$1/include" -I"$1/tests/harness" -o "$1/herd" "$1/tests/t_rseq.c" \
            "$1/tests/t_areas.c" "$1"/tests/harness/*.c "$1"/src/*.c "$1"/src/platform/*.c ||
        return 2
    timeout "${limit:-100}" "$1/herd" "$2"
}

# The test itself must fail, and not the build, or the program on its way there.
herd_fails() {
    ! herd "$1" "$2" && grep -q "^not ok .*$2" "$log"
}

# Its one thread waits for ever; a few seconds are more than the test takes.
hangs() {
    limit=5 herd "$1" "$2"
    [ $? = 124 ]
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
    local kib mappings kib_plain mappings_plain areas sum
    read -r kib_plain mappings_plain _ <<<"$("$work/plain-footprint")"
    read -r kib mappings areas sum <<<"$("$work/footprint")"
    echo "plain: $kib_plain KiB, $mappings_plain mappings"
    echo "percpu: $kib KiB, $mappings mappings, $areas areas, count $sum"
    [ "$areas" = 1025 ] && [ "$sum" = 1 ] && [ "$kib_plain" -gt 0 ] &&
        [ $((kib - kib_plain)) -lt 1024 ] && [ $((mappings - mappings_plain)) -le 4 ]
}

# -- All ---------------------------------------------------------------------------------------

ln -s "$root/include" "$root/src" "$root/tests" "$work" || exit 1
check 'updates with delays: none is lost' herd "$work" rseq_no_update_is_lost
check 'a mutant: no descriptor is stored' mutant no-descriptor \
    include/percpu/detail/arch/x86_64_rseq.h \
    's/"movq [^"]*, 8\(%\[rseq\]\)\\n"/"\\n"/'
check 'updates are lost without descriptors' herd_fails "$work/no-descriptor" rseq_no_update_is_lost
check 'a mutant: read, add, write' mutant plain tests/t_rseq.c \
    's/^#define ADD\(var, n\) .*/#define ADD(var, n) percpu_write(var, percpu_read(var) + (n))/'
check 'updates are lost by read, add, write' herd_fails "$work/plain" rseq_no_update_is_lost

check 'a mutant: an area is taken from its owner' mutant no-owner src/platform/rseq.c \
    's/return \*seen == 0;/return true;/'
check 'blocks collide without owners' herd_fails "$work/no-owner" rseq_blocks_own_their_area
check 'a mutant: a cancelled thread keeps its area' mutant no-return src/platform/rseq.c \
    's/if \(thread->depth > 0\) \{/if (false) {/'
check 'others wait for a cancelled thread'\''s area' hangs "$work/no-return" rseq_cancelled_in_a_block
check 'a mutant: a child keeps the areas of other threads' mutant no-child src/platform/rseq.c \
    's/pthread_atfork\(NULL, NULL, in_child\) != 0/(false \&\& (in_child(), true))/'
check 'a child waits for threads that are not in it' herd_fails "$work/no-child" rseq_fork_in_a_block

check 'modules are built' build_modules "$work/modules" "$root"
for program in with without; do
    check "libraries opened and closed 1,000 times, the program $program percpu" \
        open_and_close "$work/modules" $program 1000
done
check "another module's variable is a link error" anothers_variable
# musl's dlclose() unmaps nothing.
if echo '#include <limits.h>' | $CC -E -dM - | grep -q __GLIBC__; then
    check 'a mutant: libraries are not pinned' mutant no-pin src/platform/rseq.c \
        's/^( *)pin\(search\.name\);/\1(void)pin;/'
    check 'its modules are built' build_modules "$work/no-pin/modules" "$work/no-pin"
    check 'threads die when sequences are unmapped' \
        dies open_and_close "$work/no-pin/modules" without 10
fi

check 'a counter with 1,024 possible CPUs is built' build_footprint
check 'it takes less than 1 MiB and at most 4 mappings' small
[ -s "$log" ] && sed 's/^/# /' "$log"

echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ "$failed" = 0 ]
