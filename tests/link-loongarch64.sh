#!/bin/bash
# SPDX-License-Identifier: MIT
# What only loongarch64 has to show: no linker checks what pcalau12i and the like reach, so addresses
# must be right wherever program and template lie. TAP.
#
# usage: link-loongarch64.sh [-k]     -k  keep the work folder and say where it is
#
# Environment: CC, a clang; LLD, READELF. Boots QEMU through tools/qemu-run.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
CC=${CC:-clang} LLD=${LLD:-ld.lld} READELF=${READELF:-llvm-readelf}
CC="$CC --target=loongarch64-none-gnusf -msoft-float"
work=$(mktemp -d) || exit 1
if [ "${1:-}" = -k ]; then echo "# $work"; else trap 'rm -rf "$work"' EXIT; fi
trap 'exit 1' HUP INT TERM
. "$here/tools.sh"
needs "$CC" "$LLD" "$READELF" qemu-system-loongarch64

flags="-std=gnu17 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie -fno-stack-protector
    -fno-asynchronous-unwind-tables -DPERCPU_PLATFORM_BARE -I$root/include -I$here/harness
    -I$here/bare"
n=0 failed=0 log=$work/log
result() { # status, name
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        failed=$((failed + 1))
        echo "not ok $n - $2"
        head -n 30 "$log" | sed 's/^/# /'
    fi
}
passes() { # name, command...
    local name=$1
    shift
    "$@" >"$log" 2>&1
    result $? "$name"
}
fails() { # name, text, command...: it must fail and print the text
    local name=$1 text=$2 status=0
    shift 2
    if "$@" >"$log" 2>&1; then status=1; elif ! grep -Eq -- "$text" "$log"; then
        sed -i "1i it does not say: $text" "$log"
        status=1
    fi
    result $status "$name"
}
must() {
    if ! "$@" >"$log" 2>&1; then
        echo "Bail out! $*"
        head -n 30 "$log" | sed "s/^/# /"
        exit 1
    fi
}

# source, object, flags...
compile() {
    local source=$1 object=$2
    shift 2
    # shellcheck disable=SC2086
    $CC $flags "$@" -c -o "$object" "$source"
}
# script, output, objects...
link() {
    local script=$1 out=$2
    shift 2
    "$LLD" -nostdlib -static -z max-page-size=4096 --build-id=none -L"$root/ld" -T "$script" \
        -o "$out" "$@"
}
# folder, flags...
library() {
    local name=$1 source
    shift
    mkdir -p "$work/$name"
    for source in "$root"/src/*.c "$root"/src/platform/*.c; do
        must compile "$source" "$work/$name/$(basename "$source").o" -O2 -ffunction-sections "$@"
    done
}

mkdir "$work/machine"
for source in bare/bare.c bare/loongarch64/boot.S bare/loongarch64/machine.c harness/harness.c; do
    must compile "$here/$source" "$work/machine/$(basename "$source").o" -O2
done
zero=-DPERCPU_ZERO_VMA restart=-DPERCPU_RESTART
library natural
library zero $zero
library restart $zero $restart
for half in low:0 high:0x9000000000000000; do
    for vma in natural: zero:$zero; do
        # shellcheck disable=SC2086
        must $CC -E -P -undef -x assembler-with-cpp -DBARE_MMU=0 -DBARE_CPUS=4 -DBARE_LOAD=0x200000 \
            -DBARE_OFFSET="${half#*:}" ${vma#*:} "$here/bare/kernel.lds.S" \
            -o "$work/${half%%:*}-${vma%%:*}.lds"
    done
done

# -- Every form of an operand -----------------------------------------------------------------------

# All addresses of per-CPU variables that the compiler makes in an object: at any distance, and the
# four instructions of each side by side, since linkers compute the upper half from their distance.
far_addresses() {
    "$READELF" -rW "$1" | python3 -c '
import sys
at, section = set(), ""
for line in sys.stdin:
    words = line.split()
    if line.startswith("Relocation section"):
        section = words[2]
    elif len(words) > 4 and ("__PERCPU_" in words[4] or words[4].startswith(".percpu")):
        at.add((section, int(words[0], 16), words[2].replace("R_LARCH_", ""), *words[4:]))
high = [r for r in at if r[2] == "PCALA_HI20"]
bad = [r for r in high for i, kind in enumerate(("PCALA_LO12", "PCALA64_LO20", "PCALA64_HI12"))
       if (r[0], r[1] + 4 + 4 * i, kind, *r[3:]) not in at]
print(len(high), "addresses; not for any distance:", bad)
sys.exit(not high or bool(bad))'
}

# name, library, script, flags...
reach() {
    local name=$1 library=$2 script=$3
    shift 3
    must compile "$here/bare/loongarch64/reach.c" "$work/reach.o" "$@"
    must compile "$here/bare/loongarch64/reach.c" "$work/other.o" -DOTHER "$@"
    must link "$work/$script.lds" "$work/image" "$work/reach.o" "$work/other.o" \
        "$work"/machine/*.o "$work/$library"/*.o
    passes "$name" "$root/tools/qemu-run" loongarch64 --cpus 1 "$work/image"
}
for opt in -O0 -O1 -O2 -O3 -Os; do
    reach "VMA 0, high half, $opt: every operand" zero high-zero $opt $zero
    passes "VMA 0, $opt: compiler-made addresses" far_addresses "$work/reach.o"
done
for opt in -O0 -O2 -Os; do
    reach "VMA 0, high half, restart, $opt: every operand" restart high-zero $opt $zero $restart
done
reach "VMA 0, high half, link-time optimisation: every operand" zero high-zero -O2 -flto $zero
reach "VMA 0, low, -O2: every operand" zero low-zero -O2 $zero
reach "natural VMA, high half, -O2: every operand" natural high-natural -O2
reach "natural VMA, low, -O0: every operand" natural low-natural -O0

# -- Limits and contradictions -----------------------------------------------------------------------

must compile "$here/bare/loongarch64/reach.c" "$work/other.o" -DOTHER -O2 $zero
for opt in -O0 -O2; do
    must compile "$here/bare/loongarch64/reach.c" "$work/near.o" -DNEAR=2100 $opt $zero
    fails "above 2 KiB of near variables, $opt: refused" 'more than 2 KiB' \
        link "$work/high-zero.lds" "$work/out" "$work/near.o" "$work/other.o" "$work"/machine/*.o \
        "$work"/zero/*.o
done
reach "near variables up to byte 2000" zero high-zero -O2 $zero -DNEAR=1700

# A template of 2 GiB is more than a test can hold: the limit is what the library gives, lowered.
cp -r "$work/zero" "$work/lower"
sed 's/"0x80000000"/"0x100000"/' "$root/include/percpu/detail/config.h" >"$work/config.h"
mkdir -p "$work/include/percpu/detail"
mv "$work/config.h" "$work/include/percpu/detail/config.h"
flags="-I$work/include $flags" must compile "$root/src/common.c" "$work/lower/common.c.o" -O2 $zero
must compile "$here/bare/loongarch64/reach.c" "$work/reach.o" -O2 $zero
fails 'a template above the limit: refused' "larger than this architecture's code reaches" \
    link "$work/high-zero.lds" "$work/out" "$work/reach.o" "$work/other.o" "$work"/machine/*.o \
    "$work"/lower/*.o

fails 'a compiler without attribute model: refused' 'needs clang 18 or GCC 13' \
    compile "$here/bare/loongarch64/reach.c" "$work/out.o" $zero -Wno-builtin-macro-redefined \
    '-D__has_attribute(x)=0'
must compile "$here/bare/loongarch64/reach.c" "$work/reach.o" -O2
fails 'library for VMA 0, program for natural VMA: refused' \
    'percpu_built_as__bare__cpus_64' link "$work/high-zero.lds" "$work/out" "$work/reach.o" \
    "$work/other.o" "$work"/machine/*.o "$work"/zero/*.o

echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ $failed = 0 ]
