#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: search.sh [TEST...]     default: all
# search.c with each of these tables: entries, and whether they can be put in order. TAP, each test as
# "TABLE: TEST". Environment: CC.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

wanted() { # table, test...
    table=$1
    shift
    [ $# = 0 ] && return 0
    for test; do
        case $test in "$table: "*) return 0 ;; esac
    done
    return 1
}

run() { # table, ready
    # shellcheck disable=SC2086 # CC is a list of words
    if ! ${CC:-cc} -std=gnu17 -O2 -pthread -D_GNU_SOURCE -I"$root/include" -I"$root/tests/harness" -DPERCPU_PLATFORM_BARE \
        -DPERCPU_RESTART "-DENTRIES=\"$1\"" -DREADY="$2" -o "$tmp/program" "$here/search.c" \
        "$root/tests/harness/harness.c" "$root/tests/harness/hosted.c" >"$tmp/said" 2>&1; then
        sed 's/^/# /' "$tmp/said"
        echo "not ok 0 - it compiles"
        return
    fi
    timeout 100 "$tmp/program" >"$tmp/said" 2>&1
    status=$?
    grep -E '^(not )?ok |^#' "$tmp/said"
    [ $status -le 1 ] || echo "not ok 0 - status $status"
}

for case in '1,2 1' '4 1' '2,1 1' '1,2,1 1' '1,3 0' '4,2 0' '1,5 0' '1,0 0' '6 0'; do
    wanted "${case% *}" "$@" && run "${case% *}" "${case#* }" |
        sed "s/^\(not \)\{0,1\}ok [0-9]* - /&${case% *}: /; /^# end/d"
done >"$tmp/all"
awk '/^(not )?ok / { n++; sub(/ok [0-9]+/, "ok " n) } /^not ok/ { failed++ } { print }
END { print "1.." n; print "# end: " n - failed " passed, " failed + 0 " failed"; exit failed > 0 }' "$tmp/all"
