#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: rseq-platform.sh
# What rseq makes of its surroundings: numbers from the kernel, memory, limits, modules. Each
# protection is taken out of a copy of the sources, too, and then its test must fail. TAP.
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

# build OUTPUT SOURCES PROGRAM FLAGS...: with the library inside.
build() {
    local output=$1 from=$2 program=$3
    shift 3
    $CC $flags "$@" -I"$from/include" "$here/rseq/$program" "$from"/src/*.c \
        "$from"/src/platform/*.c -o "$output"
}

fails() {
    ! "$@"
}

# says TEXT COMMAND...: its output has the text.
says() {
    local text=$1
    shift
    "$@" 2>&1 | tee /dev/stderr | grep -q -- "$text"
}

# -- Areas by mm_cid -----------------------------------------------------------------------------

last_cpu=$(($(nproc) - 1))

build_cid() { # folder, sources
    mkdir -p "$1" && build "$1/cid" "$2" cid.c -DPERCPU_RSEQ_MM_CID
}

# All updates of threads that share one CPU are in area 0, whichever CPU it is.
one_cpu_is_area_0() { # program
    says '^0 sum 8000 .*mm_cid' taskset -c "$last_cpu" "$1"
}

# Two threads at a time, and main: at most 3 areas, or as many as there are CPUs.
few_areas() { # program
    "$1" | tee /dev/stderr | {
        read -r -a words
        areas=0
        while [ "${words[areas]}" != sum ]; do areas=$((areas + 1)); done
        [ "$areas" -le $((last_cpu < 2 ? last_cpu + 1 : 3)) ] && [ "${words[areas + 1]}" = 8000 ]
    }
}

# What a thread that the kernel does not know updates is the area of no CPU, the last.
stranger_is_apart() { # program
    local out last
    out=$(taskset -c "$last_cpu" "$1" stranger) || return 1
    echo "$out"
    last=$(($(sed 's/.*areas \([0-9]*\).*/\1/' <<<"$out") - 1))
    [[ $out == "0 $last sum 8000 "* ]]
}

check 'mm_cid is built' build_cid "$work/cid" "$root"
check 'all updates on one CPU are in area 0' one_cpu_is_area_0 "$work/cid/cid"
check 'not so by cpu_id' build "$work/cid/cpu" "$root" cid.c
check 'there they are in the area of that CPU' \
    says "^$last_cpu sum 8000 " taskset -c "$last_cpu" "$work/cid/cpu"
check 'no more areas than threads' few_areas "$work/cid/cid"
check "an unregistered thread's updates are apart" stranger_is_apart "$work/cid/cid"
check 'a mutant: mm_cid without the sign of cpu_id' mutant no-sign \
    include/percpu/detail/arch/x86_64_rseq.h 's/"sarl \$31, %k\[t\]/"xorl %k[t], %k[t]/'
check 'it is built' build_cid "$work/no-sign/cid" "$work/no-sign"
check "an unregistered thread's updates are in area 0" \
    fails stranger_is_apart "$work/no-sign/cid/cid"
check 'mm_cid on a kernel without is built' \
    build "$work/cid/old" "$root" cid.c -DPERCPU_RSEQ_MM_CID -DOLD_KERNEL -Wl,--wrap=getauxval
check 'it uses atomic instructions' \
    says 'sum 8000 .*atomic instructions: no mm_cid here' "$work/cid/old"

# -- Modules -------------------------------------------------------------------------------------

library() { # output, flags...
    local output=$1
    shift
    build "$output" "$root" module.c -fPIC -shared "$@"
}

build_modules() {
    library "$work/a.so" -DNAME=a -DMODULE=11 &&
        library "$work/b.so" -DNAME=b -DMODULE=12 -DPERCPU_RSEQ_MM_CID &&
        $CC $flags "$here/rseq/dlopen.c" -o "$work/dlopen" -ldl
}

check 'modules are built' build_modules
check 'two configurations in one process end it' \
    says 'two versions or configurations' "$work/dlopen" "$work/a.so" "$work/b.so" 1

echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ "$failed" = 0 ]
