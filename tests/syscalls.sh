#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: syscalls.sh
# rseq: the system calls that the library makes are those of docs/rseq.md, and where rseq(2) fails it
# is said why. TAP.
# Environment: CC.
# shellcheck disable=SC2046,SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}
musl='musl-gcc -idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include'
flags='-std=gnu17 -O1 -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ -pthread'
needs strace musl-gcc

build() { # folder, compiler
    local compile="$2 $flags -I$root/include -Wl,--wrap=nanosleep"
    mkdir -p "$1" && (cd "$1" && $compile -fPIC -c "$root"/src/*.c "$root"/src/platform/*.c) &&
        $compile "$here/programs/phases.c" "$1"/*.o -o "$1/phases" &&
        $compile "$here/programs/phases.c" "$1"/*.o -fPIC -shared -DNAME_OF_MAIN=phases -o "$1/phases.so" &&
        $2 $flags "$here/programs/host.c" -o "$1/host" -ldl &&
        $2 $flags -I"$root/include" -static "$here/programs/registered.c" "$1"/*.o -o "$1/registered" &&
        $2 $flags -static "$here/rseq/no-rseq.c" -o "$1/no-rseq"
}

# trace OUTPUT COMMAND...
trace() {
    local output=$work/$1.trace
    shift
    timeout 60 strace -f -o "$output" "$@"
}

traces() {
    for libc in glibc musl; do
        trace $libc env PERCPU_VERBOSE=1 "$work/$libc/phases" &&
            trace $libc-library "$work/$libc/host" "$work/$libc/phases.so" phases &&
            trace $libc-atomics "$work/$libc/no-rseq" "$work/$libc/phases" &&
            (ulimit -d 1000000 && trace $libc-parts "$work/$libc/phases") || return 1
    done
}

listed() { # document, sources
    python3 "$here/programs/calls.py" "$1" "$2" "$work"/*.trace
}

# unlisted SED-SCRIPT: a document that says something else.
unlisted() {
    sed -E "$1" "$root/docs/rseq.md" >"$work/document"
    ! cmp -s "$work/document" "$root/docs/rseq.md" && ! listed "$work/document" "$root/src"
}

# A source that makes a call more.
unlisted_source() {
    mutant more "$rseq" 's/syscall\(SYS_gettid\)/syscall(SYS_getuid)/' &&
        ! listed "$root/docs/rseq.md" "$work/more/src"
}

check 'programs are built, glibc' build "$work/glibc" "$CC"
check 'programs are built, musl' build "$work/musl" "$musl"
check 'they run under strace' traces
check 'docs/rseq.md lists each system call' listed "$root/docs/rseq.md" "$root/src"
[ -s "$log" ] && sed 's/^/# /' "$log"
check 'fails: membarrier is not listed' unlisted 's/`membarrier`//'
check 'fails: sched_yield, which a start in two threads calls, is not listed' unlisted 's/`sched_yield`, //'
check 'fails: another is listed' unlisted 's/`membarrier`/`membarrier`, `getuid`/'
check 'fails: the sources make another' unlisted_source

# says WORDS COMMAND...
says() {
    local words=$1 said
    shift
    said=$(PERCPU_VERBOSE=1 timeout 60 "$@" 2>&1) || return 1
    echo "$said"
    # shellcheck disable=SC2053 # a pattern
    [[ $said == "percpu: "$words* ]]
}

number() { # of a system call
    printf '#include <sys/syscall.h>\nSYS_%s\n' "$1" | $CC -E -P - | tail -n 1
}

atomics='atomic instructions:'
m=$work/musl
check 'ENOSYS' says "$atomics no rseq(2) here (ENOSYS" "$m/no-rseq" -38 "$m/registered"
check 'EPERM' says "$atomics rseq(2) is not permitted (EPERM" "$m/no-rseq" -1 "$m/registered"
check 'EBUSY' says "$atomics this thread is registered for rseq(2) already (EBUSY" \
    "$m/no-rseq" -16 "$m/registered"
check 'EINVAL' says "$atomics another library has registered this thread" "$m/no-rseq" -22 "$m/registered"
check 'EFAULT' says "$atomics rseq(2) failed" "$m/no-rseq" -14 "$m/registered"
check 'another library has registered the thread' \
    says "$atomics another library has registered this thread" "$m/registered" first
check 'there is no key' says "$atomics no key" "$m/registered" keys
check 'none of them' says 'restartable sequences; percpu registers threads' "$m/registered"
check 'no memfd_create(2): initial values are copied' \
    says 'restartable sequences; percpu registers threads; *; initial values are copied' \
    "$m/no-rseq" "-1,$(number memfd_create)" "$m/registered"
check 'no membarrier(2): PERCPU_ESYS' \
    says 'restartable sequences' "$m/no-rseq" "-1,$(number membarrier)" "$m/registered" no-fence
check 'no madvise(2)' \
    says 'restartable sequences' "$m/no-rseq" "-1,$(number madvise)" "$m/registered"
check 'glibc: a filter' says "$atomics libc does not register threads for rseq(2)" \
    "$work/glibc/no-rseq" -1 "$work/glibc/registered"

end
