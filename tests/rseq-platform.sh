#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: rseq-platform.sh
# What rseq makes of its surroundings: numbers from the kernel, memory, limits, modules. Each
# protection is taken out of a copy of the sources, too, and then its test must fail. TAP.
# Environment: CC, CFLAGS.
# shellcheck disable=SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}
flags="-std=gnu17 -O2 -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ -pthread ${CFLAGS:-}"
needs taskset

# build OUTPUT SOURCES PROGRAM FLAGS...: with the library inside.
build() {
    local output=$1 from=$2 program=$3
    shift 3
    $CC $flags "$@" -I"$from/include" "$here/rseq/$program" "$from"/src/*.c \
        "$from"/src/platform/*.c -o "$output"
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

# By signal 11.
stopped_by_guard() {
    "$1"
    status=$?
    echo "status $status"
    [ $status = 139 ]
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

check 'the library is built' build_library "$work/library" "$root"

check 'mm_cid is built' build_cid "$work/cid" "$root"
check 'all updates on one CPU are in area 0' one_cpu_is_area_0 "$work/cid/cid"
check 'not so by cpu_id' build_with "$work/library" "$work/cid/cpu" cid.c
check 'there they are in the area of that CPU' \
    says "^$last_cpu sum 8000 " taskset -c "$last_cpu" "$work/cid/cpu"
check 'no more areas than threads' few_areas "$work/cid/cid"
check "an unregistered thread's updates are apart" stranger_is_apart "$work/cid/cid"
check 'a mutant: mm_cid without the sign of cpu_id' mutant no-sign \
    include/percpu/detail/arch/x86_64/rseq.h 's/"sarl \$31, %k\[t\]/"xorl %k[t], %k[t]/'
check 'it is built' build_cid "$work/no-sign/cid" "$work/no-sign"
check "an unregistered thread's updates are in area 0" \
    fails stranger_is_apart "$work/no-sign/cid/cid"
check 'mm_cid on a kernel without is built' \
    build "$work/cid/old" "$root" cid.c -DPERCPU_RSEQ_MM_CID -DOLD_KERNEL -Wl,--wrap=getauxval
check 'it uses atomic instructions' \
    says 'sum 8000 .*atomic instructions: no mm_cid here' "$work/cid/old"

# -- Memory --------------------------------------------------------------------------------------

possible=$(($(sed 's/.*[-,]//' /sys/devices/system/cpu/possible) + 1))
every=$(seq -s ' ' 0 "$last_cpu") updates=$(($(nproc) * 1000))

# limited LIMIT VALUE COMMAND...
limited() (
    ulimit "$1" "$2" && "${@:3}"
)

check 'a program that updates on each CPU is built' \
    build_with "$work/library" "$work/memory" memory.c
check 'each CPU has an area, and behind the last one is none' \
    says "^$every sum $updates $updates areas $((possible + 1)) beyond ---p faults" "$work/memory"
check 'a mutant: no guard behind the last area' mutant no-guard src/platform/rseq.c \
    's/mprotect\(end, .*\) != 0/false/'
check 'it is built' build "$work/no-guard/memory" "$work/no-guard" memory.c
check 'something else may be there' fails says 'beyond ---p faults' "$work/no-guard/memory"

# Writable memory is counted by ulimit -d, as all of it is by the system with strict overcommit.
check 'every CPU has an area where writable memory is limited' \
    says "^$every sum $updates $updates areas $((possible + 1)) beyond ---p faults, dynamic $((possible + 1))" \
    limited -d 65536 "$work/memory"
check 'a mutant: only all of the areas at once' mutant at-once src/platform/rseq.c \
    's/p->in_parts = memory == MAP_FAILED;/p->in_parts = false;/'
check 'it is built' build "$work/at-once/memory" "$work/at-once" memory.c
check 'not all CPUs have an area, or none' \
    fails says "areas $((possible + 1)) " limited -d 65536 timeout 5 "$work/at-once/memory"

check 'a mutant: dynamic memory is not made accessible' mutant no-dynamic src/platform/rseq.c \
    's/^    process->dynamic_end = end;/    return true;/; s/if \(!make_accessible\(process,.*/if (false)/'
check 'it is built' build "$work/no-dynamic/memory" "$work/no-dynamic" memory.c
check 'dynamic memory faults' fails says "dynamic $((possible + 1))" \
    limited -d 65536 "$work/no-dynamic/memory"

# Each area takes 1 GiB of addresses, and so does the guard.
check 'fewer CPUs have an area where addresses are limited' \
    says " sum $updates $updates areas $((possible / 2 + 1)) beyond ---p faults" \
    limited -v $(((possible / 2 + 2) * 1048576 + 65536)) "$work/memory"
check 'where there are no addresses the program ends' \
    says 'no address space for one area' limited -v 1048576 "$work/memory"

# A machine with more CPUs than the library was told of.
few=$((last_cpu > 1 ? last_cpu : 1))
check 'areas for fewer CPUs than there are' build "$work/few" "$root" memory.c \
    -DPERCPU_MAX_CPUS=$few
check 'no update is lost' says " sum $updates $updates areas $few beyond ---p faults" "$work/few"
check 'a mutant: sequences on every CPU' mutant every-cpu include/percpu/detail/arch/x86_64/rseq.h \
    's/^( *)"jae %l\[slow\]\\n\\t" /\1/'
check 'it is built' build "$work/every-cpu/few" "$work/every-cpu" memory.c -DPERCPU_MAX_CPUS=$few
check 'the guard stops it' stopped_by_guard "$work/every-cpu/few"

check 'a variable aligned to 64 KiB is built' \
    build_with "$work/library" "$work/aligned" aligned.c -Wl,--wrap=mmap
check 'its copies are aligned' says '^aligned' "$work/aligned"
check 'a mutant: slots begin where mmap() says' mutant unaligned src/platform/rseq.c \
    's/^#define STRICTEST .*/#define STRICTEST ((uintptr_t)4096)/; s/if \(page > STRICTEST\)/if (false)/'
check 'it is built' build "$work/unaligned/aligned" "$work/unaligned" aligned.c -Wl,--wrap=mmap
check 'they are not' says '^not all' "$work/unaligned/aligned"
check 'segments aligned to 4 MiB are built' \
    build_with "$work/library" "$work/huge" aligned.c -Wl,--wrap=mmap -Wl,-z,max-page-size=0x400000
check 'the process ends' says 'its segments have a larger alignment than 2 MiB' "$work/huge"

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

check 'initial values for 1,024 CPUs are built' values "$work/values" "$root" 1023
check 'areas take no memory for them' takes_little "$work/values"
check 'and nothing is said' fails says 'copied' verbose "$work/values"
check 'a mutant: no file' mutant no-file src/platform/rseq.c \
    's/no_file = p->in_parts;/no_file = true;/'
check 'it is built' values "$work/no-file/values" "$work/no-file" 1023
check 'it has the values, too' says ' right' "$work/no-file/values"
check 'areas take memory for them' fails takes_little "$work/no-file/values"
check 'it says so' says 'initial values are copied for each' verbose "$work/no-file/values"
check 'they are there where writable memory is limited' \
    says ' right' limited -d 65536 "$work/values"
check 'it says so' says 'initial values are copied for each' \
    verbose limited -d 65536 "$work/values"
check 'and where files may not be large' \
    says 'initial values are copied for each' verbose limited -f 0 "$work/values"
check 'initial values for 8,191 CPUs are built' values "$work/many" "$root" 8190
check 'one of the pages is copied, for mappings are limited' \
    says 'right, 16[0-9]\{3\} mappings' "$work/many"
check 'it says so' says 'initial values are copied for each' verbose "$work/many"
check 'a mutant: views are shared' mutant shared src/platform/rseq.c \
    's/MAP_PRIVATE \| MAP_FIXED/MAP_SHARED | MAP_FIXED/'
check 'it is built' values "$work/shared/values" "$work/shared" 1023
check "one CPU's update is everybody's" fails says ' right' "$work/shared/values"

# -- Fibers --------------------------------------------------------------------------------------

check 'a function that goes on in another thread is built' \
    build_with "$work/library" "$work/fibers" fibers.c -DPERCPU_RSEQ_FIBERS
check 'it uses the area of that thread'\''s CPU' says '^right' "$work/fibers"
check 'it is built without PERCPU_RSEQ_FIBERS' build_with "$work/library" "$work/no-fibers" fibers.c
check 'it uses the first thread'\''s' says '^wrong' "$work/no-fibers"

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

check 'ThreadSanitizer sees order in blocks and lists' sanitized tsan "$work/library" thread
check 'LeakSanitizer looks into areas' sanitized lsan "$work/library" address
with clang-sanitizers check 'the library with clang'\''s ThreadSanitizer is built' \
    with_clang build_library "$work/library-tsan" "$root" -fsanitize=thread
with clang-sanitizers check 'threads end before it is gone' with_clang sanitized all-tsan "$work/library-tsan" thread
check 'a mutant: threads end in the last round' mutant late src/platform/modules.h \
    's/ - \(&__tsan_release \? 1 : 0\)//'
with clang-sanitizers check 'it is built' with_clang build_library "$work/late/library" "$work/late" -fsanitize=thread
with clang-sanitizers check 'it crashes' says SEGV with_clang sanitized late-tsan "$work/late/library" thread
check 'a mutant: sanitizers are told nothing' mutant untold src/platform/rseq.c \
    's/if \(&__(lsan|tsan)_[a-z_]*\)/if (false)/'
check 'it is built' build_library "$work/untold/library" "$work/untold"
check 'ThreadSanitizer sees races' says 'data race' sanitized races "$work/untold/library" thread
check 'LeakSanitizer sees leaks' says 'memory leaks' sanitized leaks "$work/untold/library" address

# -- Set-user-ID programs ------------------------------------------------------------------------

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
check 'a mutant: set-user-ID programs are like others' mutant insecure src/platform/rseq.c \
    's/getauxval\(AT_SECURE\) \?/false ?/'
check 'it is built' build "$work/insecure/secure" "$work/insecure" cid.c -DSECURE \
    -Wl,--wrap=getauxval
check 'it says more' says '^percpu: ' verbose "$work/insecure/secure"

# -- PERCPU_DEBUG --------------------------------------------------------------------------------

debug() { # sources, test, the program's number
    [ -x "$work/debug-$3" ] || $CC $flags -DPERCPU_DEBUG -I"$1/include" -I"$1/tests/harness" \
        -o "$work/debug-$3" "$1/tests/t_rseq.c" "$1/tests/t_areas.c" "$1"/tests/harness/*.c \
        "$1"/src/*.c "$1"/src/platform/*.c || return 2
    timeout 100 "$work/debug-$3" "$2"
}

debug_fails() {
    ! debug "$@" && grep -q "^not ok .*$2" "$log"
}

check 'blocks that change the operand of updates are reported, others not' debug "$root" rseq_debug 0
check 'a mutant: updates are forgotten' mutant forgets src/platform/watch.c \
    's/add_bytes\(word, &word->updated/if (false) &/'
check 'no report' debug_fails "$work/forgets" rseq_debug_block_and_update 1
check 'a mutant: what comes during a block is the block'\''s' mutant blames src/platform/watch.c \
    's/if \(word && .* == watch->writes\[i\]\)/if (word)/'
check 'blocks that only read are reported' debug_fails "$work/blames" rseq_debug_block 2

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

handler() { # library
    $CC $flags "$here/rseq/handler.c" -o "$work/handler" -ldl && says '^right' "$work/handler" "$1"
}

check 'a signal handler is the first to use a library' handler "$work/a.so"
check 'a mutant: what is a thread'\''s is thread-local' mutant thread-local src/platform/rseq.c \
    's/if \(is_in_program\)/if (true)/'
check 'it is built' \
    build "$work/thread-local/a.so" "$work/thread-local" module.c -fPIC -shared -DNAME=a -DMODULE=11
check 'it calls malloc()' says 'called malloc' "$work/handler" "$work/thread-local/a.so"

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
check 'a mutant: nobody looks' mutant blind src/platform/modules.c 's/if \(search.replaced\)/if (false)/'
check 'it is built' same_name "$work/blind/modules" "$work/blind" "$CC"
check 'the library has the wrong variable' fails says '^right' run_same_name "$work/blind/modules"

end
