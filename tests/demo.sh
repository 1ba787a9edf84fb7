#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: demo.sh DEMO
# The demonstration program counts as wc does, and says what is wrong with its arguments.
set -u
. "$(dirname "$0")/work.sh"
demo=$1
export LC_ALL=C


# exits STATUS ARGUMENT...: the output goes to $work/out.
exits() {
    want=$1
    shift
    "$demo" "$@" >"$work/out" 2>&1
    status=$?
    cat "$work/out"
    echo "exit status $status"
    [ "$status" = "$want" ]
}

says() {
    grep -e "$1" "$work/out"
}

# The last column of a row.
total() {
    awk -v row="$1" '$1 == row { print $NF; exit }' "$work/out"
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
    mkdir -p "$work/tree/sub/deep" "$work/tree/none" "$work/empty" &&
        printf 'one two\n three\t\vfour\f\r five' >"$work/tree/a" &&
        : >"$work/tree/sub/zero" &&
        printf '\n' >"$work/tree/sub/deep/newline" &&
        awk 'BEGIN {
            for (i = 0; i < 60000; i++) {
                printf "%s%*s", substr("abcdefghijklmnopqrstuvwxyz!0123456789", i % 31), i % 7, ""
                if (i % 5 == 0)
                    print ""
            }
            for (i = 0; i < 300000; i++)
                printf "0123456789"
            print " end"
        }' >"$work/tree/sub/deep/large"
}

missing() {
    exits 1 "$work/missing" && says "missing: No such file"
}

one_missing() {
    exits 0 -n "$work/missing" "$work/tree/a" && says "missing: No such file" &&
        says '^could not be read: 1' && counts 1 5 27
}

# A file that root cannot read either: /proc/self/mem has nothing at offset 0.
unreadable() {
    mkdir "$work/closed" && cp "$work/tree/a" "$work/closed/yes" &&
        exits 0 "$work/closed" /proc/self/mem && says '/proc/self/mem: Input/output error' &&
        says '^could not be read: 1' && counts 1 5 27
}

loop() {
    mkdir "$work/loop" && cp "$work/tree/a" "$work/loop" && ln -s . "$work/loop/self" &&
        ln -s a "$work/loop/link" && as_wc "$work/loop" && says '^symbolic links not followed: 2'
}

empty() {
    exits 0 "$work/empty" && counts 0 0 0 && says '^0 files'
}

compares() {
    exits 0 -j 3 "$work/tree" && says 'by 3 threads' && says 'per-CPU counters  *[0-9]' &&
        says 'atomic counters  *[0-9]' && says 'mutex  *[0-9]'
}

# It is in the middle of the comparison then, which takes 2 s at least.
interrupt() {
    timeout --preserve-status -s INT 0.5 "$demo" "$work/tree"
    [ $? = 130 ]
}

full() {
    "$demo" -n "$work/tree" >/dev/full
    [ $? = 1 ]
}

check 'a tree can be made' make_tree
check 'a tree: the totals are those of wc' as_wc "$work/tree"
check 'one thread' as_wc -n -j 1 "$work/tree"
check 'many threads' as_wc -n -j 50 "$work/tree"
check 'a file' as_wc -n "$work/tree/sub/deep/large"
check 'an empty folder' empty
check 'symbolic links are not followed' loop
check 'a missing path is an error' missing
check 'a missing path among others is reported' one_missing
check 'an unreadable file is reported and counted' unreadable
check 'wrong options: exit status 2' eval 'exits 2 -x && says usage && exits 2 -j 0 && exits 2 -j'
check 'the comparison is printed' compares
check 'interrupted: exit status 130' interrupt
check 'output that cannot be written is an error' full
end
