#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: modules.sh
# thread: several modules with per-CPU variables in one process, and what is refused. TAP.
# Environment: CC, CFLAGS; BRIEF=yes: only what works.
# shellcheck disable=SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}
flags="-std=gnu17 -O2 -D_GNU_SOURCE -pthread ${CFLAGS:-}"
libc=other
echo '#include <limits.h>' | $CC -E -dM - | grep -q __GLIBC__ && libc=glibc

# The library as it is installed: one archive, for programs and shared libraries.
archive() { # folder, sources, files, flags...
    local folder=$1 sources=$2 files=$3
    shift 3
    mkdir -p "$folder" &&
        (cd "$folder" && $CC $flags -DPERCPU_PLATFORM_THREAD "$@" -I"$sources/include" -c $files &&
            ar rc libpercpu.a ./*.o)
}

module() { # folder, output, flags...
    local folder=$1 output=$2
    shift 2
    $CC $flags -DPERCPU_PLATFORM_THREAD -I"$root/include" "$@" "$folder/libpercpu.a" -ldl \
        -o "$folder/$output"
}

library() { # folder, name, number, alignment, flags...
    local folder=$1 name=$2 number=$3 align=$4
    shift 4
    module "$folder" "$name.so" -fPIC -shared -DNAME="${name%%-*}" -DMODULE="$number" \
        -DALIGN="$align" "$@" "$here/rseq/module.c"
}

# musl's loader knows alignments up to a page.
page=4096
[ "$libc" = glibc ] && page=65536
program='-rdynamic -DNAME=p -DMODULE=13 -DALIGN=128 -DPROGRAM_TOO'
build() { # folder
    library "$1" a 11 64 && library "$1" b 12 $page -Wl,-Bsymbolic &&
        module "$1" with $program "$here/rseq/module.c" "$here/modules/modules.c" &&
        $CC $flags -rdynamic "$here/modules/modules.c" -o "$1/without" -ldl
}

# A program at low addresses, linked with a library whose constructor is the first to use per-CPU
# data.
linked() {
    library "$1" a-early 11 64 -DEARLY &&
        module "$1" linked -fno-pie -no-pie $program -DLINKED "$here/rseq/module.c" "$here/modules/modules.c" \
            -Wl,--no-as-needed "$1/a-early.so" &&
        timeout 60 "$1/linked" "$1/a-early.so" "$1/b.so" 3
}

open_and_close() { # folder, program, rounds
    timeout 60 "$1/$2" "$1/a.so" "$1/b.so" "$3"
}

# Without FSGSBASE, GS base takes no negative distance: from a library down to the areas.
is_low_only() {
    open_and_close "$built" without 1
    [ $? = 3 ]
}

# refused HOW LIBRARY WORDS: the process ends with these words.
refused() {
    local said status
    said=$("$built/refused" "$1" "$2" 2>&1)
    status=$?
    echo "$said, status $status"
    [ $status = 134 ] && [[ $said == "percpu: "*"$3"* ]]
}

refuses() { # name, words, flags...
    local name=$1 words=$2
    shift 2
    library "$built" "$name" 12 64 "$@" && refused in-place "$built/$name.so" "$words"
}

of_rseq() {
    $CC $flags -DPERCPU_PLATFORM_RSEQ -fPIC -shared -I"$root/include" -DNAME=b -DMODULE=12 "$here/rseq/module.c" \
        "$here/library.c" -o "$built/rseq.so" &&
        refused in-place "$built/rseq.so" 'two versions or configurations'
}

of_another_version() {
    mutant version src/platform/thread_module.c 's/(define VERSION) .*/\1 0x20000/' &&
        mkdir -p "$work/version/built" && cp "$built"/*.o "$work/version/built" &&
        archive "$work/version/built" "$work/version" "$work/version/src/platform/thread_module.c" -fPIC &&
        library "$work/version/built" b 12 64 &&
        refused in-place "$work/version/built/b.so" 'two versions or configurations'
}

# Where addresses are limited: what comes before the areas gets room, what comes later may not.
large() {
    library "$built" b-large 12 64 -DWORDS=1000000 && (
        ulimit -v 300000
        "$built/refused" before "$built/b-large.so" &&
            refused in-place "$built/b-large.so" 'no room for its'
    )
}

built=$work/built
check 'the library is built' archive "$built" "$root" "$root/src/*.c $root/src/platform/*.c" -fPIC
check 'modules are built' build "$built"
check 'libraries opened and closed 200 times, the program with percpu' open_and_close "$built" with 200
if is_low_only; then
    check 'no FSGSBASE: a library above the areas is told PERCPU_EDELTA' is_low_only
else
    check 'libraries opened and closed 200 times, the program without percpu' open_and_close "$built" without 200
fi
check 'a library that is linked, and used before the program' linked "$built"

sanitized() {
    $CC $flags -DPERCPU_PLATFORM_THREAD -fsanitize=thread -I"$root/include" \
        "$here/rseq/sanitized.c" "$here/library.c" -o "$built/sanitized" &&
        $no_aslr "$built/sanitized"
}

if [ "${BRIEF:-no}" = no ]; then
    flags="$flags -O0" # compiled sooner
    if [ "$libc" = glibc ]; then
        check 'threads end before ThreadSanitizer is gone' sanitized
    fi
    check 'a program is built for what is refused' \
        module "$built" refused -rdynamic "$here/modules/refused.c"
    check 'PERCPU_EMODULE: caller'\''s memory and a library before' \
        "$built/refused" before "$built/b.so"
    check 'refused: a library after percpu_init()' refused callers-memory "$built/b.so" 'no room for its'
    check 'refused: a library after percpu_init_cpu()' refused late-cpu "$built/b.so" 'no room for its'
    check 'variables of 8 MB, 300 MB of addresses' large
    check 'refused: segments aligned to 4 MiB' \
        refuses b-huge 'larger alignment than 2 MiB' -Wl,-z,max-page-size=0x400000
    check 'refused: code for programs in a shared library' refuses b-pie '-fPIC' -fPIE
    check 'refused: assembly for programs' refuses b-asm '-fPIC' "$here/modules/code.S"
    # clang hides definitions.
    if ! $CC --version | grep -q clang; then
        check 'refused: a variable that another module has' refuses b-both __PERCPU_of_both -DOF_BOTH
    fi
    check 'refused: a library on rseq' of_rseq
    check 'refused: another version' of_another_version
    if [ "$libc" = glibc ]; then
        check 'refused: dlmopen()' refused namespace "$built/b.so" dlmopen
    fi
fi

end
