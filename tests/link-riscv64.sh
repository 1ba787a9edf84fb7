#!/bin/bash
# SPDX-License-Identifier: MIT
# What only riscv has to show: that linkers which relax leave gp alone, or refuse; how far addresses
# reach. Both widths. TAP.
#
# usage: link-riscv64.sh [-k]     -k  keep the work folder and say where it is
#
# Environment: CC, a GCC for riscv64 or a clang; BFD, LLD, OBJDUMP. Boots QEMU through tools/qemu-run.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
CC=${CC:-riscv64-linux-gnu-gcc} BFD=${BFD:-riscv64-linux-gnu-ld} LLD=${LLD:-ld.lld}
OBJDUMP=${OBJDUMP:-riscv64-linux-gnu-objdump}
work=$(mktemp -d) || exit 1
if [ "${1:-}" = -k ]; then echo "# $work"; else trap 'rm -rf "$work"' EXIT; fi
trap 'exit 1' HUP INT TERM
. "$here/tools.sh"
needs "$CC" "$BFD" "$LLD" "$OBJDUMP" qemu-system-riscv64 qemu-system-riscv32

# Linkers may relax: nothing says no.
flags="-std=gnu17 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie -fno-stack-protector
    -fno-asynchronous-unwind-tables -mcmodel=medany -DPERCPU_PLATFORM_BARE -I$root/include
    -I$here/harness -I$here/bare"

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

compile() { # width, source, object, flags...
    local width=$1 source=$2 object=$3 cc=$CC
    shift 3
    case $CC in *clang*) cc="$CC --target=riscv$width-none-elf" ;;
    *) cc="$CC -fno-tree-loop-distribute-patterns" ;; esac
    [ "$width" = 64 ] && set -- -march=rv64imac_zicsr_zifencei -mabi=lp64 "$@"
    [ "$width" = 32 ] && set -- -march=rv32imac_zicsr_zifencei -mabi=ilp32 -DPERCPU_RISCV_M_MODE "$@"
    # shellcheck disable=SC2086
    $cc $flags "$@" -c -o "$object" "$source"
}
# objects NAME WIDTH FLAGS...: the library, $work/NAME/*.o
objects() {
    local name=$1 width=$2 source
    shift 2
    mkdir -p "$work/$name"
    for source in "$root"/src/*.c "$root"/src/platform/*.c; do
        must compile "$width" "$source" "$work/$name/percpu-$(basename "$source").o" -O2 "$@"
    done
    case $name in *zero*) return ;; esac
    for source in bare/bare.c bare/riscv/boot.S bare/riscv/machine.c harness/harness.c; do
        must compile "$width" "$here/$source" "$work/$name/$(basename "$source").o" -O2 "$@"
    done
}
script() { # name, macros...
    local name=$1
    shift
    must "${CC%% *}" -E -P -undef -x assembler-with-cpp -DBARE_MMU=0 -DBARE_CPUS=4 \
        "$@" "$here/bare/kernel.lds.S" -o "$work/$name.lds"
}
link() { # linker, width, script, objects...: $work/out
    local ld=$1 width=$2 lds=$work/$3.lds
    shift 3
    case $ld in bfd) ld="$BFD -m elf${width}lriscv" ;; lld) ld=$LLD ;;
    relax-gp) ld="$LLD --relax-gp" ;; esac
    # shellcheck disable=SC2086
    $ld -nostdlib -static -x -z max-page-size=4096 --build-id=none -L"$work" -L"$root/ld" -T "$lds" \
        -o "$work/out" "$@"
}
# The instructions of gp_use() that name the register, in $work/out.
uses() {
    "$OBJDUMP" -d --no-show-raw-insn "$work/out" | sed -n '/<gp_use>:/,/^$/p' | grep -w "$1"
}
# Three accesses add the register, and nothing else names it.
only_adds() {
    [ "$(uses "$1" | grep -cw add)" = 3 ] && ! uses "$1" | grep -vw add
}
relative() {
    uses gp | grep -q '(gp)'
}

# -- gp ------------------------------------------------------------------------------------------------

for width in ${WIDTHS:-64 32}; do
    load=0x80200000
    [ $width = 32 ] && load=0x80000000
    script natural$width -DBARE_LOAD=$load -DBARE_OFFSET=0
    # Within reach of `small`. GNU ld's DEFINED() depends on what comes first.
    define='__global_pointer$ = .;'
    sed "s|^ *\.data :.*{|&\n $define|" "$work/natural$width.lds" >"$work/before$width.lds"
    sed "s|INCLUDE percpu.ld|&\n __global_pointer\$ = ADDR(.data);|" \
        "$work/natural$width.lds" >"$work/after$width.lds"
    sed "s|^ *\.data :.*{|&\n PROVIDE(__global_pointer\$ = .);|" \
        "$work/natural$width.lds" >"$work/provide$width.lds"
    sed -e "/INCLUDE percpu-template.ld/r $root/ld/percpu-template.ld" "$root/ld/percpu.ld" |
        sed -e '/INCLUDE percpu-template.ld/d' -e /ASSERT/d >"$work/no-assert.ld"
    sed 's|INCLUDE percpu.ld|INCLUDE no-assert.ld|' "$work/before$width.lds" >"$work/own$width.lds"
    objects gp$width $width
    objects tp$width $width -DPERCPU_RISCV_TP
    must compile $width "$here/bare/riscv/gp.c" "$work/gp.o" -O2
    must compile $width "$here/bare/riscv/gp.c" "$work/refused.o" -O2 -DREFUSED
    must compile $width "$here/bare/riscv/gp.c" "$work/tp.o" -O2 -DPERCPU_RISCV_TP
    must compile $width "$here/bare/riscv/start_gp.S" "$work/start_gp.o"
    target=riscv$width

    for ld in bfd lld relax-gp; do
        title="riscv$width, $ld"
        must link $ld $width natural$width "$work/gp.o" "$work"/gp$width/*.o
        passes "$title: no __global_pointer\$: gp is percpu's" only_adds gp
        passes "$title: it runs" "$root/tools/qemu-run" $target "$work/out"
        must link $ld $width provide$width "$work/gp.o" "$work"/gp$width/*.o
        passes "$title: __global_pointer\$ provided: gp is percpu's" only_adds gp
        for order in before after; do
            fails "$title: __global_pointer\$ defined $order the fragment: refused" \
                'take __global_pointer.* out of the linker script' \
                link $ld $width $order$width "$work/gp.o" "$work"/gp$width/*.o
        done
        must link $ld $width own$width "$work/start_gp.o" "$work/refused.o" "$work"/gp$width/*.o
        passes "$title: a script without the assertion: percpu_init_reg() refuses" \
            "$root/tools/qemu-run" $target "$work/out" --cpus 1
        must link $ld $width before$width "$work/tp.o" "$work"/tp$width/*.o
        passes "$title: PERCPU_RISCV_TP: tp is percpu's" only_adds tp
        [ $ld = bfd ] && passes "$title: PERCPU_RISCV_TP: gp is the linker's" relative
        fails "$title: the library for gp, the program for tp: refused" \
            'percpu_built_as__bare__cpus_64__(m_mode_)?tp' \
            link $ld $width natural$width "$work/tp.o" "$work"/tp$width/[!p]*.o "$work"/gp$width/p*.o
    done
done

# -- What the compiler compares --------------------------------------------------------------------------

cat >"$work/single.c" <<'C'
#include "harness.h"

#include <percpu/percpu.h>

static PERCPU_DEFINE(uint32_t, var) = 0x80000000;
static volatile uint64_t wide = 0x80000000; /* in a register the sign is not extended */

TEST(single_cmpxchg_of_32_bits_with_a_sign)
{
    check_eq(percpu_cmpxchg(var, (uint32_t)wide, 5), 0x80000000);
    check_eq(percpu_read(var), 5);
}
C
single='-UPERCPU_PLATFORM_BARE -DPERCPU_PLATFORM_SINGLE'
objects single 64 $single
must compile 64 "$work/single.c" "$work/single.o" -O2 $single
must link bfd 64 natural64 "$work/single.o" "$work"/single/*.o
passes 'riscv64, single: cmpxchg of 32 bits' "$root/tools/qemu-run" riscv64 "$work/out" --cpus 1

# -- 8 bytes on riscv32 ----------------------------------------------------------------------------------

for use in 'percpu_remote_read(var, 1)' 'percpu_remote_write(var, 1, 2)' 'percpu_sum(var)'; do
    cat >"$work/remote.c" <<C
#include <percpu/percpu.h>
static PERCPU_DEFINE(uint64_t, var);
void use(void);
void use(void)
{
    percpu_add(var, 1);
    *percpu_remote_ptr(var, 1) = percpu_read(var);
    (void)$use;
}
C
    fails "riscv32, ${use%%(*}() of 8 bytes does not compile" 'has no single access to 8 bytes' \
        compile 32 "$work/remote.c" "$work/out.o" -O2
    passes "riscv64, ${use%%(*}() of 8 bytes compiles" \
        compile 64 "$work/remote.c" "$work/out.o" -O2 -Wno-unused-value
done

# -- Reach ---------------------------------------------------------------------------------------------

cat >"$work/reach.c" <<'C'
#include <percpu/percpu.h>
#ifdef NEAR
PERCPU_DEFINE_NEAR(char[NEAR], filler);
#endif
static PERCPU_DEFINE_NEAR(long, var);
static PERCPU_DEFINE(long[4], row);
int bare_main(void);
int bare_main(void)
{
#ifdef INDEX
    return (int)(percpu_read(var) + percpu_read(row[percpu_cpu_id() & 3]));
#else
    return (int)(percpu_read(var) + percpu_read(row[1]));
#endif
}
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size);
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size)
{
    (void)from, (void)size;
    return to;
}
C
zero=-DPERCPU_ZERO_VMA
objects zero64 64 $zero
script low -DBARE_LOAD=0x80200000 -DBARE_OFFSET=0
script low0 -DBARE_LOAD=0x80200000 -DBARE_OFFSET=0 $zero
script high0 -DBARE_LOAD=0x80200000 -DBARE_OFFSET=0xffffffff00000000 $zero
script far0 -DBARE_LOAD=0x80200000 -DBARE_OFFSET=0xffffffc000000000 $zero
must compile 64 "$work/reach.c" "$work/reach.o" -O2 $zero
must compile 64 "$work/reach.c" "$work/reach-O0.o" -O0 $zero
must compile 64 "$work/reach.c" "$work/index-O0.o" -O0 $zero -DINDEX
mkdir "$work/zero64-O0"
for source in "$root"/src/*.c "$root"/src/platform/*.c; do
    must compile 64 "$source" "$work/zero64-O0/$(basename "$source").o" -O0 $zero
done
must compile 64 "$work/reach.c" "$work/index.o" -O2 $zero -DINDEX
must compile 64 "$work/reach.c" "$work/near.o" -O2 $zero -DNEAR=2048
must compile 64 "$work/reach.c" "$work/full.o" -O2 $zero -DNEAR=2040
for ld in bfd lld; do
    passes "$ld: VMA 0, high half" link $ld 64 high0 "$work/index.o" "$work"/zero64/*.o
    passes "$ld: VMA 0, program at 0xffffffc080200000: links" link $ld 64 far0 "$work/reach.o" "$work"/zero64/*.o
    passes "$ld: VMA 0, program at 0xffffffc080200000, not optimised: links" \
        link $ld 64 far0 "$work/reach-O0.o" "$work"/zero64-O0/*.o
    passes "$ld: VMA 0, high half, 2 KiB of near variables" link $ld 64 high0 "$work/full.o" "$work"/zero64/*.o
    fails "$ld: VMA 0, more than 2 KiB of near variables: refused" 'more than 2 KiB' \
        link $ld 64 high0 "$work/near.o" "$work"/zero64/*.o
    fails "$ld: VMA 0, linked with percpu.ld: refused" 'link with percpu-vma0.ld' \
        link $ld 64 low "$work/reach.o" "$work"/zero64/*.o
done
# GNU ld makes such addresses absolute.
passes 'bfd: VMA 0, program at 0xffffffc080200000, not optimised, an index: links' \
    link bfd 64 far0 "$work/index-O0.o" "$work"/zero64-O0/*.o
fails 'lld: VMA 0, program at 0xffffffc080200000, not optimised, an index: refused' 'R_RISCV_PCREL_HI20 out of range' \
    link lld 64 far0 "$work/index-O0.o" "$work"/zero64-O0/*.o
passes 'bfd: VMA 0, low half' link bfd 64 low0 "$work/index.o" "$work"/zero64/*.o
fails 'lld: VMA 0, low half, addresses made by the compiler: refused' 'R_RISCV_PCREL_HI20 out of range' \
    link lld 64 low0 "$work/index.o" "$work"/zero64/*.o

echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ $failed = 0 ]
