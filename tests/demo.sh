#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: demo.sh DEMO
# The demonstration program counts as wc does, and says what is wrong with its arguments.
set -u
demo=$1
export LC_ALL=C

tmp=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

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

# exits STATUS ARGUMENT...: the output goes to $tmp/out.
exits() {
    want=$1
    shift
    "$demo" "$@" >"$tmp/out" 2>&1
    status=$?
    cat "$tmp/out"
    echo "exit status $status"
    [ "$status" = "$want" ]
}

says() {
    grep -e "$1" "$tmp/out"
}

# The last column of a row.
total() {
    awk -v row="$1" '$1 == row { print $NF; exit }' "$tmp/out"
}

# counts LINES WORDS BYTES
counts() {
    echo "expected: $*"
    [ "$(total lines) $(total words) $(total bytes)" = "$*" ]
}

# as_wc ARGUMENT...: the regular files in there, as find sees them.
as_wc() {
    exits 0 "$@" || return 1
    # The numbers are to be split at the blanks.
    # shellcheck disable=SC2046
    counts $(for last; do :; done; find "$last" -type f -exec cat {} + | wc)
}

# Words and runs of blanks of many lengths, and some that lie across the pieces of a large file.
make_tree() {
    mkdir -p "$tmp/tree/sub/deep" "$tmp/tree/none" "$tmp/empty" &&
        printf 'one two\n three\t\vfour\f\r five' >"$tmp/tree/a" &&
        : >"$tmp/tree/sub/zero" &&
        printf '\n' >"$tmp/tree/sub/deep/newline" &&
        awk 'BEGIN {
            for (i = 0; i < 60000; i++) {
                printf "%s%*s", substr("abcdefghijklmnopqrstuvwxyz!0123456789", i % 31), i % 7, ""
                if (i % 5 == 0)
                    print ""
            }
            for (i = 0; i < 300000; i++)
                printf "0123456789"
            print " end"
        }' >"$tmp/tree/sub/deep/large"
}

missing() {
    exits 1 "$tmp/missing" && says "missing: No such file"
}

one_missing() {
    exits 0 -n "$tmp/missing" "$tmp/tree/a" && says "missing: No such file" &&
        says '^could not be read: 1' && counts 1 5 27
}

# A file that root cannot read either: /proc/self/mem has nothing at offset 0.
unreadable() {
    mkdir "$tmp/closed" && cp "$tmp/tree/a" "$tmp/closed/yes" &&
        exits 0 "$tmp/closed" /proc/self/mem && says '/proc/self/mem: Input/output error' &&
        says '^could not be read: 1' && counts 1 5 27
}

loop() {
    mkdir "$tmp/loop" && cp "$tmp/tree/a" "$tmp/loop" && ln -s . "$tmp/loop/self" &&
        ln -s a "$tmp/loop/link" && as_wc "$tmp/loop" && says '^symbolic links not followed: 2'
}

empty() {
    exits 0 "$tmp/empty" && counts 0 0 0 && says '^0 files'
}

compares() {
    exits 0 -j 3 "$tmp/tree" && says 'by 3 threads' && says 'per-CPU counters  *[0-9]' &&
        says 'atomic counters  *[0-9]' && says 'mutex  *[0-9]'
}

# It is in the middle of the comparison then, which takes 2 s at least.
interrupt() {
    timeout --preserve-status -s INT 0.5 "$demo" "$tmp/tree"
    [ $? = 130 ]
}

full() {
    "$demo" -n "$tmp/tree" >/dev/full
    [ $? = 1 ]
}

echo 1..14
check 'a tree can be made' make_tree
check 'a tree: the totals are those of wc' as_wc "$tmp/tree"
check 'one thread' as_wc -n -j 1 "$tmp/tree"
check 'many threads' as_wc -n -j 50 "$tmp/tree"
check 'a file' as_wc -n "$tmp/tree/sub/deep/large"
check 'an empty folder' empty
check 'symbolic links are not followed' loop
check 'a missing path is an error' missing
check 'a missing path among others is reported' one_missing
check 'an unreadable file is reported and counted' unreadable
check 'wrong options: exit status 2' eval 'exits 2 -x && says usage && exits 2 -j 0 && exits 2 -j'
check 'the comparison is printed' compares
check 'interrupted: exit status 130' interrupt
check 'output that cannot be written is an error' full
