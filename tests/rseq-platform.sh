#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: rseq-platform.sh [PART...]     parts: cid memory locked values fibers sanitizers secure debug handler modules
# What rseq makes of its surroundings: numbers from the kernel, memory, limits, modules. TAP.
# Environment: CC, CFLAGS.
# shellcheck disable=SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}
flags="-std=gnu17 -O2 -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ -pthread ${CFLAGS:-}"
parts=${*:-cid memory locked values fibers sanitizers secure debug handler modules}
needs taskset

# has PART
has() {
    [[ " $parts " = *" $1 "* ]]
}

# build OUTPUT SOURCES PROGRAM FLAGS...: with the library inside.
build() {
    local output=$1 from=$2 program=$3
    shift 3
    $CC $flags "$@" -I"$from/include" "$here/rseq/$program" "$here/library.c" -o "$output"
}

# The library by itself, for programs that need no other one.
build_library() ( # folder, sources, flags...
    mkdir -p "$1" && cd "$1" && $CC $flags "${@:3}" -I"$2/include" -c "$2"/src/*.c \
        "$2"/src/platform/*.c
)

build_with() { # folder, output, program, flags...
    local objects=$1 output=$2 program=$3
    shift 3
    $CC $flags "$@" -I"$root/include" "$here/rseq/$program" "$objects"/*.o -o "$output"
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

[ "$parts" = handler ] ||
    check 'the library is built' build_library "$work/library" "$root"

if has cid; then
    check 'mm_cid is built' build_cid "$work/cid" "$root"
    check 'all updates on one CPU are in area 0' one_cpu_is_area_0 "$work/cid/cid"
    check 'not so by cpu_id' build_with "$work/library" "$work/cid/cpu" cid.c
    check 'there they are in the area of that CPU' \
        says "^$last_cpu sum 8000 " taskset -c "$last_cpu" "$work/cid/cpu"
    check 'no more areas than threads' few_areas "$work/cid/cid"
    check "an unregistered thread's updates are apart" stranger_is_apart "$work/cid/cid"
    check 'mm_cid on a kernel without is built' \
        build "$work/cid/old" "$root" cid.c -DPERCPU_RSEQ_MM_CID -DOLD_KERNEL -Wl,--wrap=getauxval
    check 'it uses atomic instructions' \
        says 'sum 8000 .*atomic instructions: no mm_cid here' "$work/cid/old"
fi

# -- Memory --------------------------------------------------------------------------------------

possible=$(($(sed 's/.*[-,]//' /sys/devices/system/cpu/possible) + 1))
every=$(seq -s ' ' 0 "$last_cpu") updates=$(($(nproc) * 1000))

# limited LIMIT VALUE COMMAND...
limited() (
    ulimit "$1" "$2" && "${@:3}"
)

if has memory; then
    check 'a program that updates on each CPU is built' \
        build_with "$work/library" "$work/memory" memory.c
    check 'each CPU has an area, and behind the last one is none' \
        says "^$every sum $updates $updates areas $((possible + 1)) beyond ---p faults" "$work/memory"

    # Writable memory is counted by ulimit -d, as all of it is by the system with strict overcommit.
    check 'every CPU has an area where writable memory is limited' \
        says "^$every sum $updates $updates areas $((possible + 1)) beyond ---p faults, dynamic $((possible + 1))" \
        limited -d 65536 "$work/memory"

    # Each area takes 2112 KiB of addresses, and so does the guard; a quarter is the most that they take.
    check 'fewer CPUs have an area where addresses are limited' \
        says " sum $updates $updates areas $((possible / 2 + 1)) beyond ---p faults" \
        limited -v $((4 * (possible / 2 + 2) * 2112 + 1000)) "$work/memory"
    check 'where there are no addresses the program ends' \
        says 'no address space for one area' limited -v 6000 "$work/memory"

    # A machine with more CPUs than the library was told of.
    few=$((last_cpu > 1 ? last_cpu : 1))
    check 'areas for fewer CPUs than there are' build "$work/few" "$root" memory.c \
        -DPERCPU_MAX_CPUS=$few
    check 'no update is lost' says " sum $updates $updates areas $few beyond ---p faults" "$work/few"

    check 'a variable aligned to 64 KiB is built' \
        build_with "$work/library" "$work/aligned" aligned.c -Wl,--wrap=mmap
    check 'its copies are aligned' says '^aligned' "$work/aligned"
    check 'segments aligned to 4 MiB are built' \
        build_with "$work/library" "$work/huge" aligned.c -DALIGN=64 -Wl,--wrap=mmap -Wl,-z,max-page-size=0x400000
    check 'variables have the alignment that they ask for' says '^aligned' "$work/huge"
    check 'a variable aligned to 128 KiB is built' \
        build_with "$work/library" "$work/aligned-128" aligned.c -DALIGN=131072 -Wl,--wrap=mmap
    check 'the process ends' says 'a per-CPU variable is aligned to more than 64 KiB' "$work/aligned-128"
fi

# -- Locked memory, core files -------------------------------------------------------------------

build_locked() {
    chmod 755 "$work" && build_with "$work/library" "$work/locked" locked.c -DWITH_PERCPU &&
        $CC $flags "$here/rseq/locked.c" -o "$work/opens-locked" -ldl &&
        build "$work/locked.so" "$root" module.c -fPIC -shared -DNAME=a -DMODULE=11
}

# The whole file, holes too: the kernel wrote or skipped each page.
core_is_small() (
    build_with "$work/library" "$work/dumped" dumped.c || return 1
    mkdir -p "$work/core" && cd "$work/core" && ulimit -c unlimited && { "$work/dumped"; true; }
    set -- core*
    [ -f "$1" ] && stat -c '%n %s' "$1" && [ "$(stat -c %s "$1")" -lt $((1 << 20)) ]
)

if has locked; then
    hard=$(ulimit -Hl)
    check 'programs that lock their memory are built' build_locked
    if [ "$(id -u)" = 0 ]; then
        check 'variables and objects take little' says '^right' "$work/locked" 0
        check 'a library that comes later takes little' says '^right' "$work/opens-locked" 0 "$work/locked.so"
        # Of a limit that is smaller than areas for all CPUs: there are fewer.
        for kib in 65536 8192; do
            [ "$hard" = unlimited ] || [ "$kib" -le "$hard" ] || continue
            check "also with ulimit -l $kib" says '^right' "$work/opens-locked" $kib "$work/locked.so"
        done
    fi
    if [ "$(cat /proc/sys/kernel/core_pattern)" = core ]; then
        check 'a core file is smaller than 1 MiB' core_is_small
    fi
fi

# -- Initial values ------------------------------------------------------------------------------

values() { # output, sources, last CPU
    echo "0-$3" >"$1.possible" && build "$1" "$2" values.c "-DPERCPU__POSSIBLE=\"$1.possible\""
}

verbose() {
    PERCPU_VERBOSE=1 "$@"
}

# Of two pages in 1,025 areas only those that were written take memory.
takes_little() {
    local kib right mappings
    IFS=' ,' read -r kib _ right mappings _ <<<"$("$1")"
    echo "$kib KiB, $right, $mappings mappings"
    [ "$right" = right ] && [ "$kib" -gt 0 ] && [ "$kib" -lt 4096 ]
}

if has values; then
    check 'initial values for 1,024 CPUs are built' values "$work/values" "$root" 1023
    check 'areas take no memory for them' takes_little "$work/values"
    check 'and nothing is said' fails says 'copied' verbose "$work/values"
    check 'they are there where writable memory is limited' \
        says ' right' limited -d 65536 "$work/values"
    check 'and where files may not be large' \
        says 'initial values are copied for each' verbose limited -f 0 "$work/values"
    check 'initial values for 8,191 CPUs are built' values "$work/many" "$root" 8190
    check 'one of the pages is copied, for mappings are limited' \
        says 'right, 24[0-9]\{3\} mappings' "$work/many"
    check 'it says so' says 'initial values are copied for each' verbose "$work/many"
fi

# -- Fibers --------------------------------------------------------------------------------------

if has fibers; then
    check 'a function that goes on in another thread is built' \
        build_with "$work/library" "$work/fibers" fibers.c -DPERCPU_RSEQ_FIBERS
    check 'it uses the area of that thread'\''s CPU' says '^right' "$work/fibers"
    check 'it is built without PERCPU_RSEQ_FIBERS' build_with "$work/library" "$work/no-fibers" fibers.c
    check 'it uses the first thread'\''s' says '^wrong' "$work/no-fibers"
fi

# -- Sanitizers ----------------------------------------------------------------------------------

# sanitized OUTPUT LIBRARY WHICH: right, and nothing to say.
sanitized() {
    build_with "$2" "$work/$1" sanitized.c -fsanitize="$3" && $no_aslr "$work/$1" 2>&1 | tee /dev/stderr |
        tr '\n' ' ' | grep -q '^right $'
}

with_clang() {
    local CC=clang-sanitizers
    "$@"
}

if has sanitizers; then
    check 'ThreadSanitizer sees order in blocks and lists' sanitized tsan "$work/library" thread
    check 'LeakSanitizer looks into areas' sanitized lsan "$work/library" address
    with clang-sanitizers check 'the library with clang'\''s ThreadSanitizer is built' \
        with_clang build_library "$work/library-tsan" "$root" -fsanitize=thread
    with clang-sanitizers check 'threads end before it is gone' with_clang sanitized all-tsan "$work/library-tsan" thread
fi

# -- Set-user-ID programs ------------------------------------------------------------------------

if has secure; then
    check 'a program that says which way was taken is built' build_with "$work/library" "$work/memory" memory.c
    check 'PERCPU_VERBOSE=1 is heard' says '^percpu: .*; [0-9]* CPUs' verbose "$work/memory"
    check 'PERCPU_VERBOSE=0 is not' fails says '^percpu: ' env PERCPU_VERBOSE=0 "$work/memory"
    check 'a program that is told that it is set-user-ID is built' \
        build "$work/secure" "$root" cid.c -DSECURE -Wl,--wrap=getauxval
    check 'it says nothing' fails says '^percpu: ' verbose "$work/secure"
    if [ "$(id -u)" = 0 ]; then
        chmod 755 "$work" && cp "$work/memory" "$work/set-user-id" && chmod 4755 "$work/set-user-id"
        check 'a set-user-ID program says nothing to another user' \
            fails says '^percpu: ' verbose setpriv --reuid 65534 --clear-groups "$work/set-user-id"
        check 'a program that is none does' \
            says '^percpu: ' verbose setpriv --reuid 65534 --clear-groups "$work/memory"
    fi
fi

# -- PERCPU_DEBUG --------------------------------------------------------------------------------

debug() { # test
    $CC $flags -DPERCPU_DEBUG -I"$root/include" -I"$here/harness" -o "$work/debug" "$here/t_rseq.c" \
        "$here/t_areas.c" "$here"/harness/*.c "$here/library.c" &&
        timeout 100 "$work/debug" "$1"
}

has debug &&
    check 'blocks that change the operand of updates are reported, others not' debug rseq_debug

# -- Modules -------------------------------------------------------------------------------------

library() { # output, flags...
    local output=$1
    shift
    build "$output" "$root" module.c -fPIC -shared "$@"
}

handler() {
    library "$work/a.so" -DNAME=a -DMODULE=11 && $CC $flags "$here/rseq/handler.c" -o "$work/handler" -ldl &&
        says '^right' "$work/handler" "$work/a.so"
}

build_modules() {
    library "$work/a.so" -DNAME=a -DMODULE=11 &&
        library "$work/b.so" -DNAME=b -DMODULE=12 -DPERCPU_RSEQ_MM_CID &&
        $CC $flags "$here/rseq/dlopen.c" -o "$work/dlopen" -ldl
}

has handler &&
    check 'a signal handler is the first to use a library' handler

if has modules; then
    check 'modules are built' build_modules
    check 'two configurations in one process end it' \
        says 'two versions or configurations' "$work/dlopen" "$work/a.so" "$work/b.so" 1

    opens_namespace() {
        echo '#include <dlfcn.h>
            int main(int n, char **path) { return dlmopen(LM_ID_NEWLM, path[n - 1], RTLD_NOW) != 0; }' |
            $CC $flags -x c - -o "$work/namespace" -ldl
    }

    check 'a program that opens a namespace is built' opens_namespace
    check 'a library in it ends the process' \
        says 'a.so: not in a namespace of dlmopen()' "$work/namespace" "$work/a.so"

    # The variable of_each, exported where the compiler lets it be, in a program and a library.
    same_name() { # folder, sources, compiler, flags...
        local folder=$1 from=$2 CC=$3
        shift 3
        mkdir -p "$folder" &&
            build "$folder/library.so" "$from" same-name.c -DNUMBER=51 -fPIC -shared "$@" &&
            build "$folder/program" "$from" same-name.c -DNUMBER=50 -DIS_PROGRAM -rdynamic "$@" -ldl
    }

    run_same_name() {
        "$1/program" "$1/library.so"
    }

    check 'the same name in two modules, declared' same_name "$work/declared" "$root" "$CC" -DDECLARED
    check 'two variables' says '^right' run_same_name "$work/declared"
    for hides in clang clang-14; do
        with $hides check "the same name in two modules, $hides" same_name "$work/$hides" "$root" $hides
        with $hides check "two variables, $hides" says '^right' run_same_name "$work/$hides"
    done
    check 'the same name in two modules, exported' same_name "$work/exported" "$root" "$CC"
    check 'the process ends, and says why' says \
        'library.so: __PERCPU_of_each is also a variable of another module' \
        run_same_name "$work/exported"
    check 'the same name in two modules, with the old hash table only' \
        same_name "$work/sysv" "$root" "$CC" -Wl,--hash-style=sysv
    check 'the process ends' says '__PERCPU_of_each is also' run_same_name "$work/sysv"
fi

end
