# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # for scripts that build programs of their own, and say $root
# What they share: a folder for their work, TAP, and copies of the sources without a protection.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
log=$work/log

n=0 failed=0
# check TITLE COMMAND...: one test; the command's output is shown when it fails.
check() {
    local title=$1
    shift
    n=$((n + 1))
    if "$@" >"$log" 2>&1; then
        echo "ok $n - $title"
    else
        failed=$((failed + 1))
        echo "not ok $n - $title"
        tail -n 30 "$log" | sed 's/^/# /'
    fi
}

# The plan, the last line, and the status.
end() {
    echo "1..$n"
    echo "# end: $((n - failed)) passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

rseq='src/platform/process.h src/platform/rseq*.c' # the files of that platform

# mutant FOLDER FILES SED-SCRIPT: a copy of the sources with a change that must be one.
# shellcheck disable=SC2086 # a list of files
mutant() {
    mkdir -p "$work/$1"
    cp -r "$root/include" "$root/src" "$root/tests" "$work/$1"
    (cd "$work/$1" && sed -i -E "$3" $2) && ! (cd "$root" && cat $2) | cmp -s - <(cd "$work/$1" && cat $2)
}

# Programs with sanitizers of GCC 12 begin so: those know addresses of 28 random bits only.
no_aslr=
[ "$(cat /proc/sys/vm/mmap_rnd_bits)" -le 28 ] || no_aslr='setarch -R'
. "$root/tests/tools.sh"
