#!/bin/bash
# SPDX-License-Identifier: MIT
# Do the tests see what they are for? Each mutant is a copy of the sources with one protection taken
# out; the test named with it must fail, and it must pass with the copy as it is. TAP.
#
# A race may need several tries to show: a mutant has TRIES runs, and yields inside the window that it
# opens. Environment: CC, TRIES.
# shellcheck disable=SC2086,SC2046,SC2013 # flags are lists of words
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
CC=${CC:-gcc}
TRIES=${TRIES:-20}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
. "$here/tools.sh"
log=$work/log

n=0 failed=0
report() { # ok|not, title
    n=$((n + 1))
    if [ "$1" = ok ]; then
        echo "ok $n - $2"
    else
        failed=$((failed + 1))
        echo "not ok $n - $2"
        tail -n 30 "$log" | sed 's/^/# /'
    fi
}

copy() { # folder
    mkdir -p "$1"
    cp -r "$root/include" "$root/src" "$root/ld" "$root/tests" "$root/tools" "$1"
}

build_host() { # folder, sources, flags...
    local dir=$1 t sources=
    for t in $2; do sources="$sources $dir/tests/$t"; done
    shift 2
    $CC -std=gnu17 -O2 -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD "$@" -I"$dir/include" -I"$dir/tests/harness" -pthread \
        -o "$dir/program" $sources "$dir/tests/t_areas.c" "$dir"/tests/harness/{harness,hosted}.c \
        "$dir"/src/*.c "$dir"/src/platform/*.c
}

build_bare() { # folder, sources, flags...
    local dir=$1 t sources=
    for t in $2; do sources="$sources $dir/tests/$t"; done
    shift 2
    $CC -E -P -undef -x assembler-with-cpp -DBARE_LOAD=0x100000 -DBARE_OFFSET=0 -DBARE_MMU=0 \
        -DBARE_CPUS=8 "$dir/tests/bare/kernel.lds.S" -o "$dir/kernel.lds" &&
        $CC -std=gnu17 -O2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mno-red-zone \
            -mgeneral-regs-only -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns \
            -DPERCPU_PLATFORM_BARE "$@" -I"$dir/include" -I"$dir/tests/harness" \
            -I"$dir/tests/bare" -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 \
            -Wl,--build-id=none -L"$dir/ld" -T "$dir/kernel.lds" -o "$dir/program" $sources \
            "$dir/tests/t_areas.c" "$dir/tests/harness/harness.c" "$dir/tests/bare/bare.c" \
            "$dir"/tests/bare/x86_64/{boot.S,machine.c} "$dir"/src/*.c "$dir"/src/platform/*.c
}

run_host() { # folder, test
    { "$1/program" "$2" >"$log" 2>&1; } 2>>"$log"
}
run_bare() {
    "$1/tools/qemu-run" x86_64 --singlestep --append "$2" "$1/program" >"$log" 2>&1
}

# host|bare, test, sources, title, file, sed script, flags...
mutant() {
    local kind=$1 test=$2 sources=$3 title=$4 file=$5 script=$6 dir try
    shift 6
    if [ "$kind" = bare ] && ! command -v qemu-system-x86_64 >/dev/null; then
        n=$((n + 1))
        echo "ok $n - $test fails with $title # SKIP missing: qemu-system-x86_64"
        return
    fi
    dir=$work/good
    rm -rf "$dir" "$work/bad"
    copy "$dir"
    if ! "build_$kind" "$dir" "$sources" "$@" >"$log" 2>&1 || ! "run_$kind" "$dir" "$test"; then
        report not "$test passes as it is ($kind)"
        return
    fi
    report ok "$test passes as it is ($kind)"

    dir=$work/bad
    copy "$dir"
    sed -i -E "$script" "$dir/$file"
    if cmp -s "$root/$file" "$dir/$file"; then
        echo "the script changes nothing in $file: $script" >"$log"
        report not "$test fails with $title"
        return
    fi
    if ! "build_$kind" "$dir" "$sources" "$@" >"$log" 2>&1; then
        report not "the mutant builds: $title"
        return
    fi
    for ((try = 1; try <= TRIES; try++)); do
        if ! "run_$kind" "$dir" "$test"; then
            # It must be this test that failed, and not the program that crashed on its way there.
            if grep -q "^not ok .*$test" "$log"; then
                report ok "$test fails with $title"
            else
                report not "$test fails with $title"
            fi
            return
        fi
    done
    report not "$test fails with $title ($TRIES runs)"
}

mutant host peer_concurrent_init t_init.c 'no lock' src/areas.c \
    's/if \(percpu__atomics_work\(\)\)/percpu__wait();\n    if (false)/'
mutant host peer_concurrent_init t_init.c 'losers that do not wait' src/areas.c \
    's/^( *)if \(seen != BUSY && take\(seen\)\)/\1if (seen == BUSY) return READY;\n&/'
mutant host thread_claims_race t_thread.c 'a claim that is no exchange' src/platform/thread.c \
    's/if \(!__atomic_compare_exchange_n\(&claims\[cpu\], &nobody, me\(\), false, __ATOMIC_SEQ_CST,/if (claims[cpu] != nobody || (sched_yield(), claims[cpu] = me(), false) || (false \&\&/; s/^( *)__ATOMIC_RELAXED\)\)$/\1__ATOMIC_RELAXED))/'
mutant host remote_reads_are_untorn t_remote.c 'a store in two halves' \
    include/percpu/detail/access.h \
    's/default: percpu__write_64\(p, bits, near\); break;/default: percpu__write_32(p, (uint32_t)bits, near); for (volatile int i = 0; i < 100; i++); percpu__write_32((volatile char *)p + 4, (uint32_t)(bits >> 32), near); break;/'
mutant bare interrupts_use_percpu_data t_irq.c 'interrupts left on' \
    include/percpu/detail/arch/x86_64.h 's/\\n\\tcli"/"/'
mutant bare peer_with_current_calls_the_hooks t_with.c 'a guard that is empty' \
    include/percpu/detail/access.h 's/^    percpu_preempt_disable\(\);//' -DPERCPU_PREEMPT

echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ "$failed" = 0 ]
