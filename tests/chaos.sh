#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: chaos.sh [SECONDS [SEED]]
# All that a process can do to the library at once, for SECONDS (15) in each mode: life/chaos.c. By hand for as
# long as one likes. TAP.
# Environment: CC; MODE, the only one to be run.
# shellcheck disable=SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}
seconds=${1:-15}
flags="-std=gnu17 -O2 -D_GNU_SOURCE -pthread -Wno-prio-ctor-dtor -I$root/include"

build() { # name, flags...
    local name=$1
    shift
    $CC $flags "$@" -o "$work/$name" "$here/life/chaos.c" "$here/library.c" -ldl &&
        $CC $flags "$@" -fPIC -shared -o "$work/$name.so" "$here/life/blocks.c" "$here/library.c"
}

# runs SEED PROGRAM [MODULE]: it says "right" in the end, and its seed in any case.
runs() {
    local seed=$1 said status
    shift
    said=$("$1" "$seconds" "$seed" "${@:2}" 2>&1)
    status=$?
    echo "$said"
    [ $status = 0 ] && [ "$(tail -n 1 <<<"$said")" = right ]
}

chaos() { # title, program, module
    local seed=${seed_given:-$RANDOM}
    [[ -z ${MODE:-} || $1 == "$MODE" ]] || return 0
    check "$1" runs $seed "${@:2}"
    echo "# $1: seed $seed"
}

seed_given=${2:-}
check 'programs are built' eval 'build rseq -DPERCPU_PLATFORM_RSEQ &&
    build cid -DPERCPU_PLATFORM_RSEQ -DPERCPU_RSEQ_MM_CID && build thread -DPERCPU_PLATFORM_THREAD'
chaos sequences "$work/rseq" "$work/rseq.so"
chaos mm_cid "$work/cid" "$work/cid.so"
chaos thread "$work/thread"
if echo '#include <limits.h>' | $CC -E -dM - | grep -q __GLIBC__; then
    export GLIBC_TUNABLES=glibc.pthread.rseq=0
    chaos 'no sequences' "$work/rseq" "$work/rseq.so"
fi
end
