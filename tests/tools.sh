# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # for scripts that say $root, and $work or $tmp, their own folder
# Compilers and tools under names without a version (tools/toolchain.py), and what to do without them.
# tools/check has found them before.
if [ -z "${PERCPU_TOOLS:-}" ]; then
    PERCPU_TOOLS=${work:-$tmp}/tools
    "$root/tools/toolchain.py" "$PERCPU_TOOLS" || exit 1
    PATH=$PERCPU_TOOLS:$PATH
    export PERCPU_TOOLS PATH
fi

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

# with COMMAND check TITLE...: without the command the test is reported as skipped. The number of the last
# test is $n or $count.
with() {
    lacking=$(absent "$1")
    shift
    if [ -z "$lacking" ]; then
        "$@"
    elif [ -n "${count+yes}" ]; then
        count=$((count + 1))
        echo "ok $count - $2 # SKIP missing:$lacking"
    else
        n=$((n + 1))
        echo "ok $n - $2 # SKIP missing:$lacking"
    fi
}
