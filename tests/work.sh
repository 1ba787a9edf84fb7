# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034 # for scripts: . "$(dirname "$0")/work.sh"
# What scripts that print TAP share. $root is the source folder and $here the script's, $work a folder for
# its files, which KEEP=1 keeps, $log what the last command said; $n tests were run, $failed of them failed.
here=$(cd "$(dirname "$0")" && pwd)
root=$here
until [ -f "$root/tests/work.sh" ]; do root=${root%/*}; done
work=$(mktemp -d) || exit 1
log=$work/log
leave() {
    [ -z "${KEEP:-}" ] || { echo "# kept: $work" && return; }
    chmod -R u+rwx "$work"
    rm -rf "$work"
}
trap leave EXIT
trap 'exit 1' HUP INT TERM

# Compilers and tools under names without a version; tools/check has found them before. What needs no Python
# needs none of them.
if [ -z "${PERCPU_TOOLS:-}" ] && command -v python3 >/dev/null; then
    PERCPU_TOOLS=$work/tools
    "$root/tools/toolchain.py" "$PERCPU_TOOLS" || exit 1
    PATH=$PERCPU_TOOLS:$PATH
    export PERCPU_TOOLS PATH
fi

n=0 failed=0
# result STATUS TITLE [COMMAND...]: one test; the command and what it said are shown when it failed.
result() {
    n=$((n + 1))
    [ "$1" != 0 ] || { echo "ok $n - $2" && return; }
    failed=$((failed + 1))
    echo "not ok $n - $2"
    shift 2
    [ $# = 0 ] || echo "# command: $*"
    tail -n 40 "$log" | sed 's/^/# /'
}

# check TITLE COMMAND...: it succeeds.
check() {
    check_title=$1
    shift
    "$@" >"$log" 2>&1
    result $? "$check_title" "$@"
}

# check_refused TITLE TEXT COMMAND...: it fails, and what it says matches the expression.
check_refused() {
    check_title=$1 check_text=$2 check_status=0
    shift 2
    if "$@" >"$log" 2>&1; then
        echo 'it succeeded' >>"$log"
        check_status=1
    elif ! grep -Eq -- "$check_text" "$log"; then
        echo "it does not say: $check_text" >>"$log"
        check_status=1
    fi
    result $check_status "$check_title" "$@"
}

# must COMMAND...: what tests are made of.
must() {
    "$@" >"$log" 2>&1 && return
    echo "Bail out! $*"
    tail -n 40 "$log" | sed 's/^/# /'
    exit 1
}

# end: the plan, and the status of all.
end() {
    echo "1..$n"
    echo "# end: $((n - failed)) passed, $failed failed"
    [ "$failed" = 0 ]
}

# absent COMMAND...: those of them that there are not, each behind a space. Of several words the first counts.
absent() {
    for command; do
        command -v "${command%% *}" >/dev/null || printf ' %s' "${command%% *}"
    done
}

# needs COMMAND...: without one of them the script ends here, and says why. Before the plan.
needs() {
    lacking=$(absent "$@")
    [ -z "$lacking" ] || { echo "1..0 # SKIP missing:$lacking" && exit 0; }
}

# with COMMAND check TITLE...: without the command the test is reported as skipped.
with() {
    lacking=$(absent "$1")
    shift
    if [ -z "$lacking" ]; then "$@"; else skip "$2" "missing:$lacking"; fi
}

# Without FSGSBASE GS base takes no negative distance, and `thread` finds no areas above code that lies where
# libraries do: static PIEs, libraries of programs without it. Linux, Documentation/arch/x86/x86_64/fsgs.rst.
has_fsgsbase() {
    [ $(($(LD_SHOW_AUXV=1 /bin/true | sed -n 's/^AT_HWCAP2: *//p') & 2)) != 0 ]
}

# high PLATFORM TITLE COMMAND...: check, of a program or a library there. PLATFORM: a program's:a library's, too.
high() {
    case $1 in
    thread | single:thread) has_fsgsbase || { skip "$2" 'not available here: FSGSBASE' && return; } ;;
    esac
    shift
    check "$@"
}

# skip TITLE REASON
skip() {
    n=$((n + 1))
    echo "ok $n - $1 # SKIP $2"
}

rseq='src/platform/process.h src/platform/rseq*.c' # the files of that platform

# mutant FOLDER FILES SED-SCRIPT: a copy of the sources with a change that must be one.
# shellcheck disable=SC2086 # a list of files
mutant() {
    mkdir -p "$work/$1"
    cp -r "$root/include" "$root/src" "$root/tests" "$work/$1"
    (cd "$root" && cat $2) >"$work/before"
    (cd "$work/$1" && sed -i -E "$3" $2 && cat $2) >"$work/after" && ! cmp -s "$work/before" "$work/after"
}

# Programs with sanitizers of GCC 12 begin so: those know addresses of 28 random bits only.
no_aslr=
[ "$(cat /proc/sys/vm/mmap_rnd_bits)" -le 28 ] || no_aslr='setarch -R'
