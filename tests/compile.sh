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
# everything.inc uses every macro of the interface; it, each header before all others, and operations
# in each other's operands (nested.inc) must compile as C17 and C++17, without a warning, on every
# platform; on one also in every other mode from C99 on that a compiler has.
#
# usage: compile.sh [libatomic | FILE...]     FILE: of those in tests/compile that must fail; default: all
#
# Environment: CC_LIST and CXX_LIST, the compilers; those not installed are reported as skipped.
# shellcheck disable=SC2086,SC2046,SC2013,SC2015 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC_LIST=${CC_LIST-gcc clang clang-14}
CXX_LIST=${CXX_LIST-g++ clang++ clang++-14}
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror"
# More that Linux (with W=3), LK and memcached ask for, or C++ programs: of style, as all of these headers.
style="-Wcast-qual -Wcast-align -Wmissing-declarations -Wpointer-arith -Wredundant-decls -Wswitch-default -Wvla
    -Wwrite-strings"
style_c="-Wbad-function-cast -Wc++-compat -Wdeclaration-after-statement -Wmissing-prototypes -Wnested-externs
    -Wold-style-definition -Wstrict-prototypes"
style_cxx="-Wold-style-cast -Wzero-as-null-pointer-constant"

field() { # name, file
    sed -n "s|^// $1: *||p" "$2"
}

# is_refused FILE COMPILER...: the good variant compiles, and the other one fails for the reason that the file says.
is_refused() {
    local file=$1 flags
    shift
    flags="-I$root/include $(field flags "$file") $warnings"
    "$@" $flags $(field good "$file") -DGOOD -c -o "$work/o" "$file" || { echo 'the good variant' && return 1; }
    ! "$@" $flags $(field bad "$file") -c -o "$work/o" "$file" >"$work/said" 2>&1 || { echo 'it compiled' && return 1; }
    cat "$work/said"
    grep -Fq -- "$(field error "$file")" "$work/said" || { echo "it does not say: $(field error "$file")" && return 1; }
    [[ $file != */config-* ]] ||
        [ "$(grep -E '(error|warning): ' "$work/said" | grep -vc 'percpu/detail/see-the-error-above')" = 1 ] ||
        { echo "it says more than: $(field error "$file")" && return 1; }
}

bad_case() { # compiler, file
    with "$1" check "$(basename "$2"): $1" is_refused "$2" $1
}

# every macro of the interface occurs in everything.inc
used() {
    local missing=
    for macro in $(grep -hoE '^#define (percpu|PERCPU)_[a-zA-Z_]+' "$root"/include/percpu/{alloc,fence,info,list,percpu,remote}.h |
        sed 's/#define //' | grep -vE '__|PERCPU_[A-Z]*_H' | sort -u); do
        grep -qw "$macro" "$here/compile/everything.inc" || missing="$missing $macro"
    done
    echo "not used:$missing"
    [ -z "$missing" ]
}

# each_header_first COMPILER FLAGS...: before percpu.h, which includes some of the others.
each_header_first() {
    local header bad=
    for header in "$root"/include/percpu/*.h; do
        [ "${header##*/}" = asm.h ] || "$@" -include "$header" "$here/compile/alone.inc" || bad="$bad ${header##*/}"
    done
    echo "not before the others:$bad"
    [ -z "$bad" ]
}

# every test of PEERS-ROWS exists
rows() {
    local missing=
    for name in $(grep '^ ' "$here/PEERS-ROWS" | grep -oE '\b[a-z0-9]+(_[a-z0-9]+)+\b' |
        grep -vE '^t_[a-z]+$' | sort -u); do
        grep -qrE "TEST\($name\)|NAME $name|\"$name" "$here" --include=*.c --include=*.sh ||
            missing="$missing $name"
    done
    echo "no such test:$missing"
    [ -z "$missing" ]
}

# A program of 32 bits, whose ABI aligns 8 bytes to 4: 8-byte accesses are no calls of libatomic. The
# system's headers for 64 bits serve, but for one name.
makes_no_calls() { # compiler, optimisation
    local flags="-m32 -march=i686 $2 -std=gnu17 $warnings -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD
        -I$root/include -idirafter $work/m32 -idirafter /usr/include/x86_64-linux-gnu -c"
    mkdir -p "$work/m32/gnu" && : >"$work/m32/gnu/stubs-32.h"
    $1 $flags -x c -o "$work/o" "$here/compile/everything.inc" &&
        $1 $flags -o "$work/calls.o" "$root/src/calls.c" &&
        ! nm "$work/o" "$work/calls.o" | grep 'U __atomic'
}

no_libatomic() { # compiler
    for opt in -O0 -O2; do
        with "$1" check "no libatomic: $1 -m32 $opt" makes_no_calls "$1" $opt
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
    local lang=$1 cc std own
    local stds="c17 gnu17" modes="c99 gnu99 gnu11 c11 gnu2x c2x gnu2y c2y" ext=c more="$style $style_c"
    [ "$lang" = c ] || stds="c++17 gnu++17" modes="c++20 gnu++20 c++2b c++2c" ext=cpp more="$style $style_cxx"
    shift
    for cc in "$@"; do
        [ -z "$(absent "$cc")" ] || { skip "$lang: $cc" "missing: $cc" && continue; }
        own=$more
        [[ $cc != g++* ]] || own="$more -Wuseless-cast"
        for std in $stds; do
            for p in "${platforms[@]}"; do
                # With GNU's extensions once: all other tests have them.
                [[ $std == gnu* && $p != "${platforms[0]}" ]] && continue
                [[ $cc == *-14 ]] || check "each header first: $cc -std=$std, ${p%%|*}" each_header_first "$cc" \
                    -x "$lang" -std="$std" $warnings $own -I"$root/include" ${p#*|} -fsyntax-only
                for source in everything nested; do
                    for opt in -O0 -O2; do
                        # The older clang says the same of the rest as the newer one.
                        case $cc/$source$opt in
                        */everything-O2) ;;
                        *-14/* | */nested-O0) continue ;;
                        esac
                        check "$source.inc: $cc -std=$std, ${p%%|*} $opt" "$cc" -x "$lang" \
                            -std="$std" $opt $warnings $own -I"$root/include" ${p#*|} \
                            -c -o "$work/o" "$here/compile/$source.inc"
                    done
                done
            done
        done
        # clang 22 and newer warn of __COUNTER__ in all modes but C2y's; GCC's C needs it.
        printf '#pragma GCC %s\n' system_header >"$work/poison.h"
        [[ $cc != *clang* ]] || echo '#pragma GCC poison __COUNTER__' >>"$work/poison.h"
        for std in $modes; do
            # Not where the compiler does not know the mode.
            "$cc" -x "$lang" -std="$std" -E /dev/null >/dev/null 2>&1 || continue
            for source in everything nested; do
                check "$source.inc: $cc -std=$std" "$cc" -x "$lang" -std="$std" -O1 \
                    $warnings $own -include "$work/poison.h" -I"$root/include" \
                    ${platforms[0]#*|} -c -o "$work/o" "$here/compile/$source.inc"
            done
        done
        [[ $cc != *-14 ]] || continue
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
    check "everything.inc uses every macro" used
    check "every test in PEERS-ROWS exists" rows
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
end
