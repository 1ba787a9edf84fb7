#!/bin/bash
# SPDX-License-Identifier: MIT
# What must not compile, and what must. TAP.
#
# tests/compile/*.c and *.cpp: each must fail, and the compiler must print one of the texts after
# "// error: "; with -DGOOD the same file must compile without a warning, so it is the mistake that
# was refused. "// flags:" are for both, "// bad:" and "// good:" for one of them. "// with:" is another
# compiler than those of the lists. A configuration that is refused, config-*, ends the compilation:
# the compiler says nothing else.
#
# everything.inc uses every macro of the interface; it, the header alone, and operations in each
# other's operands (nested.inc) must compile as C17 and C++17, without a warning, on every platform;
# on one also in every other mode from gnu99 on that a compiler has.
#
# usage: compile.sh [libatomic | FILE...]     FILE: of those in tests/compile that must fail; default: all
#
# Environment: CC_LIST and CXX_LIST, the compilers; those not installed are reported as skipped.
# shellcheck disable=SC2086,SC2046,SC2013,SC2015 # flags are lists of words
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
CC_LIST=${CC_LIST-gcc clang clang-14}
CXX_LIST=${CXX_LIST-g++ clang++ clang++-14}
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
. "$here/tools.sh"

n=0 failed=0
result() { # ok|not, name, log
    n=$((n + 1))
    if [ "$1" = ok ]; then
        echo "ok $n - $2"
    else
        failed=$((failed + 1))
        echo "not ok $n - $2"
        head -n 20 "$3" | sed 's/^/# /'
    fi
}
skip() {
    n=$((n + 1))
    echo "ok $n - $1 # SKIP missing: $2"
}
field() { # name, file
    sed -n "s|^// $1: *||p" "$2"
}

bad_case() { # compiler, file
    local cc=$1 file=$2 name flags error log=$work/log
    if ! command -v ${cc%% *} >/dev/null; then
        skip "$(basename "$file"): $cc" ${cc%% *}
        return
    fi
    name="$(basename "$file"): $cc"
    flags="-I$root/include $(field flags "$file") $warnings"
    error=$(field error "$file")
    if $cc $flags $(field good "$file") -DGOOD -c -o "$work/o" "$file" >"$log" 2>&1; then :; else
        result not "$name: the good variant compiles" "$log"
        return
    fi
    if $cc $flags $(field bad "$file") -c -o "$work/o" "$file" >"$log" 2>&1; then
        echo "it compiled" >"$log"
        result not "$name" "$log"
    elif ! grep -Fq -- "$error" "$log"; then
        sed -i "1i it does not say: $error" "$log"
        result not "$name" "$log"
    elif [[ $(basename "$file") == config-* ]] &&
        [ "$(grep -E '(error|warning): ' "$log" | grep -vc 'percpu/detail/see-the-error-above')" != 1 ]; then
        sed -i "1i it says more than: $error" "$log"
        result not "$name" "$log"
    else
        result ok "$name" "$log"
    fi
}

good_case() { # name, compiler and flags
    local name=$1
    shift
    if "$@" -c -o "$work/o" >"$work/log" 2>&1; then
        result ok "$name" "$work/log"
    else
        result not "$name" "$work/log"
    fi
}

# every macro of the interface occurs in everything.inc
used() {
    local missing=
    for macro in $(grep -hoE '^#define (percpu|PERCPU)_[a-zA-Z_]+' "$root"/include/percpu/{alloc,list,percpu}.h |
        sed 's/#define //' | grep -vE '__|PERCPU_[A-Z]*_H' | sort -u); do
        grep -qw "$macro" "$here/compile/everything.inc" || missing="$missing $macro"
    done
    echo "not used:$missing" >"$work/log"
    if [ -z "$missing" ]; then result ok "$1" "$work/log"; else result not "$1" "$work/log"; fi
}

# every test of PEERS-ROWS exists
rows() {
    local missing=
    for name in $(grep '^ ' "$here/PEERS-ROWS" | grep -oE '\b[a-z0-9]+(_[a-z0-9]+)+\b' |
        grep -vE '^t_[a-z]+$' | sort -u); do
        grep -qrE "TEST\($name\)|NAME $name|\"$name" "$here" --include=*.c --include=*.sh ||
            missing="$missing $name"
    done
    echo "no such test:$missing" >"$work/log"
    if [ -z "$missing" ]; then result ok "$1" "$work/log"; else result not "$1" "$work/log"; fi
}

# A program of 32 bits, whose ABI aligns 8 bytes to 4: 8-byte accesses are no calls of libatomic. The
# system's headers for 64 bits serve, but for one name.
no_libatomic() { # compiler
    local cc=$1 opt flags
    if ! command -v "$cc" >/dev/null; then
        skip "no libatomic: $cc -m32" "$cc"
        return
    fi
    mkdir -p "$work/m32/gnu" && : >"$work/m32/gnu/stubs-32.h"
    for opt in -O0 -O2; do
        flags="-m32 -march=i686 $opt -std=gnu17 $warnings -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD
            -I$root/include -idirafter $work/m32 -idirafter /usr/include/x86_64-linux-gnu -c"
        if "$cc" $flags -x c -o "$work/o" "$here/compile/everything.inc" >"$work/log" 2>&1 &&
            "$cc" $flags -o "$work/calls.o" "$root/src/calls.c" >"$work/log" 2>&1 &&
            ! nm "$work/o" "$work/calls.o" | grep 'U __atomic' >"$work/log"; then
            result ok "no libatomic: $cc -m32 $opt" "$work/log"
        else
            result not "no libatomic: $cc -m32 $opt" "$work/log"
        fi
    done
}

platforms=(
    "rseq|-D_GNU_SOURCE"
    "rseq, no PIC, debug|-fno-pie -DPERCPU_DEBUG"
    "thread|-D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD"
    "thread, TLS word|-U__linux__"
    "thread, shared library, debug|-fPIC -DPERCPU_PLATFORM_THREAD -DPERCPU_DEBUG"
    "single|-DPERCPU_PLATFORM_SINGLE"
    "bare|-ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -fno-stack-protector"
    "bare, VMA 0, hooks|-ffreestanding -fno-pic -fno-pie -fno-stack-protector -DPERCPU_ZERO_VMA -DPERCPU_PREEMPT -DPERCPU_DEBUG"
)

compilers() { # language, list
    local lang=$1 cc std
    local stds="c17 gnu17" modes="gnu99 gnu11 c11 gnu2x c2x gnu2y c2y" ext=c more=-Wc++-compat
    [ "$lang" = c ] || stds="c++17 gnu++17" modes="c++20 gnu++20 c++2b c++2c" ext=cpp more=
    shift
    for cc in "$@"; do
        if ! command -v "$cc" >/dev/null; then
            skip "$lang: $cc" "$cc"
            continue
        fi
        for std in $stds; do
            for p in "${platforms[@]}"; do
                # With GNU's extensions once: all other tests have them.
                [[ $std == gnu* && $p != "${platforms[0]}" ]] && continue
                for source in alone everything nested; do
                    for opt in -O0 -O2; do
                        [[ $opt == -O0 && $source != everything ]] && continue
                        good_case "$source.inc: $cc -std=$std, ${p%%|*} $opt" "$cc" -x "$lang" \
                            -std="$std" $opt $warnings $more -I"$root/include" ${p#*|} \
                            "$here/compile/$source.inc"
                    done
                done
            done
        done
        # clang 22 and newer warn of __COUNTER__ in all modes but C2y's.
        printf '#pragma GCC %s\n' system_header 'poison __COUNTER__' >"$work/poison.h"
        for std in $modes; do
            # Not where the compiler does not know the mode or the C library replaces a keyword.
            echo '#include <stdint.h>' | "$cc" -x "$lang" -std="$std" -dM -E - >"$work/macros" 2>&1 &&
                ! grep -q 'define _Static_assert' "$work/macros" || continue
            for source in everything nested; do
                good_case "$source.inc: $cc -std=$std" "$cc" -x "$lang" -std="$std" -O1 \
                    $warnings $more -include "$work/poison.h" -I"$root/include" \
                    ${platforms[0]#*|} "$here/compile/$source.inc"
            done
        done
        for file in "$here"/compile/*."$ext"; do
            grep -q '^// with:' "$file" || bad_case "$cc" "$file"
        done
    done
}

# By the compilers that the file names, or those of its language's list.
bad_cases() { # file
    local file=$1 cc list=$CC_LIST
    [ "${file##*.}" = c ] || list=$CXX_LIST
    grep -q '^// with:' "$file" && list=$(field with "$file") || list=${list// /$'\n'}
    while IFS= read -r cc; do
        bad_case "$cc" "$file"
    done <<<"$list"
}

if [ $# = 0 ]; then
    used "everything.inc uses every macro"
    rows "every test in PEERS-ROWS exists"
    compilers c $CC_LIST
    compilers c++ $CXX_LIST
    set -- libatomic $(cd "$here/compile" && grep -l '^// with:' ./*.c)
fi
for file; do
    if [ "$file" != libatomic ]; then
        bad_cases "$here/compile/$file"
        continue
    fi
    for cc in $CC_LIST; do
        no_libatomic "$cc"
    done
done
echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ "$failed" = 0 ]
