#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: programs.sh [PART...]
# Programs and shared libraries of every hosted platform: each linker and way of linking, tools that
# edit files, link-time optimisation, other architectures, several platforms in one process. TAP.
# PART is one of links, tools, mark, gc, lto, architectures, exports, mixtures, pages, narrow, limits; without, all.
# Environment: CC, LINKERS.
# shellcheck disable=SC2046,SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc} AR='ar'
flags='-std=gnu17 -O1 -D_GNU_SOURCE -pthread' # compiled sooner
needs gcc
parts=${*:-links tools mark gc lto architectures exports mixtures pages narrow limits}

platform_flags() { # rseq, cid, rseq-debug, thread, single...
    case $1 in
    cid*) echo -DPERCPU_PLATFORM_RSEQ -DPERCPU_RSEQ_MM_CID ;;
    rseq*) echo -DPERCPU_PLATFORM_RSEQ ;;
    thread*) echo -DPERCPU_PLATFORM_THREAD ;;
    single*) echo -DPERCPU_PLATFORM_SINGLE ;;
    esac
    case $1 in *-debug) echo -DPERCPU_DEBUG ;; *-4) echo -DPERCPU_MAX_CPUS=4 ;; esac
}

# The library as others build it: one archive, for programs and shared libraries. Made once. A
# mutant's has all but one file of the other.
archive() { # folder, platform; sources, file
    local files="$root/src/*.c $root/src/platform/*.c"
    [ -f "$1/$2/libpercpu.a" ] && return
    mkdir -p "$1/$2"
    if [ $# -gt 2 ]; then
        archive "$work" "$2" && cp "$work/$2"/*.o "$1/$2" || return 1
        files=$3/$4
    fi
    (cd "$1/$2" &&
        $CC $flags -fPIC -ffunction-sections -fdata-sections $(platform_flags "$2") \
            -I"${3:-$root}/include" -c $files && $AR rc libpercpu.a ./*.o)
}

# link FOLDER PLATFORM OUTPUT SOURCE FLAGS...
link() {
    local folder=$1 platform=$2 output=$3 source=$4
    shift 4
    archive "$folder" "$platform" || return 1
    $CC $flags -ffunction-sections -fdata-sections $(platform_flags "$platform") \
        -I"$root/include" "$here/programs/$source" "$folder/$platform/libpercpu.a" "$@" \
        -o "$folder/$output"
}

# The library, for any program of the platform: once for each.
library() { # platform
    [ -f "$work/$1/library.so" ] || link "$work" "$1" "$1/library.so" library.c -fPIC -shared
}

# runs PROGRAM ARGUMENTS...
runs() {
    timeout 60 "$@" || {
        echo "$*: status $?"
        return 1
    }
}

fails() {
    ! "$@"
}

# -- Linkers --------------------------------------------------------------------------------------

# Each way of linking, most of them without what is not used.
gc=-Wl,--gc-sections
ways() { # platform, linker
    local way file=$work/$1-$2
    library "$1" || return 1
    for way in "-pie -rdynamic" "-pie $gc" "-fno-pie -no-pie $gc" "-static -fno-pie -no-pie $gc" \
        "-static-pie $gc" "-pie -Wl,-z,separate-code,-z,relro,-z,now" "-pie $gc -Wl,-z,norelro"; do
        case "$2 $way" in
        gold*-static-pie* | gold*separate-code*) continue ;; # it knows neither
        *-static-pie*) [ "$1" != thread ] || has_fsgsbase || continue ;;&
        *-static*) link "$work" "$1" "$1-$2" program.c -fuse-ld=$2 $way -DNO_LIBRARY && runs "$file" ;;
        *)
            link "$work" "$1" "$1-$2" program.c -fuse-ld=$2 $way -ldl &&
                runs "$file" "$work/$1/library.so"
            ;;
        esac || {
            echo "$way"
            return 1
        }
    done
    # The library, by this linker; loaded by a program that an other one linked.
    link "$work" "$1" "$1-$2.so" library.c -fuse-ld=$2 -fPIC -shared -Wl,--gc-sections &&
        link "$work" "$1" "$1-$2" program.c -ldl && runs "$file" "$file.so"
}

linkers=${LINKERS:-bfd gold lld mold}
if [[ $parts = *links* ]]; then
    for platform in rseq thread single; do
        for linker in $linkers; do
            program=ld.$linker
            [ $linker = mold ] && program=mold
            with $program check "$platform, $linker: programs and a shared library" ways $platform $linker
        done
    done
fi

# -- Tools that edit files ---------------------------------------------------------------------------

long=/opt/a/rather/long/path/of/a/package/lib
interpreter=$(readelf -lW /bin/true | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
binutils=('strip NEW' 'strip -R .note* -R .comment NEW' 'objcopy NEW' 'objcopy -R .note* NEW'
    'objcopy --compress-debug-sections NEW' 'eu-strip NEW')
llvm=('llvm-objcopy NEW' 'llvm-strip NEW' 'llvm-objcopy -R .note* NEW')
no_sections='llvm-objcopy --strip-sections NEW' # nothing can be done to a file after this
patchelf=("patchelf --set-rpath \$ORIGIN:$long NEW" "patchelf --force-rpath --set-rpath $long NEW"
    'patchelf --remove-rpath NEW' 'patchelf --add-needed libm.so.6 NEW')
large_pages='patchelf --page-size 65536 --add-needed libdl.so.2 NEW' # of what can be moved
for_programs=("patchelf --set-interpreter $interpreter NEW"
    "patchelf --set-interpreter /tmp/../tmp/../tmp/../tmp/../tmp/../tmp/..$interpreter NEW")
for_libraries=('patchelf --set-soname libarathera-long-name.so.17 NEW')

# Each tool alone, and all of them one after the other.
edit_each() { # file, arguments of the run (it is the program, or FILE), tools...
    local file=$1 run=$2 tool
    shift 2
    cp "$file" "$file.all"
    for tool; do
        cp "$file" "$file.new"
        for edited in "$file.new" "$file.all"; do
            ${tool//NEW/$edited} || {
                echo "$tool: failed"
                return 1
            }
            runs ${run//FILE/$edited} || {
                echo "$tool, $edited"
                return 1
            }
        done
    done
}

edit_programs() { # platform, flags, tools...
    link "$work" "$1" "$1-edited" program.c -ldl $2 && library "$1" &&
        edit_each "$work/$1-edited" "FILE $work/$1/library.so" "${llvm[@]}" "${binutils[@]}" \
            "${patchelf[@]}" "${for_programs[@]}" "${@:3}" "$no_sections"
}

# patchelf is for dynamic ones.
edit_static() { # platform, flags, tools...
    link "$work" "$1" "$1-edited" program.c -DNO_LIBRARY $2 &&
        edit_each "$work/$1-edited" FILE "${@:3}"
}

edit_library() { # platform
    link "$work" "$1" "$1-host" program.c -ldl &&
        link "$work" "$1" "$1-edited.so" library.c -fPIC -shared &&
        edit_each "$work/$1-edited.so" "$work/$1-host FILE" "${llvm[@]}" "${binutils[@]}" \
            "${patchelf[@]}" "$large_pages" "${for_libraries[@]}" "$no_sections"
}

lacking=$(absent eu-strip patchelf llvm-objcopy llvm-strip ld.lld)
if [[ $parts = *tools* ]] && [ -n "$lacking" ]; then
    n=$((n + 1))
    echo "ok $n - edited programs # SKIP missing:$lacking"
elif [[ $parts = *tools* ]]; then
    for platform in rseq thread; do
        check "$platform, edited: a program" edit_programs $platform -pie "$large_pages"
        check "$platform, edited: a program at fixed addresses" edit_programs $platform '-fno-pie -no-pie'
        # llvm-objcopy does not take those that GNU's linker makes.
        check "$platform, edited: static programs" edit_static $platform '-static -no-pie' "${binutils[@]}"
        check "$platform, edited: static programs, linked by LLD" \
            edit_static $platform '-static -no-pie -fuse-ld=lld' "${llvm[@]}" "${binutils[@]}" "$no_sections"
        high $platform "$platform, edited: static programs, position-independent" \
            edit_static $platform -static-pie "${llvm[@]}" "${binutils[@]}" "$no_sections"
        check "$platform, edited: a shared library" edit_library $platform
    done
fi

# -- The mark by which modules find each other ---------------------------------------------------------

# says STATUS WORDS COMMAND...: on stderr.
says() {
    local want=$1 words=$2 said status
    shift 2
    said=$(timeout 60 "$@" 2>&1)
    status=$?
    echo "$said, status $status"
    [ $status = "$want" ] && [[ $said == *"$words"* ]]
}

# damaged NAME SED-SCRIPT: as by a tool that does not know of thread-local data.
damaged() {
    for platform in rseq thread; do
        mutant "$1" src/platform/modules.c "$2" && archive "$work/$1" $platform "$work/$1" src/platform/modules.c &&
            link "$work/$1" $platform damaged program.c -ldl -Wl,--gc-sections &&
            says 134 "percpu: the library's mark is not in the image" "$work/$1/damaged" || return 1
    done
}

# Two copies of the library in one program, the names of one of them taken away.
two_copies() { # platform, another
    archive "$work" "$1" && archive "$work" "$2" &&
        $CC $flags $(platform_flags "$2") -I"$root/include" -c -Duse=use_too \
            "$here/programs/library.c" -o "$work/second.o" &&
        ld -r "$work/second.o" --whole-archive "$work/$2/libpercpu.a" -o "$work/second-all.o" &&
        objcopy --localize-hidden "$work/second-all.o" &&
        link "$work" "$1" twice program.c "$work/second-all.o" -ldl &&
        says 134 "another copy" "$work/twice"
}

# By the dynamic linker's name.
by_loader() {
    link "$work" rseq by-loader program.c -ldl && library rseq &&
        runs "$interpreter" "$work/by-loader" "$work/rseq/library.so"
}

if [[ $parts = *mark* ]]; then
    check 'a program with another mark' damaged other 's/= \{MAGIC, /= {MAGIC + 1, /'
    check 'a program with a mark that leads nowhere' damaged nowhere \
        's/&percpu__process\};/(struct process *)4096};/'
    check 'two copies in one program' two_copies rseq rseq
    check 'two platforms in one program' two_copies rseq thread
    check 'started by the dynamic linker'\''s name' by_loader
fi

# -- Sections that are not used ------------------------------------------------------------------------

# Programs with no variable that is used, each linker and each way of dropping sections. A shared
# library that is linked with them has more.
no_variable() { # platform, linker
    local source gc way
    library "$1" || return 1
    for gc in '' -Wl,--gc-sections -Wl,--gc-sections,-z,start-stop-gc; do
        case "$2 $gc" in gold*start-stop-gc) continue ;; esac
        for way in 'includes.c -pie' 'allocates.c -static' \
            "allocates.c -Wl,--no-as-needed $work/$1/library.so"; do
            link "$work" "$1" "$1-few" $way -fuse-ld=$2 $gc && runs "$work/$1-few" || {
                echo "$way $gc"
                return 1
            }
        done
    done
}

if [[ $parts = *gc* ]]; then
    for platform in rseq thread single; do
        for linker in $linkers; do
            program=ld.$linker
            [ $linker = mold ] && program=mold
            with $program check "$platform, $linker: no variable is used" no_variable $platform $linker
        done
    done
fi

# -- Link-time optimisation ------------------------------------------------------------------------------

# optimised PLATFORM COMPILER FLAGS...: the whole library, and its user.
optimised() {
    local platform=$1 compiler=$2
    shift 2
    $compiler $flags "$@" -fPIE -pie $(platform_flags $platform) -I"$root/include" \
        "$here/programs/program.c" "$here/library.c" -ldl -o "$work/lto" &&
        $compiler $flags "$@" -fPIC -shared $(platform_flags $platform) -I"$root/include" \
            "$here/programs/library.c" "$here/library.c" -o "$work/lto.so" &&
        runs "$work/lto" "$work/lto.so"
}

if [[ $parts = *lto* ]]; then
    for platform in rseq thread; do
        check "$platform, GCC -flto, in many parts" \
            optimised $platform gcc -flto -flto-partition=max -Wl,--gc-sections
        check "$platform, GCC -flto, whole" optimised $platform gcc -flto -flto-partition=none
        with clang check "$platform, clang -flto" \
            optimised $platform clang -flto -fuse-ld=lld -Wl,--gc-sections
        with clang check "$platform, clang -flto=thin" \
            optimised $platform clang -flto=thin -fuse-ld=lld -Wl,--gc-sections
    done
fi

# -- Other architectures, and another libc ---------------------------------------------------------------

# A program and a shared library by each linker, run by qemu-user, which has no rseq(2).
elsewhere() { # triplet
    local CC="clang --target=$1" AR="$1-ar" run="qemu-${1%%-*} -L /usr/$1" linker
    for linker in bfd lld mold; do
        link "$work/$1" rseq library.so library.c -fuse-ld=$linker -fPIC -shared &&
            link "$work/$1" rseq program program.c -fuse-ld=$linker -fPIE -pie -Wl,--gc-sections -ldl &&
            runs $run "$work/$1/program" "$work/$1/library.so" &&
            link "$work/$1" rseq program program.c -fuse-ld=$linker -static -DNO_LIBRARY &&
            runs $run "$work/$1/program" || {
            echo "$linker"
            return 1
        }
    done
}

# There is no libc for it: does the mark's pointer get its relocation?
loongarch64() {
    local folder=$work/loongarch64
    mkdir -p "$folder" && (
        cd "$folder" &&
            clang --target=loongarch64-linux-gnu -nostdlibinc -isystem /usr/aarch64-linux-gnu/include \
                $flags -fPIC -DPERCPU_PLATFORM_RSEQ -I"$root/include" -c "$root"/src/*.c \
                "$root"/src/platform/*.c "$here/programs/library.c" &&
            ld.lld -shared --gc-sections ./*.o -o library.so
    ) && python3 "$here/programs/mark.py" "$folder/library.so"
}

of_musl() {
    local platform CC='musl-gcc -idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include'
    for platform in rseq thread; do
        link "$work/musl" $platform library.so library.c -fPIC -shared &&
            link "$work/musl" $platform program program.c -Wl,--gc-sections &&
            runs "$work/musl/program" "$work/musl/library.so" &&
            link "$work/musl" $platform program program.c -static -DNO_LIBRARY &&
            runs "$work/musl/program" || return 1
    done
}

if [[ $parts = *architectures* ]]; then
    for triplet in aarch64-linux-gnu arm-linux-gnueabihf riscv64-linux-gnu; do
        for program in clang ld.lld mold "$triplet-ld" "qemu-${triplet%%-*}"; do
            [ -z "$(absent "$program")" ] || break
        done
        with "$program" check "$triplet: programs and a shared library by each linker" elsewhere $triplet
    done
    with clang check 'loongarch64-linux-gnu: a shared library' loongarch64
    with musl-gcc check 'musl: programs and a shared library' of_musl
fi

# -- What a shared library exports ------------------------------------------------------------------------

# GNU's linker exports the bounds of sections, which it makes itself; hidden references do not find
# them.
exports_only_its_own() {
    nm -D --defined-only "$1" | sed -E 's/^[0-9a-f]* //; /__(start|stop)_percpu_/d' | sort | diff - <(printf 'T %s\n' "${@:2}" use)
}

# exports COMPILER FLAGS...: its own function, and nothing of the library, on each platform.
exports() {
    local platform output=$work/exports.so compiler=$1 cxx=${1/gcc/g++}
    cxx=${cxx/clang/clang++}
    shift
    for platform in rseq cid thread single; do
        archive "$work" $platform || return 1
        for language in "$compiler -x c -std=gnu17" "$cxx -x c++ -std=gnu++17"; do
            $language -O1 "$@" -fPIC -shared -pthread $(platform_flags $platform) -DCALLS \
                -I"$root/include" "$here/programs/library.c" -x none -Wl,--whole-archive \
                "$work/$platform/libpercpu.a" -Wl,--no-whole-archive -o "$output" || return 1
            # shellcheck disable=SC2046 # none on other platforms
            exports_only_its_own "$output" $([ $platform = thread ] && echo late) || {
                echo "$platform: $language $*"
                return 1
            }
        done
    done
}

# Compiled with the library's sources, and optimised as one.
exports_optimised() {
    $1 $flags -flto ${2:-} -fPIC -shared -DPERCPU_PLATFORM_RSEQ -I"$root/include" "$here/programs/library.c" \
        "$here/library.c" -o "$work/exports.so" &&
        exports_only_its_own "$work/exports.so"
}

# The program has a percpu_panic() of its own, which linkers export for the library; the library
# calls its own.
own_panic() { # flags
    link "$work" rseq panic.so library.c -fPIC -shared -DPANICS &&
        link "$work" rseq panics program.c -DOWN_PANIC "$@" -ldl &&
        says 134 'designates no variable' "$work/panics" "$work/panic.so" &&
        ! grep -q "the program's" "$log"
}

if [[ $parts = *exports* ]]; then
    for compiler in gcc clang clang-14; do
        with $compiler check "$compiler: a shared library exports nothing of it" exports $compiler
    done
    check 'gcc -fvisibility=hidden: neither' exports gcc -fvisibility=hidden
    check 'GCC -flto: neither' exports_optimised gcc
    with clang check 'clang -flto: neither' exports_optimised clang -fuse-ld=lld
    check 'a library'\''s percpu_panic() is its own' own_panic
    check 'where the program exports all' own_panic -rdynamic
    check 'where the program is linked with it' own_panic -Wl,--no-as-needed "$work/panic.so"
fi

# -- Several platforms in one process ----------------------------------------------------------------------

# mixed PROGRAM LIBRARY RESULT: with a library that it opens, and with one that it is linked with,
# which then starts first. RESULT is right, or the words of a refusal.
mixed() {
    local another=-DANOTHER_PLATFORM program=$work/mixed
    # Per-CPU pointers mean the same in both.
    [ "${1%%-*}" = "${2%%-*}" ] && [ "$1" != single ] && another=
    library "$2" || return 1
    for with in '' "-Wl,--no-as-needed $work/$2/library.so"; do
        link "$work" "$1" mixed program.c $another $with -rdynamic -ldl || return 1
        if [ "$3" = right ]; then
            runs "$program" "$work/$2/library.so" || return 1
        else
            says 134 "percpu: $work/$2/library.so: $3" "$program" "$work/$2/library.so" || return 1
        fi
    done
}

# Both archives in one link.
both_linked() { # platform, another
    archive "$work" "$2" && $CC $flags $(platform_flags "$2") -I"$root/include" -c \
        "$here/programs/library.c" -o "$work/other.o" &&
        fails link "$work" "$1" both program.c "$work/other.o" "$work/$2/libpercpu.a" -ldl &&
        grep -q -e 'multiple definition of' -e 'undefined reference to .percpu_built_as' "$log"
}

refused='two versions or configurations of the library in one process'
if [[ $parts = *mixtures* ]]; then
    while read -r program library result; do
        high $program:$library "a program on $program, a library on $library: $result" mixed $program $library "${result/refused/$refused}"
    done <<END
rseq single right
single rseq right
thread single right
single thread right
single single right
rseq thread refused
thread rseq refused
rseq cid refused
cid rseq refused
cid thread refused
rseq rseq-debug right
rseq-debug rseq right
thread thread-debug right
thread-debug thread-4 right
thread-4 thread right
single-debug single right
END
    for pair in 'rseq single' 'single rseq' 'rseq thread' 'thread single' 'rseq cid' 'rseq rseq-debug'; do
        check "both in one link are refused: $pair" both_linked $pair
    done
fi

# -- Modules that share a page of the areas ------------------------------------------------------------------

# The sections at these addresses: to a page the modules keep their distance.
at() { # vars, isolated
    echo "-Wl,--section-start=percpu_vars=$1,--section-start=percpu_isolated=$2"
}

build_pages() {
    local program='-fno-pie -no-pie -ldl'
    link "$work" rseq pages.so pages.c -fPIC -shared -DIS_LIBRARY $(at 0x200800 0x204800) &&
        link "$work" rseq pages pages.c $program $(at 0x10000040 0x10000200) &&
        link "$work" rseq pages-linked pages.c $program -DIS_LINKED -Wl,--no-as-needed "$work/pages.so" &&
        for number in 1 2 3; do
            link "$work" rseq large-$number.so pages.c -fPIC -shared -DIS_LIBRARY -DWORDS=131000 || return 1
        done
        link "$work" rseq larger.so pages.c -fPIC -shared -DIS_LIBRARY -DWORDS=131072
}

said_once() {
    PERCPU_VERBOSE=1 runs "$work/pages" "$work/pages.so" 2>"$work/said"
    cat "$work/said"
    [ "$(grep -c '^percpu: ' "$work/said")" = 1 ]
}

# Of each segment p_align, the last of 7 words of a header: ELF gABI.
small_pages() {
    link "$work" rseq small ../life/sections.c -fno-pie -no-pie -DALIGN=4096 && python3 - "$work/small" <<'END' &&
import struct, sys
with open(sys.argv[1], 'r+b') as file:
    head = file.read(64)
    first, size, number = struct.unpack_from('<Q', head, 32)[0], *struct.unpack_from('<HH', head, 54)
    for at in range(first, first + number * size, size):
        file.seek(at)
        if struct.unpack('<I', file.read(4))[0] == 1:  # PT_LOAD
            file.seek(at + 48)
            file.write(struct.pack('<Q', 16))
END
        readelf -lW "$work/small" | grep 'LOAD.* 0x10$' && runs "$work/small"
}

if [[ $parts = *pages* ]]; then
    check 'modules are built' build_pages
    check 'a library has a part of the program'\''s page' runs "$work/pages" "$work/pages.so"
    check 'modules start once' runs "$work/pages-linked"
    check 'it is said once which way was taken' said_once
    check 'segments say a smaller alignment than a page' small_pages
    check 'libraries that take a second piece of memory, and one behind it' \
        runs "$work/pages" "$work/large-1.so" "$work/large-2.so" "$work/large-3.so" "$work/pages.so"
    check 'a library with variables of more than 1 MiB' \
        says 134 'the per-CPU variables of one module take more than 1 MiB' "$work/pages" "$work/larger.so"
fi

# -- Addresses of 32 bits ------------------------------------------------------------------------------------

# 8,191 areas of 2 MiB are more than there are addresses.
narrow() {
    echo 0-8190 >"$work/possible"
    clang --target=arm-linux-gnueabihf $flags -DPERCPU_PLATFORM_RSEQ "-DPERCPU__POSSIBLE=\"$work/possible\"" \
        -fuse-ld=lld -I"$root/include" "$here/rseq/values.c" "$here/library.c" \
        -o "$work/narrow" &&
        says 0 ' right, ' qemu-arm -L /usr/arm-linux-gnueabihf "$work/narrow"
}

if [[ $parts = *narrow* ]]; then
    for program in clang ld.lld arm-linux-gnueabihf-ld qemu-arm; do
        [ -z "$(absent "$program")" ] || break
    done
    with "$program" check 'more CPUs than there are addresses for' narrow
fi

# -- Limits: docs/rseq.md ------------------------------------------------------------------------------------

# A limit on addresses that is set after the start, and then before it.
limited() {
    link "$work" rseq limited limited.c && runs "$work/limited"
}

# Of a library that came by dlopen() the threads' records are there before threads need them.
starved() {
    $CC $flags -DPERCPU_PLATFORM_RSEQ -fPIC -shared -DNAME=a -DMODULE=11 -I"$root/include" "$here/rseq/module.c" \
        "$here/library.c" -o "$work/starved.so" &&
        $CC $flags "$here/rseq/starved.c" -ldl -o "$work/starved" &&
        [ "$("$work/starved" "$work/starved.so" | tee /dev/stderr)" = right ]
}

# Zeros are in the file, too.
large() {
    echo '#include <percpu/percpu.h>
        static PERCPU_DEFINE(char[1000 << 10], large);
        int main(void) { percpu_write(large[0], 1); return percpu_read(large[1]); }' >"$work/large.c"
    $CC $flags -I"$root/include" "$work/large.c" "$work/rseq/libpercpu.a" -o "$work/large" &&
        runs "$work/large" && [ "$(stat -c %s "$work/large")" -gt $((1000 << 10)) ]
}

# The header, or only an object file that is not taken out of its archive.
includes() {
    link "$work" rseq includes includes.c && nm "$work/includes" | grep ' percpu__process$' &&
        PERCPU_VERBOSE=1 says 0 'percpu: ' "$work/includes" || return 1
    echo '#include <percpu/percpu.h>
        static PERCPU_DEFINE(int, unused);
        int user(void); int user(void) { return percpu_read(unused); }' >"$work/user.c"
    echo 'int main(void) { return 0; }' >"$work/plain.c"
    (cd "$work" && $CC $flags -I"$root/include" -c user.c && ar rc libuser.a user.o &&
        $CC plain.c libuser.a rseq/libpercpu.a -o plain) && ! nm "$work/plain" | grep percpu
}

# KiB that the compiler takes, not optimising, for a file with so many.
compiler_takes() { # definitions, operations
    {
        echo '#include <percpu/percpu.h>'
        seq -f 'static PERCPU_DEFINE(int, v%.0f);' "$1"
        echo 'int main(void) {'
        seq -f 'percpu_inc(v%.0f);' "$2"
        echo '}'
    } >"$work/many.c"
    python3 - $CC -O0 -w -I"$root/include" -c "$work/many.c" -o "$work/many.o" <<'END'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
}

# Definitions cost the compiler less than 8 KiB each, and operations up to 400.
many() {
    local none definitions operations
    none=$(compiler_takes 500 0) && definitions=$(compiler_takes 50000 0) &&
        operations=$(compiler_takes 500 500) || return 1
    echo "# KiB: $none; 50,000 definitions: $definitions; 500 operations: $operations"
    [ $((definitions - none)) -lt 400000 ] && [ $((operations - none)) -lt 200000 ] &&
        [ $((operations - none)) -gt 0 ]
}

if [[ $parts = *limits* ]]; then
    archive "$work" rseq
    check 'a limit on addresses, after the start' limited
    check "a library's block, in a thread without memory" starved
    check 'a large variable is as large in the file' large
    check 'the header links the library, an unused object file does not' includes
    check '50,000 definitions in a file' many
fi

end
