#!/bin/bash
# SPDX-License-Identifier: MIT
# What only aarch64 has to show: how far addresses reach, which exception level, and that what runs
# before MMU and caches are on contains no exclusive. TAP.
#
# usage: link-aarch64.sh [-k]     -k  keep the work folder and say where it is
#
# Environment: CC, a GCC for aarch64 or a clang; BFD, LLD, OBJDUMP. Boots QEMU (tools/qemu-run).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
CC=${CC:-aarch64-linux-gnu-gcc} BFD=${BFD:-aarch64-linux-gnu-ld} LLD=${LLD:-ld.lld}
OBJDUMP=${OBJDUMP:-aarch64-linux-gnu-objdump}
case $CC in *clang*) CC="$CC --target=aarch64-none-elf" extra= ;;
*) extra=-fno-tree-loop-distribute-patterns ;; esac
work=$(mktemp -d) || exit 1
if [ "${1:-}" = -k ]; then echo "# $work"; else trap 'rm -rf "$work"' EXIT; fi
trap 'exit 1' HUP INT TERM
. "$here/tools.sh"
needs "$CC" "$BFD" "$LLD" "$OBJDUMP" qemu-system-aarch64

flags="-std=gnu17 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie -fno-stack-protector
    -fno-asynchronous-unwind-tables -mgeneral-regs-only -mstrict-align -mno-outline-atomics
    -DPERCPU_PLATFORM_BARE -I$root/include -I$here/harness -I$here/bare $extra"

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
# output, macros...: a script for the machine
script() {
    local out=$1
    shift
    must "${CC%% *}" -E -P -undef -x assembler-with-cpp -DBARE_MMU=0 -DBARE_CPUS=64 \
        "$@" "$here/bare/kernel.lds.S" -o "$out"
}
link() { # linker, script, output, objects...
    local ld=$1 lds=$2 out=$3
    shift 3
    [ "$ld" = bfd ] && ld=$BFD || ld=$LLD
    "$ld" -nostdlib -static -z max-page-size=4096 --build-id=none -L"$root/ld" -T "$lds" \
        -o "$out" "$@"
}

# library NAME FLAGS...: $work/NAME/*.o
library() {
    local name=$1 source
    shift
    mkdir -p "$work/$name"
    for source in "$root"/src/*.c "$root"/src/platform/*.c; do
        must compile "$source" "$work/$name/$(basename "$source").o" -O2 -ffunction-sections "$@"
    done
}
mkdir "$work/machine"
for source in bare/bare.c bare/aarch64/boot.S bare/aarch64/machine.c harness/harness.c; do
    must compile "$here/$source" "$work/machine/$(basename "$source").o" -O2
done
low="-DBARE_LOAD=0x40200000 -DBARE_OFFSET=0"
# shellcheck disable=SC2086
script "$work/low.lds" $low
# shellcheck disable=SC2086
script "$work/low0.lds" $low -DPERCPU_ZERO_VMA
# Where kernels lie that use all of the upper half; and where adrp reaches VMA 0 around the corner.
script "$work/far0.lds" -DBARE_LOAD=0x40200000 -DBARE_OFFSET=0xffff000000000000 -DPERCPU_ZERO_VMA
script "$work/top0.lds" -DBARE_LOAD=0x40200000 -DBARE_OFFSET=0xffffffff40000000 -DPERCPU_ZERO_VMA
sed -e "/INCLUDE percpu-template.ld/r $root/ld/percpu-template.ld" "$root/ld/percpu-vma0.ld" |
    sed -e '/INCLUDE percpu-template.ld/d' -e /ASSERT/d >"$work/no-assert.ld"
sed "s|percpu-vma0.ld|$work/no-assert.ld|" "$work/low0.lds" >"$work/low0-no-assert.lds"

library el1
library el1-0 -DPERCPU_ZERO_VMA
library el2 -DPERCPU_ARM_EL2
library el2-0 -DPERCPU_ARM_EL2 -DPERCPU_ZERO_VMA

cat >"$work/memcpy.c" <<'C'
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
C
for library in el1 el1-0 early; do
    mkdir -p "$work/$library"
    must compile "$work/memcpy.c" "$work/$library/memcpy.o" -O2
done

# -- Reach -----------------------------------------------------------------------------------------

reach=$here/bare/aarch64/reach.c
zero="-O2 -DPERCPU_ZERO_VMA"
limit='larger than this architecture.s code reaches at VMA 0'
must compile "$here/link/extremes.c" "$work/extremes.o" -O2 -DLARGE
# shellcheck disable=SC2086
for variant in small: index:-DINDEX large:-DLARGE=70000 fits:-DLARGE=60000 near:-DNEAR=2100 \
    'packed:-DPACKED -Wno-address-of-packed-member'; do
    must compile "$reach" "$work/${variant%%:*}.o" $zero ${variant#*:}
done
must compile "$reach" "$work/large-O0.o" -O0 -DPERCPU_ZERO_VMA -DLARGE=70000
must compile "$reach" "$work/small-O0.o" -O0 -DPERCPU_ZERO_VMA
must compile "$reach" "$work/index-O0.o" -O0 -DPERCPU_ZERO_VMA -DINDEX
mkdir "$work/el1-0-O0"
for source in "$root"/src/*.c "$root"/src/platform/*.c "$work/memcpy.c"; do
    must compile "$source" "$work/el1-0-O0/$(basename "$source").o" -O0 -DPERCPU_ZERO_VMA
done

for ld in bfd lld; do
    must link $ld "$work/low.lds" "$work/large" "$work"/machine/*.o "$work"/el1/*.c.o \
        "$work/extremes.o"
    passes "$ld: a template above 64 KiB, natural VMA: right values" \
        "$root/tools/qemu-run" aarch64 "$work/large"
    passes "$ld: VMA 0, 60000 bytes" \
        link $ld "$work/low0.lds" "$work/out" "$work/fits.o" "$work"/el1-0/*.o
    fails "$ld: VMA 0, above 64 KiB: refused" "$limit" \
        link $ld "$work/low0.lds" "$work/out" "$work/large.o" "$work"/el1-0/*.o
    fails "$ld: VMA 0, above 64 KiB, -O0: refused" "$limit" \
        link $ld "$work/low0.lds" "$work/out" "$work/large-O0.o" "$work"/el1-0/*.o
    fails "$ld: VMA 0, above 64 KiB, a script without the assertion: refused" \
        'R_AARCH64_MOVW_UABS_G0' \
        link $ld "$work/low0-no-assert.lds" "$work/out" "$work/large.o" "$work"/el1-0/*.o
    fails "$ld: above 2 KiB of near variables: refused" 'more than 2 KiB' \
        link $ld "$work/low0.lds" "$work/out" "$work/near.o" "$work"/el1-0/*.o
    fails "$ld: a misaligned member of a near variable: refused" 'R_AARCH64_LDST64_ABS_LO12_NC' \
        link $ld "$work/low0.lds" "$work/out" "$work/packed.o" "$work"/el1-0/*.o
    fails "$ld: VMA 0, program at 0xffff000040200000, compiler-made addresses: refused" \
        'R_AARCH64_ADR_PREL_PG_HI21' \
        link $ld "$work/far0.lds" "$work/out" "$work/index.o" "$work"/el1-0/*.o
    passes "$ld: VMA 0, program at 0xffff000040200000: links" \
        link $ld "$work/far0.lds" "$work/out" "$work/small.o" "$work"/el1-0/*.o
    passes "$ld: VMA 0, program at 0xffff000040200000, not optimised: links" \
        link $ld "$work/far0.lds" "$work/out" "$work/small-O0.o" "$work"/el1-0-O0/*.o
    fails "$ld: VMA 0, program at 0xffff000040200000, not optimised, an index: refused" \
        'R_AARCH64_ADR_PREL_PG_HI21' \
        link $ld "$work/far0.lds" "$work/out" "$work/index-O0.o" "$work"/el1-0-O0/*.o
    passes "$ld: VMA 0, program at 0xffffffff80200000, compiler-made addresses: links" \
        link $ld "$work/top0.lds" "$work/out" "$work/index.o" "$work"/el1-0/*.o
    fails "$ld: library for EL1, program for EL2: refused" 'percpu_built_as__bare__cpus_64__el2' \
        bash -c "$(declare -f compile link); CC='$CC' flags='$flags' BFD=$BFD LLD=$LLD root='$root'
            compile '$reach' '$work/el2.o' -O2 -DPERCPU_ARM_EL2 &&
            link $ld '$work/low.lds' '$work/out' '$work/el2.o' '$work'/el1/*.o"
done

# -- Exception levels ------------------------------------------------------------------------------

# name, machine, library, flags, options of qemu-run
level() {
    local name=$1 machine=$2 library=$3 cflags=$4
    shift 4
    # shellcheck disable=SC2086
    must compile "$here/bare/aarch64/level.c" "$work/level.o" -O2 $cflags
    must link bfd "$work/low.lds" "$work/level" "$work"/machine/*.o "$work/$library"/*.c.o \
        "$work/level.o"
    passes "$name" "$root/tools/qemu-run" "$machine" "$work/level" "$@"
}
el2=-DPERCPU_ARM_EL2
level 'for EL1, at EL1: taken' aarch64 el1 -DRIGHT=1
level 'for EL2, at EL2: taken' aarch64-el2 el2 "-DRIGHT=1 $el2"
level 'for EL1, at EL2: refused' aarch64-el2 el1 -DRIGHT=0
level 'for EL2, at EL1: refused' aarch64 el2 "-DRIGHT=0 $el2"
level 'for EL1, at EL2 with VHE: refused' aarch64-el2 el1 '-DRIGHT=0 -DVHE' --qemu='-cpu max'
level 'for EL2, at EL2 with VHE: taken' aarch64-el2 el2 "-DRIGHT=1 -DVHE $el2" --qemu='-cpu max'

# -- Before MMU and caches are on: no exclusive, no atomic instruction -----------------------------

# image: only what takes the lock of percpu_init*() contains one, and there it is seen. Dynamic memory
# is for later.
no_atomics() {
    "$OBJDUMP" -d --no-show-raw-insn "$1" | awk '
        /^[0-9a-f]+ </ { name = $2; sub(/(\..*)?>:/, "", name) }
        $2 ~ /^(ld|st)a?l?x[rp][bh]?$|^(cas|swp)|^(ld|st)(add|clr|eor|set|[su](max|min))/ {
            print name, $0
            if (name ~ /^<(percpu_(init(_cpu)?(_with)?|init_in_place|fini)|percpu__areas_(lock|begin)|init|lock|take|wait_and_take)$/) locks++
            else if (name ~ /^<(percpu_(alloc_[a-z_]+|free)|report|new_area)$/) later++
            else others++
        }
        END { exit !(locks && !others) }'
}
cat >"$work/early.c" <<'C'
#include <percpu/percpu.h>
static PERCPU_DEFINE(uint64_t, var);
uint64_t early_read(void);
uint64_t early_read(void) { return percpu_read(var); }
void early_write(uint64_t v);
void early_write(uint64_t v) { percpu_write(var, v); }
uint64_t *early_ptr(size_t cpu);
uint64_t *early_ptr(size_t cpu)
{
    return cpu ? percpu_remote_ptr(var, cpu) : percpu_current_ptr(var);
}
size_t early_cpu(void);
size_t early_cpu(void) { return percpu_cpu_id(); }
int _start(size_t cpu);
int _start(size_t cpu)
{
    percpu_write_reg(percpu_read_reg());
    early_write(early_read() + *early_ptr(cpu) + early_cpu());
    return percpu_init_reg(cpu) + (int)percpu_area_base(cpu) + (int)percpu_area_num();
}
C
for v in '' -DPERCPU_ZERO_VMA; do
    must compile "$work/early.c" "$work/early.o" -O2 -fno-inline -march=armv8.1-a ${v:+"$v"}
    library early -march=armv8.1-a ${v:+"$v"}
    must link bfd "$work/low${v:+0}.lds" "$work/early.elf" "$work/early.o" "$work"/early/*.o
    passes "no exclusive or atomic before MMU and caches are on${v:+, VMA 0}" \
        no_atomics "$work/early.elf"
done

# mmu: runs percpu_init_in_place() and says whether its lock executed an exclusive
lock_is_exclusive() {
    local at log=$work/in_asm
    script "$work/lock.lds" -DBARE_LOAD=0x40200000 -DBARE_OFFSET=0 -UBARE_MMU -DBARE_MMU="$1"
    must compile "$here/bare/aarch64/level.c" "$work/level.o" -O2 -DRIGHT=1
    must link bfd "$work/lock.lds" "$work/lock" "$work"/machine/*.o "$work"/el1/*.c.o \
        "$work/level.o"
    must "$root/tools/qemu-run" aarch64 --qemu="-d in_asm -D $log" "$work/lock"
    for at in $("$OBJDUMP" -d --no-show-raw-insn "$work/lock" | awk '
        /^[0-9a-f]+ </ { name = $2 }
        $2 ~ /^lda?xr$/ && name ~ /^<(percpu_init_in_place|init|lock|take|wait_and_take)(\..*)?>:/ { print $1 }
        '); do
        grep -q "^0x0*$at" "$log" && return 0
    done
    return 1
}
passes 'percpu_init_in_place() with MMU and caches on: the lock is an exclusive' lock_is_exclusive 1
passes 'percpu_init_in_place() with MMU and caches off: no exclusive is executed' \
    eval '! lock_is_exclusive 0'

echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ $failed = 0 ]
