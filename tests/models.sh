#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: models.sh [MODEL|slow]
# Models of protocols (spin), each in all orders of its steps: none fails, and each mutant does. TAP.
# shellcheck disable=SC2317 # functions are called by name
set -u
. "$(dirname "$0")/work.sh"
needs spin gcc
only=${1:-}

# explore MODEL DEFINITIONS...: prints what spin's verifier found.
explore() {
    local model=$1
    shift
    rm -rf "$work/spin" && mkdir "$work/spin" && cd "$work/spin" &&
        spin "${@/#/-D}" -a "$here/models/$model.pml" >generated &&
        gcc -O1 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=3000 -o pan pan.c &&
        ./pan -m1000000 | tee found
}

# It went through all states, or stopped at an error.
holds() {
    explore "$@" && grep -q 'errors: 0$' found && ! grep -q 'not completed\|too small' found
}
fails() {
    explore "$@" && grep -Eq '^pan:1: (assertion violated|invalid end state)' found
}

# model NAME DEFINITIONS...; mutant_of NAME MUTANT DEFINITIONS...
model() {
    [ -n "$only" ] && [ "$only" != "$1" ] || check "$*" holds "$@"
}
mutant_of() {
    [ -n "$only" ] && [ "$only" != "$1" ] || check "a mutant: $*" fails "$@"
}

model blocks
model blocks CPUS=2 HANDLERS=0
model blocks THREADS=3 HANDLERS=0
model blocks EXITS
model blocks NO_KEY HANDLERS=0
model blocks TRIES
for m in M_NO_TAKING M_NO_FIND; do
    mutant_of blocks $m
done
for m in M_NO_ABORT M_PLAIN_MARK M_ANYWHERE M_NO_CPU M_PLAIN_GIVE; do
    mutant_of blocks $m CPUS=2 HANDLERS=0
done
for m in M_NO_COMPARE M_NO_MARK M_NO_LOOK; do
    mutant_of blocks $m HANDLERS=0
done
if [ "$only" = slow ]; then # a minute
    only=blocks mutant_of blocks M_WAKE_ONE CPUS=2 THREADS=3 HANDLERS=0
fi
for m in M_EARLY M_WRONG_ORDER; do
    mutant_of blocks $m EXITS
done
mutant_of blocks M_NOT_GONE NO_KEY HANDLERS=0
mutant_of blocks M_TRY_KEEPS TRIES

model heapfork
mutant_of heapfork M_LATE
mutant_of heapfork M_ORDER
model heapfork HANDLER
for m in M_WAITS M_STALE M_KEEPS; do
    mutant_of heapfork HANDLER $m
done
model lock
for m in M_NO_MARK M_FORGETS M_NO_COMPARE; do
    mutant_of lock $m
done
model fini
for m in M_ONCE M_BLIND M_DEAF; do
    mutant_of fini $m
done
model late
for m in M_UNSEEN M_LIMIT M_TELL; do
    mutant_of late $m
done
model remote
for m in M_NO_FENCE M_NO_LOOK M_NO_FIRST M_NO_ABORT M_PLAIN; do
    mutant_of remote $m
done
model start
for m in M_PLAIN M_NO_PID M_BASE; do
    mutant_of start $m
done
model lists
model lists OPS=2
model lists DRAINERS=2
model lists LOCKED
model lists LOCKED HANDLER
model lists LOCKED DRAINERS=2
for m in M_NO_ABORT M_NO_LOOK M_NO_FENCE M_ORDERS_ONLY M_OPEN_STORES M_NEXT_EARLY; do
    mutant_of lists $m
done
mutant_of lists M_NO_MUTEX DRAINERS=2
mutant_of lists LOCKED M_NO_LOCK
mutant_of lists LOCKED M_NO_WAIT
for m in M_OPEN_STORES M_NO_POPPING M_WAITS_OPEN M_WAITS_LOCK; do
    mutant_of lists LOCKED HANDLER $m
done
model restart
for m in M_NO_CALL M_SAME_TASK M_NOT_NMI M_NOT_NESTED M_FORGETS M_END_LATE M_END_EARLY; do
    mutant_of restart $m
done

end
