#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: compile-bare.sh REGISTER... -- COMPILER FLAG...
# Every operation of the interface compiles for an architecture, in each of its configurations,
# without a warning: one that a port lacks, or defines for some sizes only, is not noticed before it
# is used. A REGISTER is the flags that choose one, and a mode. TAP.
set -u
. "$(dirname "$0")/work.sh"

registers=
while [ "$1" != -- ]; do
    registers="$registers$1
"
    shift
done
shift

compile() { # source, flags, compiler...
    source=$1 flags=$2
    shift 2
    # shellcheck disable=SC2086
    check "$source, $flags" "$@" $flags -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef \
        -Wcast-qual -Wcast-align -Wswitch-default -Wbad-function-cast -Wc++-compat -Wdeclaration-after-statement \
        -Wnested-externs -Werror -I"$root/include" -c -x c -o "$work/o" "$here/compile/$source"
}

# Each two settings in each of their four combinations.
configurations='
-DPERCPU_PREEMPT -DPERCPU_RESTART -DPERCPU_DEBUG
-DPERCPU_ZERO_VMA -DPERCPU_RESTART -DPERCPU_DEBUG
-DPERCPU_ZERO_VMA -DPERCPU_PREEMPT_STATE -DPERCPU_DEBUG
-DPERCPU_ZERO_VMA -DPERCPU_PREEMPT_IRQ -DPERCPU_RESTART'
while IFS= read -r register; do
    zero=-DPERCPU_ZERO_VMA
    case $register in *OWN_REGISTER*) zero= ;; esac
    while IFS= read -r configuration; do
        # The kernel's own register has neither of these.
        [ -n "$zero" ] || configuration=$(echo "$configuration" | sed 's/-DPERCPU_\(ZERO_VMA\|RESTART\)//g')
        flags="-O1${register:+ $register}${configuration:+ $configuration}"
        compile everything.inc "$flags" "$@"
        compile operations.inc "$flags" "$@"
    done <<EOF
$configurations
EOF
    for source in everything nested; do
        compile $source.inc "-O0${register:+ $register} $zero" "$@"
    done
done <<EOF
${registers%
}
EOF
end
