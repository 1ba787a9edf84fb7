#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: systems.sh [RELEASE...]      default: sid; any Debian release: trixie, bullseye, ...
#
# The headers and the library with the compilers of other Debian releases, each in a chroot that
# debootstrap makes from the mirror that this machine's apt uses. TAP. Per release:
#   its GCC, and its newest clang: tests/compile.sh, all sources without a warning for each
#   platform, and t_all on the platforms for programs; a compiler that is too old: one error.
#
# Needs root, debootstrap, unshare, and 2 GB for a release at a time; half a minute for debootstrap,
# one for the rest. What cannot be had is SKIP, with the reason. The chroot's mounts are in a
# namespace of its own, so that they end with it however it ends.
# shellcheck disable=SC2317,SC2016,SC1091 # what --inside calls; for others to expand
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")

if [ "${1:-}" = --inside ]; then # in the chroot: compilers; prints TAP without numbers
    cd /percpu || exit 1
    export PERCPU_TOOLS=/usr/bin # compilers are named below
    gcc=$(gcc -dumpversion) clang=$(cd /usr/bin && printf '%s\n' clang-[0-9]* | sort -V | tail -n 1)
    say() { # ok|not ok, what, log
        echo "$1 - $2"
        [ "$1" = ok ] || { grep -E '^not ok' -A 8 "$3" || cat "$3"; } | head -n 40 | sed 's/^/# /'
    }
    try() { # what, command...
        local what=$1
        shift
        if "$@" >/tmp/log 2>&1; then say ok "$what" /tmp/log; else say 'not ok' "$what" /tmp/log; fi
    }
    sources() { # compiler, flags...: each source by itself, without a warning
        local file
        for file in src/*.c src/platform/*.c; do
            "$@" -O2 -Wall -Wextra -Wpedantic -Wshadow -Werror -Iinclude -c -o /tmp/o "$file" || return 1
        done
    }
    programs() { # compiler, flags...: all tests
        "$@" -O1 -w -Iinclude -Itests/harness -pthread -o /tmp/t_all tests/t_*.c \
            tests/harness/harness.c tests/harness/hosted.c tests/library.c &&
            timeout 120 /tmp/t_all >/tmp/tap && ! grep -E '^not ok' -A 8 /tmp/tap
    }
    refused() {
        echo '#include <percpu/percpu.h>' >/tmp/x.c
        ! "$1" -Iinclude -c -o /tmp/o /tmp/x.c 2>/tmp/said || return 1
        cat /tmp/said
        grep -q 'GCC 12' /tmp/said && [ "$(grep -cE ': (fatal )?error: ' /tmp/said)" -le 2 ]
    }
    each() { # name, version, oldest, compiler, compiler for C++
        if [ "$2" -lt "$3" ]; then
            try "$1: refused" refused "$4"
            return
        fi
        try "$1: the headers, in each mode" env CC_LIST="$4" CXX_LIST="$5" tests/compile.sh
        for flags in -D_GNU_SOURCE '-D_GNU_SOURCE -DPERCPU_DEBUG' '-D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD' \
            -DPERCPU_PLATFORM_SINGLE '-ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -fno-stack-protector'; do
            # shellcheck disable=SC2086
            try "$1: the library, $flags" sources "$4" $flags
        done
        for flags in RSEQ THREAD SINGLE; do
            try "$1: t_all, $flags" programs "$4" -D_GNU_SOURCE -DPERCPU_PLATFORM_$flags
        done
    }
    each "GCC $gcc" "${gcc%%.*}" 12 gcc g++
    each "$clang" "${clang#clang-}" 14 "$clang" "${clang/clang/clang++}"
    exit 0
fi

[ $# -gt 0 ] || set -- sid
skip_all() {
    echo "1..0 # SKIP not available here: $1"
    exit 0
}
[ "$(id -u)" -eq 0 ] || skip_all 'a chroot needs root'
for command in debootstrap unshare chroot apt-get; do
    command -v $command >/dev/null || skip_all "no $command"
done
unshare --mount --pid --fork true 2>/dev/null || skip_all 'unshare is not permitted'
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $codename" 'Origin: Debian' 2>/dev/null |
    head -n 1)
[ -n "$mirror" ] || skip_all "apt has no Debian mirror for $codename"

work=$(mktemp -d) || exit 1
# The namespace's processes are gone, and with them its mounts, when unshare is.
clean() {
    [ -z "${child:-}" ] || { kill "$child" && wait "$child"; } 2>/dev/null
    rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM
# In the background, since a shell takes a signal only when what it waits for ends otherwise.
run() {
    "$@" &
    child=$!
    wait "$child"
    local status=$?
    child=
    return $status
}

n=0 failed=0 ran=0 reasons=
for release; do
    area=$work/$release
    reason=
    if ! run timeout 60 /usr/lib/apt/apt-helper download-file "${mirror%/}/dists/$release/InRelease" \
        "$work/InRelease" >/dev/null 2>&1; then
        reason='the mirror does not have it'
    elif [ "$(df --output=avail -BM "$work" | tail -n 1 | tr -dc 0-9)" -lt 3000 ]; then
        reason='less than 3 GB of disk'
    else
        mkdir "$area"
        # The newest clang's name is known when apt's lists are there.
        # shellcheck disable=SC2016
        run timeout 500 unshare --mount --pid --fork --kill-child bash -c '
            debootstrap --variant=minbase --include=gcc,g++,libc6-dev "$1" "$2" "$3" &&
            apt-config dump Acquire >"$2/etc/apt/apt.conf.d/90machine" &&
            chroot "$2" sh -c "
                clang=\$(apt-cache search --names-only \"^clang-[0-9]+\\\$\" | sort -V | tail -n 1)
                DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \${clang%% *}"
            ' - "$release" "$area" "$mirror" >"$work/log" 2>&1 </dev/null ||
            reason="debootstrap: $(grep -E '^[EW]: ' "$work/log" | tail -n 1 | sed 's,[a-z]*://[^ ]*,,g')"
    fi
    if [ -n "$reason" ]; then
        n=$((n + 1))
        reasons="$reasons $release: $reason;"
        echo "ok $n - $release # SKIP not available here: $reason"
        continue
    fi
    ran=$((ran + 1))
    mkdir "$area/percpu"
    cp -r "$root/include" "$root/src" "$root/tests" "$area/percpu"
    run timeout 500 unshare --mount --pid --fork --kill-child chroot "$area" sh -c \
        'mount -t proc proc /proc && mount -t sysfs sysfs /sys && exec /percpu/tests/systems.sh --inside' >"$work/tap" 2>"$work/err" </dev/null
    status=$?
    while IFS= read -r line; do
        case $line in
        'ok - '* | 'not ok - '*)
            n=$((n + 1))
            [ "${line%% -*}" = ok ] || failed=$((failed + 1))
            echo "${line%% -*} $n - $release: ${line#*- }"
            ;;
        *) echo "$line" ;;
        esac
    done <"$work/tap"
    if [ $status -ne 0 ]; then
        n=$((n + 1)) failed=$((failed + 1))
        echo "not ok $n - $release: ended with status $status"
        tail -n 20 "$work/err" | sed 's/^/# /'
    fi
    rm -rf --one-file-system "$area"
done
echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ "$failed" = 0 ]
