#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: install.sh SOURCE-ROOT
# Everything that a user does first: make lib, make install, and each of examples/ against the
# result. In a copy of the sources, so that it builds nothing in the user's tree.
set -u
root=$1
export CC="${CC:-cc}"
want='5 requests on all CPUs'

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
# As from a user's shell, not from make or Meson.
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR PKG_CONFIG_PATH CFLAGS LDFLAGS MESON_BUILD_ROOT

count=0
# check NAME COMMAND...: one test; the command's output is shown when it fails.
check() {
    name=$1
    shift
    count=$((count + 1))
    if "$@" >"$tmp/log" 2>&1; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        tail -n 40 "$tmp/log" | sed 's/^/# /'
    fi
}

prints_counter() {
    output=$("$@") || return 1
    echo "$output"
    [ "$output" = "$want" ]
}

fails() {
    ! "$@"
}

copy_sources() {
    mkdir "$tmp/percpu" && (cd "$root" && tar cf - --exclude=./build --exclude=./.git .) |
        (cd "$tmp/percpu" && tar xf -)
}

make_lib() {
    make -C "$tmp/percpu" lib || return 1
    # Copied away, as people do: the archive must stand on its own.
    cp "$tmp/percpu/build/host/libpercpu.a" "$tmp/libpercpu.a"
    rm -r "$tmp/percpu/build"
    # shellcheck disable=SC2086
    $CC -I"$tmp/percpu/include" -o "$tmp/hello" "$tmp/percpu/examples/pkg-config/main.c" \
        "$tmp/libpercpu.a" && prints_counter "$tmp/hello"
}

install_one() {
    make -C "$tmp/percpu" install PREFIX="$tmp/prefix" PLATFORM="$1"
}

sums() {
    (cd "$tmp/prefix" && find . -type f -exec cksum {} + | LC_ALL=C sort)
}

# Later installations change no file of the first, and all libraries are there.
side_by_side() {
    sums >"$tmp/first"
    install_one rseq && install_one single || return 1
    sums >"$tmp/second"
    LC_ALL=C comm -23 "$tmp/first" "$tmp/second" | grep . && return 1
    for p in thread single rseq; do
        library=percpu-$p
        [ $p = rseq ] && library=percpu
        for file in "lib/lib$library.a" "lib/pkgconfig/$library.pc" "lib/cmake/percpu/percpu-$p.cmake"; do
            [ -f "$tmp/prefix/$file" ] || { echo "no $file" && return 1; }
        done
    done
    for file in include/percpu/percpu.h share/percpu/ld/percpu.ld \
        share/percpu/ld/percpu-template.ld share/percpu/percpu-gdb.py share/percpu/percpu-image.py; do
        [ -f "$tmp/prefix/$file" ] || { echo "no $file" && return 1; }
    done
}

# Every platform in one go, in another folder than the one they are for.
staged() {
    make -C "$tmp/percpu" install PREFIX=/usr DESTDIR="$tmp/stage" || return 1
    (cd "$tmp/prefix" && find . -type f | sort) >"$tmp/first"
    (cd "$tmp/stage/usr" && find . -type f | sort) >"$tmp/second"
    diff "$tmp/first" "$tmp/second"
}

example() {
    mkdir -p "$tmp/$2" && cp -R "$root/examples/$1/." "$tmp/$2" && cd "$tmp/$2"
}

vendored() (
    example vendored vendored && make PERCPU="$root" && prints_counter ./counter
)

pkg_config() (
    export PKG_CONFIG_PATH="$tmp/prefix/lib/pkgconfig"
    example pkg-config "pkg-config-$1" && make PACKAGE="$1" && prints_counter ./counter
)

cmake_package() (
    example cmake "cmake-$1" &&
        cmake -B build -DCMAKE_PREFIX_PATH="$tmp/prefix" -DCOMPONENT="$1" &&
        cmake --build build && prints_counter build/counter
)

cmake_unknown() (
    example cmake cmake-unknown &&
        ! cmake -B build -DCMAKE_PREFIX_PATH="$tmp/prefix" -DCOMPONENT=none >log 2>&1 &&
        grep 'installed are: rseq, single, thread' log
)

# percpu's tests, and its way with warnings, stay out of the parent's build.
subproject() (
    example meson-subproject meson-subproject && mkdir subprojects &&
        ln -s "$tmp/percpu" subprojects/percpu &&
        meson setup build --wrap-mode=forcefallback && ninja -C build &&
        prints_counter build/counter &&
        [ "$(meson introspect build --tests)" = '[]' ] &&
        fails grep -e -Werror build/build.ninja
)

other_configuration() {
    # shellcheck disable=SC2086
    $CC -I"$tmp/prefix/include" -DPERCPU_PLATFORM_SINGLE -o "$tmp/hello" \
        "$root/examples/pkg-config/main.c" -L"$tmp/prefix/lib" -lpercpu-thread 2>&1 &&
        echo "it linked" && return 1
    $CC -I"$tmp/prefix/include" -DPERCPU_PLATFORM_SINGLE -o "$tmp/hello" \
        "$root/examples/pkg-config/main.c" -L"$tmp/prefix/lib" -lpercpu-thread 2>&1 |
        grep 'undefined.*percpu_built_as__single'
}

bad_name() {
    make -C "$tmp/percpu" lib "$1" >"$tmp/out" 2>&1 && return 1
    cat "$tmp/out"
    grep "there is no $1; use one of: .*$2" "$tmp/out"
}

# A folder that was set up elsewhere, or with another compiler, is not used as it is.
set_up_again() {
    printf '#!/bin/sh\nexec %s "$@"\n' "$CC" >"$tmp/other-cc"
    chmod +x "$tmp/other-cc"
    make -C "$tmp/percpu" lib PLATFORM=single && mv "$tmp/percpu" "$tmp/moved" || return 1
    make -C "$tmp/moved" install PLATFORM=single PREFIX="$tmp/again" &&
        make -C "$tmp/moved" lib PLATFORM=single CC="$tmp/other-cc" &&
        grep -q other-cc "$tmp/moved/build/host-single/build.ninja"
    status=$?
    rm -r "$tmp/moved/build"
    mv "$tmp/moved" "$tmp/percpu"
    return $status
}

no_bench() {
    fails make -C "$tmp/percpu" bench TARGET=arm
}

echo 1..19
check 'the sources can be copied' copy_sources
check 'make lib: a program links with cc -Iinclude prog.c libpercpu.a' make_lib
check 'make lib TARGET=vax names the targets' bad_name TARGET=vax host
check 'make lib PLATFORM=none names the platforms' bad_name PLATFORM=none 'rseq, thread, single'
check 'make bench TARGET=arm is refused' no_bench
check 'a build folder is set up again after a move, and for another compiler' set_up_again
check 'make install PLATFORM=thread' install_one thread
check 'rseq and single are installed beside thread and change nothing' side_by_side
check 'make install DESTDIR= installs the same files' staged
check 'examples/vendored' vendored
check 'examples/pkg-config, thread' pkg_config percpu-thread
check 'examples/pkg-config, single' pkg_config percpu-single
check 'examples/pkg-config, rseq' pkg_config percpu
check 'examples/cmake, thread' cmake_package thread
check 'examples/cmake, single' cmake_package single
check 'examples/cmake, rseq' cmake_package rseq
check 'examples/cmake: an unknown component is refused with the list' cmake_unknown
check 'examples/meson-subproject' subproject
check 'a program built for another platform does not link' other_configuration
