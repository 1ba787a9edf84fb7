#!/bin/bash
# SPDX-License-Identifier: MIT
# What only riscv has to show: that linkers which relax leave gp alone, or refuse; how far addresses
# reach. Both widths. TAP.
#
# Environment: CC, a GCC for riscv64 or a clang; BFD, LLD, OBJDUMP. Boots QEMU through tools/qemu-run.
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-riscv64-linux-gnu-gcc} BFD=${BFD:-riscv64-linux-gnu-ld} LLD=${LLD:-ld.lld}
OBJDUMP=${OBJDUMP:-riscv64-linux-gnu-objdump}
. "$here/bare.sh"
needs "$CC" "$BFD" "$LLD" "$OBJDUMP" qemu-system-riscv64 qemu-system-riscv32

# Linkers may relax: nothing says no.
compiler=$CC linker=$BFD LLD="$LLD -x" flags="$flags -mcmodel=medany"
of_width() { # 64 or 32
    width=$1 BFD="$linker -x -m elf$1lriscv" load=0x80200000
    CC="$compiler -march=rv$1imac_zicsr_zifencei -mabi=lp64"
    [ "$1" = 64 ] || { load=0x80000000 && CC="${CC/lp64/ilp32} -DPERCPU_RISCV_M_MODE"; }
    case $CC in *clang*) CC="$CC --target=riscv$1-none-elf" ;; esac
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
    of_width $width
    script natural$width
    # Within reach of `small`. GNU ld's DEFINED() depends on what comes first.
    define='__global_pointer$ = .;'
    sed "s|^ *\.data :.*{|&\n $define|" "$work/natural$width.lds" >"$work/before$width.lds"
    sed "s|INCLUDE percpu.ld|&\n __global_pointer\$ = ADDR(.data);|" \
        "$work/natural$width.lds" >"$work/after$width.lds"
    sed "s|^ *\.data :.*{|&\n PROVIDE(__global_pointer\$ = .);|" \
        "$work/natural$width.lds" >"$work/provide$width.lds"
    own_fragment percpu.ld
    sed 's|INCLUDE percpu.ld|INCLUDE no-assert.ld|' "$work/before$width.lds" >"$work/own$width.lds"
    # Its files apart: where the definition is in the same file, the assembler puts the 0 in.
    mkdir -p "$work/gp$width"
    for source in "$root"/src/*.c "$root"/src/platform/*.c; do
        must compile "$source" "$work/gp$width/percpu-$(basename "$source").o" -O2 -ffunction-sections
    done
    machine gp$width riscv
    library tp$width -DPERCPU_RISCV_TP
    machine tp$width riscv -DPERCPU_RISCV_TP
    must compile "$here/bare/riscv/gp.c" "$work/gp.o" -O2
    must compile "$here/bare/riscv/gp.c" "$work/refused.o" -O2 -DREFUSED
    must compile "$here/bare/riscv/gp.c" "$work/tp.o" -O2 -DPERCPU_RISCV_TP
    must compile "$here/bare/riscv/start_gp.S" "$work/start_gp.o"
    target=riscv$width

    for ld in bfd lld relax-gp; do
        title="riscv$width, $ld"
        must link $ld natural$width "$work/gp.o" "$work"/gp$width/*.o
        check "$title: no __global_pointer\$: gp is percpu's" only_adds gp
        check "$title: it runs" boots $target
        must link $ld provide$width "$work/gp.o" "$work"/gp$width/*.o
        check "$title: __global_pointer\$ provided: gp is percpu's" only_adds gp
        for order in before after; do
            check_refused "$title: __global_pointer\$ defined $order the fragment: refused" \
                'take __global_pointer.* out of the linker script' \
                link $ld $order$width "$work/gp.o" "$work"/gp$width/*.o
        done
        must link $ld own$width "$work/start_gp.o" "$work/refused.o" "$work"/gp$width/*.o
        check "$title: a script without the assertion: percpu_init_reg() refuses" \
            boots $target --cpus 1
        must link $ld before$width "$work/tp.o" "$work"/tp$width/*.o
        check "$title: PERCPU_RISCV_TP: tp is percpu's" only_adds tp
        [ $ld = bfd ] && check "$title: PERCPU_RISCV_TP: gp is the linker's" relative
        check_refused "$title: the library for gp, the program for tp: refused" \
            'percpu_built_as__bare__cpus_64__(m_mode_)?tp' \
            link $ld natural$width "$work/tp.o" "$work"/tp$width/[!p]*.o "$work"/gp$width/p*.o
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
of_width 64
library single $single
machine single riscv $single
must compile "$work/single.c" "$work/single.o" -O2 $single
must link bfd natural64 "$work/single.o" "$work"/single/*.o
check 'riscv64, single: cmpxchg of 32 bits' boots riscv64 --cpus 1

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
    of_width 32
    check_refused "riscv32, ${use%%(*}() of 8 bytes does not compile" 'has no single access to 8 bytes' \
        compile "$work/remote.c" "$work/out.o" -O2
    of_width 64
    check "riscv64, ${use%%(*}() of 8 bytes compiles" \
        compile "$work/remote.c" "$work/out.o" -O2 -Wno-unused-value
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
library zero64 $zero
script low
script low0 $zero
script high0 -DBARE_OFFSET=0xffffffff00000000 $zero
script far0 -DBARE_OFFSET=0xffffffc000000000 $zero
must compile "$work/reach.c" "$work/reach.o" -O2 $zero
must compile "$work/reach.c" "$work/reach-O0.o" -O0 $zero
must compile "$work/reach.c" "$work/index-O0.o" -O0 $zero -DINDEX
mkdir "$work/zero64-O0"
must compile "$here/library.c" "$work/zero64-O0/percpu.o" -O0 $zero
must compile "$work/reach.c" "$work/index.o" -O2 $zero -DINDEX
must compile "$work/reach.c" "$work/near.o" -O2 $zero -DNEAR=2048
must compile "$work/reach.c" "$work/full.o" -O2 $zero -DNEAR=2040
for ld in bfd lld; do
    check "$ld: VMA 0, high half" link $ld high0 "$work/index.o" "$work"/zero64/*.o
    check "$ld: VMA 0, program at 0xffffffc080200000: links" link $ld far0 "$work/reach.o" "$work"/zero64/*.o
    check "$ld: VMA 0, program at 0xffffffc080200000, not optimised: links" \
        link $ld far0 "$work/reach-O0.o" "$work"/zero64-O0/*.o
    check "$ld: VMA 0, high half, 2 KiB of near variables" link $ld high0 "$work/full.o" "$work"/zero64/*.o
    check_refused "$ld: VMA 0, more than 2 KiB of near variables: refused" 'more than 2 KiB' \
        link $ld high0 "$work/near.o" "$work"/zero64/*.o
    check_refused "$ld: VMA 0, linked with percpu.ld: refused" 'link with percpu-vma0.ld' \
        link $ld low "$work/reach.o" "$work"/zero64/*.o
done
# GNU ld makes such addresses absolute.
check 'bfd: VMA 0, program at 0xffffffc080200000, not optimised, an index: links' \
    link bfd far0 "$work/index-O0.o" "$work"/zero64-O0/*.o
check_refused 'lld: VMA 0, program at 0xffffffc080200000, not optimised, an index: refused' 'R_RISCV_PCREL_HI20 out of range' \
    link lld far0 "$work/index-O0.o" "$work"/zero64-O0/*.o
check 'bfd: VMA 0, low half' link bfd low0 "$work/index.o" "$work"/zero64/*.o
check_refused 'lld: VMA 0, low half, addresses made by the compiler: refused' 'R_RISCV_PCREL_HI20 out of range' \
    link lld low0 "$work/index.o" "$work"/zero64/*.o

end
