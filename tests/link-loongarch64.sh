#!/bin/bash
# SPDX-License-Identifier: MIT
# What only loongarch64 has to show: no linker checks what pcalau12i and the like reach, so addresses
# must be right wherever program and template lie. TAP.
#
# Environment: CC, a clang; LLD, READELF. Boots QEMU through tools/qemu-run.
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-clang} LLD=${LLD:-ld.lld} READELF=${READELF:-llvm-readelf}
CC="$CC --target=loongarch64-none-gnusf -msoft-float"
load=0x200000 BFD=
. "$here/bare.sh"
needs "$CC" "$LLD" "$READELF" qemu-system-loongarch64

restart=-DPERCPU_RESTART
machine machine loongarch64
library natural
library zero $zero
library restart $zero $restart
for half in low:0 high:0x9000000000000000; do
    script "${half%%:*}-natural" -DBARE_OFFSET="${half#*:}"
    script "${half%%:*}-zero" -DBARE_OFFSET="${half#*:}" $zero
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
    must link lld $script  "$work/reach.o" "$work/other.o" \
        "$work"/machine/*.o "$work/$library"/*.o
    check "$name" boots loongarch64 --cpus 1
}
for opt in -O0 -O1 -O2 -O3 -Os; do
    reach "VMA 0, high half, $opt: every operand" zero high-zero $opt $zero
    check "VMA 0, $opt: compiler-made addresses" far_addresses "$work/reach.o"
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
    check_refused "above 2 KiB of near variables, $opt: refused" 'more than 2 KiB' \
        link lld high-zero  "$work/near.o" "$work/other.o" "$work"/machine/*.o \
        "$work"/zero/*.o
done
reach "near variables up to byte 2000" zero high-zero -O2 $zero -DNEAR=1700

# A template of 2 GiB is more than a test can hold: the limit is what the library gives, lowered.
cp -r "$work/zero" "$work/lower"
sed 's/"0x80000000"/"0x100000"/' "$root/include/percpu/detail/config.h" >"$work/config.h"
mkdir -p "$work/include/percpu/detail"
mv "$work/config.h" "$work/include/percpu/detail/config.h"
flags="-I$work/include $flags" must compile "$here/library.c" "$work/lower/percpu.c.o" -O2 $zero
must compile "$here/bare/loongarch64/reach.c" "$work/reach.o" -O2 $zero
check_refused 'a template above the limit: refused' "$limit" \
    link lld high-zero  "$work/reach.o" "$work/other.o" "$work"/machine/*.o \
    "$work"/lower/*.o

check_refused 'a compiler without attribute model: refused' 'needs clang 18 or GCC 13' \
    compile "$here/bare/loongarch64/reach.c" "$work/out.o" $zero -Wno-builtin-macro-redefined \
    '-D__has_attribute(x)=0'
must compile "$here/bare/loongarch64/reach.c" "$work/reach.o" -O2
check_refused 'library for VMA 0, program for natural VMA: refused' \
    'percpu_built_as__bare__cpus_64' link lld high-zero  "$work/reach.o" \
    "$work/other.o" "$work"/machine/*.o "$work"/zero/*.o

end
