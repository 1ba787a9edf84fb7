#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: offline.sh
# What builds of packages do: a copy of the tree is built and tested without network, by somebody who is
# not root, with no more on PATH than a compiler, Meson, Ninja and POSIX' utilities. TAP.
set -u
. "$(dirname "$0")/work.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS LDFLAGS CC CXX CI SETUP PERCPU_TOOLS MESON_BUILD_ROOT

mkdir "$work/bin" "$work/home" "$work/percpu"
for program in cc gcc as ld ar nm ranlib strip meson ninja make \
    sh env cat head tail sed grep awk wc tr cut sort uniq cmp diff mktemp mkdir rm cp mv ln chmod ls touch dirname \
    basename sleep timeout uname test expr id find xargs printf tee od seq dd; do
    path=$(type -P $program) && ln -s "$path" "$work/bin"
done
(cd "$root" && tar cf - --exclude=./build --exclude=./.git --exclude=./.cache .) | (cd "$work/percpu" && tar xf -)
# What would install, and what the build must not call.
for program in apt-get sudo curl wget git; do
    printf '#!/bin/sh\necho "%s $*" >>"%s"\nexit 1\n' $program "$work/home/called" >"$work/bin/$program"
    chmod +x "$work/bin/$program"
done

# Containers may not allow one or the other; it is said then.
user=() network=(unshare --net)
if [ "$(id -u)" -eq 0 ]; then
    user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
else
    network=(unshare --user --map-current-user --net)
fi
chmod 755 "$work"
if [ ${#user[@]} -gt 0 ]; then
    if "${user[@]}" "$work/bin/meson" --version >/dev/null 2>&1; then
        chown -R 65534:65534 "$work"
    else
        echo '# by root: others cannot run meson here' && user=()
    fi
fi
"${network[@]}" true 2>/dev/null || { echo '# with network: unshare is not permitted' && network=(); }

alone() { # COMMAND...
    (cd "$work/percpu" && "${network[@]}" "${user[@]}" env -i HOME="$work/home" PATH="$work/bin" LC_ALL=C "$@")
}
counts() { # OK SKIPPED COMMAND...: Meson's
    local ok=$1 skipped=$2
    shift 2
    "$@" >"$work/out" 2>&1
    local status=$?
    cat "$work/out"
    [ $status = 0 ] && grep -qE "^Ok: +$ok *$" "$work/out" && grep -qE "^Skipped: +$skipped *$" "$work/out"
}
has_no_tests() {
    alone meson setup disabled -Dtests=disabled && [ "$(alone meson introspect disabled --tests)" = '[]' ]
}
lacks() { # TEXT COMMAND...
    local text=$1
    shift
    ! "$@" >"$work/out" 2>&1 && cat "$work/out" && grep -E -- "$text" "$work/out"
}

check 'make check, which is meson test --suite offline: passes, nothing is skipped' counts '([89]|1[0-9])' 0 alone make check
check 'what needs valgrind, or qemu-user, is skipped, and is seen' \
    counts 0 2 alone meson test -C build/host-check --no-rebuild t_all-valgrind t_all-qemu-user
check 'it says what is missing' grep -E 'SKIP missing: (valgrind|qemu-)' "$work/percpu/build/host-check/meson-logs/testlog.txt"
check 'meson setup -Dtests=disabled: there are none' has_no_tests
check 'meson setup -Dtests=enabled: a missing program is an error' \
    lacks '(valgrind|qemu-[a-z0-9_]+).* not found' alone meson setup enabled -Dtests=enabled
check 'nothing was installed or fetched' test ! -e "$work/home/called"

end
