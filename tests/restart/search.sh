#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: search.sh [NAME...]
# search.c, a kernel's code on an x86_64 host, with each of some tables. The tests' names begin with
# the table's entries; NAME: only these. TAP.
# Environment: CC, CFLAGS.
# shellcheck disable=SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/../work.sh"

# Entries, and whether they can be put in order.
for table in 1,2=1 2,1=1 1,2,1=1 1,3=0 4,2=0 1,4=0 7,2=0 1,5=0 1,0=0 6=0; do
    entries=${table%=*}
    if [ $# -ne 0 ]; then
        case "|$(printf '%s|' "$@")" in
        *"|$entries "*) ;;
        *) continue ;;
        esac
    fi
    ${CC:-gcc} -std=gnu17 -O2 -Wall -Wextra -D_GNU_SOURCE -pthread ${CFLAGS:-} \
        -DPERCPU_PLATFORM_BARE -DPERCPU_RESTART -DENTRIES="\"$entries\"" -DREADY=${table#*=} \
        -I"$root/include" -I"$root/tests/harness" -o "$work/search" "$here/search.c" \
        "$root/tests/harness/harness.c" "$root/tests/harness/hosted.c" &&
        timeout 60 "$work/search" >"$work/output" || grep -q '^not' "$work/output" ||
        echo 'not ok 0 - dies or hangs' >>"$work/output"
    sed -n "s/^\(not \)\{0,1\}ok [0-9]* - /&$entries /p; /^# end/d; s/^#/&/p" "$work/output" >>"$work/all"
done
[ -s "$work/all" ] || echo 'not ok 1 - nothing was built' >"$work/all"
awk '/^(not )?ok / { n++; sub(/ok [0-9]+/, "ok " n) } { print } /^not/ { failed++ }
    END { print "1.." n; print "# end: " n - failed " passed, " failed + 0 " failed"; exit failed != 0 }' "$work/all"
