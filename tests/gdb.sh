#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: gdb.sh
# gdb steps over restartable sequences: docs/rseq.md, "Debuggers". TAP. Environment: CC, CFLAGS.
# shellcheck disable=SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}
flags="-std=gnu17 -g -D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ -pthread ${CFLAGS:-}"
needs gdb

build() { # name, flags
    $CC $flags $2 -I"$root/include" -o "$work/$1" "$here/rseq/stepped.c" "$here/library.c"
}

# debug PROGRAM COMMAND...: gdb stops in count() first.
debug() {
    local program=$1 command commands=()
    shift
    for command in 'set debuginfod enabled off' "source $root/tools/percpu-gdb.py" 'break count' \
        run 'delete' "$@"; do
        commands+=(-ex "$command")
    done
    timeout "${limit:-60}" gdb -nx -batch "${commands[@]}" "$work/$program" </dev/null
}

# The lines where it stopped, in stepped.c's words, and how the program ended.
stops() {
    sed -n 's/^[0-9]*\t.*\/\* \(.*\) \*\/$/\1/p; s/.*exited \(normally\|with code [0-9]*\).*/\1/p' \
        "$log" | uniq | tr '\n' ' '
}

# stops_at "WORD WORD..." PROGRAM COMMAND...
stops_at() {
    local expected="$1 "
    shift
    debug "$@"
    echo "stops: $(stops)"
    [ "$(stops)" = "$expected" ]
}

# The number of a line, by its word.
line() {
    grep -n "/\* $1 \*/" "$here/rseq/stepped.c" | cut -d: -f1
}

all='first second third fourth fifth normally'

check 'built, not optimised' build slow -O0
check 'next, in code that is not optimised' \
    stops_at "$all" slow next next next next continue
check 'built, optimised' build fast -O2
check 'percpu-next, in optimised code' \
    stops_at "$all" fast percpu-next percpu-next percpu-next percpu-next continue
check 'percpu-next, in code that is not optimised' \
    stops_at "$all" slow percpu-next percpu-next percpu-next percpu-next continue
check 'until and advance, with a line' \
    stops_at 'first third fifth normally' fast "until $(line third)" "advance $(line fifth)" continue
check 'tbreak and continue' \
    stops_at 'first fourth normally' fast "tbreak $(line fourth)" continue continue

finishes() {
    debug fast finish continue
    grep -q '^Value returned is .* = 3$' "$log" && [ "$(stops)" = 'first normally ' ]
}
check 'finish' finishes

# From the first sequence's first instruction, 300 instructions on; the handler lies before it, too.
steps_in_a_sequence() {
    debug fast 'python pc = gdb.newest_frame().pc()' \
        'python start, commit, _ = min(s for s in sequences() if s[0] > pc)' \
        'python gdb.execute(f"tbreak *{start}")' continue 'stepi 300' \
        'python print("before its end:", gdb.newest_frame().pc() < commit)' continue
    grep -q '^before its end: True' "$log" && [ "$(stops)" = 'first normally ' ]
}
check 'stepi does not leave a sequence, and does no harm' steps_in_a_sequence

# Why percpu-next: the same with next.
next_hangs() {
    limit=4 debug fast next
    [ $? = 124 ] && [ "$(stops)" = 'first ' ]
}
check 'next does not end in optimised code' next_hangs

end
