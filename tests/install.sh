#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything that a user does first: make lib, make install, and each of examples/ against the
# result. In a copy of the sources, so that it builds nothing in the user's tree.
set -u
. "$(dirname "$0")/work.sh"
export CC="${CC:-cc}"
want='5 requests on all CPUs'

# As from a user's shell, not from make or Meson.
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR PKG_CONFIG_PATH CFLAGS LDFLAGS MESON_BUILD_ROOT

prints_counter() {
    output=$("$@") || return 1
    echo "$output"
    [ "$output" = "$want" ]
}

fails() {
    ! "$@"
}

copy_sources() {
    mkdir "$work/percpu" && (cd "$root" && tar cf - --exclude=./build --exclude=./.git .) |
        (cd "$work/percpu" && tar xf -)
}

make_lib() {
    make -C "$work/percpu" lib || return 1
    # Copied away, as people do: the archive must stand on its own.
    cp "$work/percpu/build/host/libpercpu.a" "$work/libpercpu.a"
    rm -r "$work/percpu/build"
    # shellcheck disable=SC2086
    $CC -I"$work/percpu/include" -o "$work/hello" "$work/percpu/examples/pkg-config/main.c" \
        "$work/libpercpu.a" && prints_counter "$work/hello"
}

install_one() {
    make -C "$work/percpu" install PREFIX="$work/prefix" PLATFORM="$1"
}

sums() {
    (cd "$work/prefix" && find . -type f -exec cksum {} + | LC_ALL=C sort)
}

# Later installations change no file of the first, and all libraries are there.
side_by_side() {
    sums >"$work/first"
    install_one rseq && install_one single || return 1
    sums >"$work/second"
    LC_ALL=C comm -23 "$work/first" "$work/second" | grep . && return 1
    for p in thread single rseq; do
        library=percpu-$p
        [ $p = rseq ] && library=percpu
        for file in "lib/lib$library.a" "lib/pkgconfig/$library.pc" "lib/cmake/percpu/percpu-$p.cmake"; do
            [ -f "$work/prefix/$file" ] || { echo "no $file" && return 1; }
        done
    done
    for file in include/percpu/percpu.h share/percpu/ld/percpu.ld \
        share/percpu/ld/percpu-template.ld share/percpu/percpu-gdb.py share/percpu/percpu-image.py; do
        [ -f "$work/prefix/$file" ] || { echo "no $file" && return 1; }
    done
}

# Every platform in one go, in another folder than the one they are for.
staged() {
    make -C "$work/percpu" install PREFIX=/usr DESTDIR="$work/stage" || return 1
    (cd "$work/prefix" && find . -type f | sort) >"$work/first"
    (cd "$work/stage/usr" && find . -type f | sort) >"$work/second"
    diff "$work/first" "$work/second"
}

example() {
    mkdir -p "$work/$2" && cp -R "$root/examples/$1/." "$work/$2" && cd "$work/$2"
}

vendored() (
    example vendored vendored && make PERCPU="$root" && prints_counter ./counter
)

pkg_config() (
    export PKG_CONFIG_PATH="$work/prefix/lib/pkgconfig"
    example pkg-config "pkg-config-$1" && make PACKAGE="$1" && prints_counter ./counter
)

cmake_package() (
    example cmake "cmake-$1" &&
        cmake -B build -DCMAKE_PREFIX_PATH="$work/prefix" -DCOMPONENT="$1" &&
        cmake --build build && prints_counter build/counter
)

cmake_unknown() (
    example cmake cmake-unknown &&
        ! cmake -B build -DCMAKE_PREFIX_PATH="$work/prefix" -DCOMPONENT=none >log 2>&1 &&
        grep 'installed are: rseq, single, thread' log
)

# percpu's tests, and its way with warnings, stay out of the parent's build.
subproject() (
    example meson-subproject meson-subproject && mkdir subprojects &&
        ln -s "$work/percpu" subprojects/percpu &&
        meson setup build --wrap-mode=forcefallback && ninja -C build &&
        prints_counter build/counter &&
        [ "$(meson introspect build --tests)" = '[]' ] &&
        fails grep -e -Werror build/build.ninja
)

other_configuration() {
    # shellcheck disable=SC2086
    $CC -I"$work/prefix/include" -DPERCPU_PLATFORM_SINGLE -o "$work/hello" \
        "$root/examples/pkg-config/main.c" -L"$work/prefix/lib" -lpercpu-thread 2>&1 &&
        echo "it linked" && return 1
    $CC -I"$work/prefix/include" -DPERCPU_PLATFORM_SINGLE -o "$work/hello" \
        "$root/examples/pkg-config/main.c" -L"$work/prefix/lib" -lpercpu-thread 2>&1 |
        grep 'undefined.*percpu_built_as__single'
}

bad_name() {
    make -C "$work/percpu" lib "$1" >"$work/out" 2>&1 && return 1
    cat "$work/out"
    grep "there is no $1; use one of: .*$2" "$work/out"
}

# A folder that was set up elsewhere, or with another compiler, is not used as it is.
set_up_again() {
    printf '#!/bin/sh\nexec %s "$@"\n' "$CC" >"$work/other-cc"
    chmod +x "$work/other-cc"
    make -C "$work/percpu" lib PLATFORM=single && mv "$work/percpu" "$work/moved" || return 1
    make -C "$work/moved" install PLATFORM=single PREFIX="$work/again" &&
        make -C "$work/moved" lib PLATFORM=single CC="$work/other-cc" &&
        grep -q other-cc "$work/moved/build/host-single/build.ninja"
    status=$?
    rm -r "$work/moved/build"
    mv "$work/moved" "$work/percpu"
    return $status
}

no_bench() {
    fails make -C "$work/percpu" bench TARGET=arm
}

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
end
