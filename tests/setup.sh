#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: setup.sh
# What tools/setup, toolchain.py, lint and check do on machines that lack something, and on other releases: with a
# PATH that has only what a test puts there, and an apt-get that installs in a folder. TAP.
set -u
. "$(dirname "$0")/work.sh"
unset SETUP CI DEB_BUILD_ARCH RPM_BUILD_ROOT RPM_PACKAGE_NAME EBUILD_PHASE SOURCE_DATE_EPOCH CC CXX \
    CLANG CLANGXX LLD LD GCC GXX PERCPU_TOOLS MAKEFLAGS MFLAGS MAKELEVEL

# -- Machines --------------------------------------------------------------------------------------

# What every machine has.
base='sh bash env timeout sed grep sort uniq tr cut head tail cat dirname basename mktemp rm mkdir ln cp mv chmod
    sleep id readlink find xargs awk tee cmp tar'

# machine NAME PROGRAM...: $work/NAME has those, which do nothing, and the base. A PROGRAM of the form
# NAME=VERSION says its version.
machine() {
    local name=$1 program
    bin=$work/$name
    mkdir -p "$bin"
    shift
    for program in $base; do
        ln -sf "$(PATH=$real command -v "$program")" "$bin/$program"
    done
    ln -sf "$python" "$bin/python3"
    for program; do
        printf '#!/bin/sh\n[ "$1" = --version ] && echo "%s version %s.1.0"\ntrue\n' \
            "${program%%=*}" "${program#*=}" | put "${program%%=*}"
    done
}
real=$PATH
python=$(python3 -c 'import sys; print(sys.executable)') # not a wrapper, which needs more

# put NAME: the machine gets the program on standard input. Not through a link to one of this machine's.
put() {
    rm -f "$bin/$1"
    cat >"$bin/$1"
    chmod +x "$bin/$1"
}

# debian PACKAGE:PROGRAM...: the machine has apt, and the release those packages. A package without a
# program installs nothing but itself.
debian() {
    printf '%s\n' "$@" >"$bin/packages"
    : >"$bin/installed"
    put apt-get <<'END'
#!/bin/sh
here=$(dirname "$0")
echo "apt-get $*" >>"$here/log"
install=false
for word; do
    case $word in
    install) install=true ;;
    -* | *=*) ;;
    *)
        $install || continue
        grep -q "^$word:" "$here/packages" || { echo "E: no $word"; exit 100; }
        echo "$word" >>"$here/installed"
        for program in $(sed -n "s/^$word://p" "$here/packages"); do
            rm -f "$here/$program"
            printf '#!/bin/sh\n' >"$here/$program"
            chmod +x "$here/$program"
        done
        ;;
    esac
done
END
    put apt-cache <<'END'
#!/bin/sh
here=$(dirname "$0")
if [ $# -eq 1 ]; then
    [ -f "$here/no-lists" ] || echo ' 500 Packages'
else
    for package; do
        [ ! -f "$here/no-lists" ] && grep -q "^$package:" "$here/packages" &&
            printf '%s:\n  Installed: (none)\n  Candidate: 1.0\n  Version table:\n' "$package"
    done
fi
END
    put dpkg-query <<'END'
#!/bin/sh
for word; do package=$word; done
grep -qx "$package" "$(dirname "$0")/installed" && echo 'ii '
END
    printf '#!/bin/sh\necho 0\n' | put id # whom the tests run as makes no difference
}

# setup [VARIABLE=VALUE]... ARGUMENT...: tools/setup on that machine, without a terminal. $status, $log.
setup() {
    local variables=()
    while [[ $1 == *=* ]]; do
        variables+=("$1")
        shift
    done
    status=0
    env "${variables[@]}" PATH="$bin" "$copy/tools/setup" "$@" </dev/null || status=$?
    echo "status $status"
}

# The tree without kernels in .cache.
copy=$work/tree
mkdir "$copy"
cp -r "$root"/{tools,cross} "$copy"
printf '#!/bin/sh\necho "fetched: $*"\n' >"$copy/tools/fetch-kernel"

says() { # TEXT COMMAND...
    local text=$1
    shift
    "$@" >"$work/out" 2>&1
    cat "$work/out"
    grep -qF -- "$text" "$work/out"
}
not() { ! "$@"; }
installs() { # COMMAND...: apt-get is asked to
    rm -f "$bin/log"
    "$@"
    grep ' install ' "$bin/log"
}
gives() { # STATUS COMMAND...
    local want=$1
    shift
    "$@"
    [ "$status" = "$want" ]
}

# -- tools/setup: who is asked ---------------------------------------------------------------------

bookworm='libc6-dev: meson:meson ninja-build:ninja gcc:gcc binutils:ld'
fresh() {
    rm -rf "$work/fresh"
    machine fresh
    debian $bookworm
}
fresh
for purpose in lib demo install; do
    check "root without a terminal: make $purpose installs nothing" not installs setup $purpose
    check "$purpose: it fails, and prints the command" gives 1 says \
        'apt-get install -y --no-install-recommends binutils gcc libc6-dev meson ninja-build' setup $purpose
done
check 'SETUP=no installs nothing' not installs setup SETUP=no lib
check 'SETUP=maybe is refused' gives 2 setup SETUP=maybe lib
for variable in DEB_BUILD_ARCH=amd64 RPM_BUILD_ROOT=/none RPM_PACKAGE_NAME=x EBUILD_PHASE=compile SOURCE_DATE_EPOCH=1; do
    check "in a package's build, $variable, nothing is installed" not installs setup "$variable" CI=true lib
done
check 'CI=false is no CI' not installs setup CI=false lib
check 'SETUP=yes installs' installs setup SETUP=yes lib
check 'then nothing is missing' gives 0 not installs setup lib
fresh
check 'CI=true installs' installs setup CI=true lib
fresh
check 'SETUP=yes wins in a package'\''s build' installs setup SETUP=yes SOURCE_DATE_EPOCH=1 lib

# answers TEXT: at a terminal. script(1) makes one.
answers() {
    status=0
    printf '%s\n' "$1" | PATH="$bin" "$script" -qec "$copy/tools/setup lib" /dev/null || status=$?
    echo "status $status"
}
script=$(command -v script)
fresh
with script check 'a terminal is asked, n: nothing is installed' not installs answers n
with script check 'it is said what is missing' gives 1 says 'Install with apt-get? [y/N]' answers ''
with script check 'y: it is installed' installs answers y

# -- What a release has ----------------------------------------------------------------------------

# Of two releases: what tests of riscv64 and the host want, of which this machine has everything else.
rest='meson ninja gcc g++ ld cmake make valgrind gdb qemu-x86_64 musl-gcc pkg-config taskset unshare setpriv
    aarch64-linux-gnu-gcc aarch64-linux-gnu-ld arm-linux-gnueabihf-gcc riscv64-linux-gnu-gcc riscv64-linux-gnu-ld
    qemu-system-aarch64 qemu-system-x86_64 debootstrap mold patchelf eu-strip spin sparse strace'
libraries='libc6-dev: libc6-dev-arm64-cross: libc6-dev-armhf-cross: libc6-dev-riscv64-cross: opensbi:'
old() {
    rm -rf "$work/old"
    machine old $rest clang=14
    debian $libraries clang-14:clang-14 clang:clang clang-19:clang-19 lld-19:ld.lld-19 'llvm-19:llvm-nm-19 llvm-objdump-19 llvm-readelf-19 llvm-ar-19 llvm-size-19 llvm-objcopy-19 llvm-strip-19' \
        libclang-rt-19-dev: 'qemu-system-misc:qemu-system-riscv64 qemu-system-riscv32'
}
new() {
    rm -rf "$work/new"
    machine new $rest
    debian $libraries clang:clang lld:ld.lld 'llvm:llvm-nm llvm-objdump llvm-readelf llvm-ar llvm-size llvm-objcopy llvm-strip' libclang-rt-dev: qemu-system-misc: \
        'qemu-system-riscv:qemu-system-riscv64 qemu-system-riscv32'
}
old
check 'an older release: its packages' installs setup SETUP=yes test host riscv64
check 'they are clang-14, clang-19, qemu-system-misc' says \
    'clang-14 clang-19 libc6-dev libc6-dev-arm64-cross libc6-dev-armhf-cross libc6-dev-riscv64-cross libclang-rt-19-dev lld-19 llvm-19 opensbi qemu-system-misc' \
    cat "$bin/log"
check 'then everything is there' not grep -v ' there$' <(setup --list test host riscv64 | grep -v -e '^status' -e fetch-kernel)
new
check 'a newer release: its packages' installs setup SETUP=yes test host riscv64
check 'they are clang, qemu-system-riscv' says \
    'clang libc6-dev libc6-dev-arm64-cross libc6-dev-armhf-cross libc6-dev-riscv64-cross libclang-rt-dev lld llvm opensbi qemu-system-riscv' \
    cat "$bin/log"
check 'clang-14 is unavailable' says 'clang-14 clang-14 unavailable' setup --list test host
check 'and that is said' says 'this release does not have: clang-14' \
    eval "rm $bin/meson; echo meson:meson >>$bin/packages; setup SETUP=yes test host"
check 'tests go on without' gives 0 setup SETUP=no test host
new
touch "$bin/no-lists"
check 'without lists of packages the first choice is believed in' says \
    'clang-14 clang-19 ' setup test host
rm "$bin/no-lists" "$bin/meson"
check 'tests do not go on without Meson' gives 1 setup SETUP=no test host
check 'which no package brings' says 'does not work without: libc6-dev meson' setup SETUP=no test host
new
sed -i '/^clang:/d' "$bin/packages"
echo '#!/bin/sh' | put sleep
check 'what cannot be installed is an error' gives 1 says 'could not be installed: opensbi' eval \
    "printf '#!/bin/sh\nexit 100\n' | put apt-get; setup SETUP=yes test riscv64"
check 'kernels are not fetched unasked' not says 'fetched:' setup SETUP=no test host

# -- tools/toolchain.py ----------------------------------------------------------------------------

# finds NAME FILE [VARIABLE=VALUE]...: on that machine the link NAME leads to FILE, none when that is ''.
finds() {
    local name=$1 want=$2
    shift 2
    rm -rf "$work/links"
    env PATH="$bin" "$@" "$root/tools/toolchain.py" "$work/links" || return 1
    ls -l "$work/links"
    [ "$(readlink "$work/links/$name")" = "${want:+$bin/$want}" ]
}

machine several clang=14 clang++=14 clang-14=14 clang++-14=14 clang-19=19 clang++-19=19 clang-100=100 ld.lld-19=19 ld.lld-100=100 \
    llvm-nm-19=19 llvm-nm=99 gcc-13=13 LLD-20=20
check 'the newest clang, by number' finds clang clang-100
check 'the linker of the same version' finds ld.lld ld.lld-100
check 'clang++ of another version, where there is none' finds clang++ clang++-19
check 'a tool without a version, if that is the newest' finds llvm-nm llvm-nm
check 'CLANG wins' finds clang clang-19 CLANG=clang-19
check 'what belongs to it' finds ld.lld ld.lld-19 CLANG=clang-19
check 'CC wins, a clang' finds clang clang-14 CC=clang-14
check 'CC, a gcc, is not clang' finds clang clang-100 CC=gcc-13
check 'LLD wins' finds ld.lld LLD-20 LLD=LLD-20
check 'LD wins, an LLD' finds ld.lld LLD-20 LD=LLD-20
check 'GCC wins' finds gcc gcc-13 GCC=gcc-13
check 'what is not there has no link' finds llvm-objdump ''
check 'Meson is told the same' grep -x "c = \\['$bin/clang-100'\\]" "$work/links/clang.ini"
check 'a program that the environment invents is an error' says 'CLANG=clang-21: there is no such program' \
    not finds clang clang-100 CLANG=clang-21
machine single clang=23
check 'clang alone' finds clang clang
machine ancient clang=11 clang-13=13
check 'no clang that is too old' finds clang ''

# -- Tests that miss something -------------------------------------------------------------------------

machine poor gcc=12 nm=2
skipped() { # PROGRAM TEST...: without the program it says so, and fails in nothing
    local program=$1
    shift
    PERCPU_TOOLS='' PATH="$bin" "$@" >"$work/out" 2>&1
    cat "$work/out"
    grep "# SKIP missing:.* *$program" "$work/out" && not grep -e '^not ok' -e '^Bail' "$work/out"
}
check 'a test of LLVM'\''s tools' skipped llvm-nm "$here/asm.sh"
check 'the linkers'\'' test' skipped clang "$here/link.sh"
check 'aarch64'\''s' skipped aarch64-linux-gnu-gcc "$here/link-aarch64.sh"
check 'arm'\''s' skipped arm-none-eabi-gcc "$here/link-arm.sh"
check 'the fuzzer' skipped clang-sanitizers "$here/alloc/fuzz.sh"
check 'the table of restartable sequences' skipped arm-none-eabi-gcc "$here/restart/table.py" arm gcc
check 'another kernel' skipped qemu-system-arm "$here/linux.py" arm
check 'instructions' skipped aarch64-linux-gnu-gcc "$here/codegen.py" --compiler gcc aarch64
check 'a machine under QEMU' skipped qemu-system-x86_64 "$root/tools/qemu-run" x86_64 --singlestep image
check 'a negative control there' skipped qemu-system-arm "$here/must-fail.sh" name "$root/tools/qemu-run" arm image
check 'a debugger' skipped gdb "$here/gdb.sh"

# -- tools/check and tools/lint count them -------------------------------------------------------------

# A tree with one test that is skipped, and one that passes; Meson is a program that says so.
tree=$work/counting
mkdir -p "$tree/tests"
cp -r "$root/tools" "$root/cross" "$root/meson_options.txt" "$tree"
machine counting gcc=12 ninja=1 clang-format-19=19
put meson <<'END'
#!/bin/sh
case $1 in
setup)
    echo set up >>"$(dirname "$0")/log"
    mkdir -p "$2/meson-info" "$2/meson-logs"
    echo '[{"name": "a", "suite": [], "protocol": "tap"}, {"name": "b", "suite": [], "protocol": "tap"}]' \
        >"$2/meson-info/intro-tests.json"
    ;;
test)
    cat >"$3/meson-logs/testlog.json" <<RESULTS
{"name": "a", "result": "OK", "stdout": "1..2\\nok 1 - x\\nok 2 - y # SKIP missing: valgrind\\n"}
{"name": "b", "result": "SKIP", "stdout": "1..0 # SKIP ${REASON:-missing: gdb}\\n"}
RESULTS
    ;;
esac
END
counts() { # LAST-LINE STATUS [VARIABLE=VALUE]...
    local line=$1 want=$2
    shift 2
    status=0
    env "$@" PATH="$bin" "$tree/tools/check" --platform single >"$work/out" 2>&1 || status=$?
    cat "$work/out"
    echo "status $status"
    [ "$(tail -n 1 "$work/out")" = "$line" ] && [ $status = "$want" ]
}
check 'what is skipped is counted: a build without its compiler, and tests' counts '1 passed, 0 failed, 3 skipped' 0
check 'with what brings it' grep 'missing  valgrind: 1 skipped; it is in valgrind' "$work/out"
check 'and of clang'\''s sanitizers' grep 'missing  clang-sanitizers: 1 skipped; it is in libclang-rt-19-dev or ' "$work/out"
check 'SETUP=yes: it is a failure' counts '1 passed, 3 failed, 3 skipped' 1 SETUP=yes
check 'another reason is a failure' counts '1 passed, 1 failed, 2 skipped' 1 REASON=mood
check 'what a comment says is no skip' counts '1 passed, 0 failed, 3 skipped' 0 'REASON=missing: gdb\n# ok 1 # SKIP missing: gdb'
check 'the build was set up once' test "$(cat "$bin/log")" = 'set up'
echo '#!/bin/sh' | put gdb
check 'with gdb now' counts '1 passed, 0 failed, 3 skipped' 0
check 'it was set up again: Meson had not found gdb' test "$(cat "$bin/log")" = $'set up\nset up'
rm "$bin/gdb"
debian clang-19:
check 'SETUP=yes, on a release that does not have it: it is none' counts '1 passed, 0 failed, 3 skipped' 0 SETUP=yes
check 'which is said' grep 'gdb, which this release does not have' "$work/out"

mkdir "$tree/.git"
lint() { # LAST-LINE
    env "${@:2}" PATH="$bin" "$tree/tools/lint" >"$work/out" 2>&1
    cat "$work/out"
    tail -n 1 "$work/out" | grep -x -- "$1"
}
check 'tools/lint counts them' lint '[0-9]* passed, [0-9]* failed, 9 skipped'
check 'SETUP=yes, on a release that does not have them' lint '[0-9]* passed, [0-9]* failed, 9 skipped' SETUP=yes
printf '%s\n' clang-tidy-19: cppcheck: >>"$bin/packages"
check 'SETUP=yes, on one that has them: failures' lint '[0-9]* passed, 9 failed' SETUP=yes

end
