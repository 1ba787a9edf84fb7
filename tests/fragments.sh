#!/bin/bash
# SPDX-License-Identifier: MIT
# The linker-script fragments: an image that relocates itself and runs elsewhere than it is linked
# for, sections that no script names, template and areas apart, in memory regions and segments. TAP.
#
# usage: fragments.sh TARGET     x86_64 aarch64 arm riscv64-m riscv32 loongarch64
#
# Environment: CC, a compiler for the target, or clang; BFD, LLD. Boots QEMU through tools/qemu-run.
# shellcheck disable=SC2086,SC2154 # flags are lists of words; work.sh has $log, $work
set -u
. "$(dirname "$0")/work.sh"
target=${1:?a target}
LLD=${LLD:-ld.lld}

# gcc, clang's target, flags; GNU ld, its and LLD's emulation; the folder in tests/bare; where the
# loader puts the image, and where it is linked; R_*_RELATIVE, and whether relocations have addends.
more='' rela=1
case $target in
x86_64)
    gcc=gcc triple=x86_64-unknown-none-elf arch='-mno-red-zone -mgeneral-regs-only'
    bfd=${BFD:-ld.bfd} emulation='elf_x86_64 elf_x86_64'
    folder=x86_64 load=0x100000 link=0x7ff00000 relative=8 ;;
aarch64)
    gcc=aarch64-linux-gnu-gcc triple=aarch64-none-elf
    arch='-mgeneral-regs-only -mstrict-align -mno-outline-atomics'
    bfd=${BFD:-aarch64-linux-gnu-ld.bfd} emulation='aarch64linux aarch64linux'
    folder=aarch64 load=0x40200000 link=0x7ff0000000 relative=1027 ;;
arm)
    gcc=arm-none-eabi-gcc triple=armv7a-none-eabi
    arch='-march=armv7ve -marm -mfloat-abi=soft -mno-unaligned-access'
    bfd=${BFD:-arm-none-eabi-ld.bfd} emulation='armelf armelf'
    folder=arm load=0x40200000 link=0x7ff00000 relative=23 rela=0 ;;
riscv64-m | riscv32)
    gcc=riscv64-linux-gnu-gcc bits=64
    arch='-march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany' link=0x7ff0000000
    [ $target = riscv32 ] && bits=32 link=0x7ff00000 &&
        arch='-march=rv32imac_zicsr_zifencei -mabi=ilp32 -mcmodel=medany'
    arch="$arch -DPERCPU_RISCV_M_MODE" triple=riscv$bits-none-elf
    bfd=${BFD:-riscv64-linux-gnu-ld.bfd} emulation="elf${bits}lriscv elf${bits}lriscv"
    folder=riscv load=0x80000000 relative=3 ;;
loongarch64)
    gcc='' triple=loongarch64-none-gnusf arch=-msoft-float bfd='' emulation='- elf64loongarch'
    folder=loongarch64 load=0x200000 link=0x7ff0000000 relative=3 ;;
*)
    echo "Bail out! no target $target" && exit 1 ;;
esac
CC=${CC:-${gcc:-clang}}
case $CC in
*clang*) CC="$CC --target=$triple" ;;
*) more=-fno-tree-loop-distribute-patterns ;;
esac
needs "$CC" "$LLD" ${bfd:+"$bfd"}
linkers='bfd lld'
[ -n "$bfd" ] || linkers=lld

common="-std=gnu17 -O2 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector
    -fno-asynchronous-unwind-tables $arch $more -I$root/include -DSMALL_RELATIVE=$relative
    -DSMALL_RELA=$rela -DSMALL_LOAD=$load"

# library NAME FLAG...: $work/NAME/*.o
library() {
    local name=$1
    shift
    mkdir -p "$work/$name"
    must $CC $common "$@" -c -o "$work/$name/percpu.o" "$here/library.c"
}
# kernel NAME LIBRARY LINK AREAS RESERVE FLAG...: $work/NAME.d/*.o
kernel() {
    local name=$1 library=$2 link=$3 areas=$4 reserve=$5
    shift 5
    mkdir -p "$work/$name.d"
    cp "$work/$library"/*.o "$work/$name.d"
    for source in fragments/small.c bare/$folder/small.S; do
        must $CC $common "$@" -DSMALL_LINK=$link -DSMALL_AREAS=$areas -DSMALL_RESERVE=$reserve \
            -c -o "$work/$name.d/$(basename $source).o" "$here/$source"
    done
    printf '%s\n' -DSMALL_LINK=$link -DSMALL_AREAS=$areas -DSMALL_RESERVE=$reserve \
        -DSMALL_LOAD=$load >"$work/$name.d/macros"
}
# link LINKER KERNEL 'MACRO...' FLAG...: $work/out
link() {
    local ld=$1 kernel=$work/$2.d macros=$3
    shift 3
    # shellcheck disable=SC2046
    ${CC%% *} -E -P -undef -x assembler-with-cpp $(cat "$kernel/macros") $macros \
        "$here/fragments/small.lds.S" -o "$work/script.lds" || return
    if [ $ld = bfd ]; then
        # Of 2.39 and newer: that a segment is writable and executable is nothing to warn of here.
        ld="$bfd -m ${emulation% *} --no-warn-rwx-segments"
        case $target in arm) ld=${ld/ -m armelf/} ;; esac
    else
        ld="$LLD -m ${emulation#* } -z norelro"
    fi
    $ld -z max-page-size=4096 -z text --build-id=none -L"$root/ld" -T "$work/script.lds" "$@" \
        -o "$work/out" "$kernel"/*.o
}
boot() {
    "$root/tools/qemu-run" $target --cpus 1 --limit 100 "$work/out"
}
runs() { # as link
    link "$@" && boot
}
fails() { # TEXT, then as link
    local text=$1
    shift
    ! link "$@" 2>"$work/err" && cat "$work/err" && grep -q -- "$text" "$work/err"
}
image() { # no output and 0, or what is wrong with $work/out and 1
    python3 "$root/tools/percpu-image.py" "$work/out"
}
strays() { # as link: the tool says which variables are not in .percpu
    link "$@" && ! image >"$work/said" && cat "$work/said" && [ "$(grep -c ' is in .stray, not ' "$work/said")" = 3 ]
}
joins() { # SEGMENT, then as link: the tool says that template and areas are in it
    local segment=$1
    shift
    link "$@" && ! image >"$work/said" && cat "$work/said" &&
        [ "$(grep -c "is in the $segment segment, too" "$work/said")" = 2 ]
}

# -- A PIE, loaded at another address than it is linked for -----------------------------------------

pie='-fPIE -DPERCPU_PLATFORM_BARE'
library pie $pie
library single -fPIE -DPERCPU_PLATFORM_SINGLE
kernel pie pie $link 4 0 $pie
kernel reserve pie $link 4 40000 $pie
kernel none pie $link 0 0 $pie
kernel older pie $link 4 0 $pie -DSMALL_OLDER
kernel single single $link 4 0 -fPIE -DPERCPU_PLATFORM_SINGLE
kernel flash pie $load 4 0 $pie
dynamic='-pie --no-dynamic-linker'

for ld in $linkers; do
    check "PIE, $ld" runs $ld pie -DFRAGMENT=percpu.ld $dynamic
    check "PIE, $ld, bytes for dynamic memory, the areas in .bss" runs $ld reserve -DIN_BSS $dynamic
    check "PIE, $ld, no areas" runs $ld none -DFRAGMENT=percpu.ld $dynamic
    check "PIE, $ld, a script of the user's own" runs $ld older -DOLDER $dynamic
    check "PIE, $ld, single" runs $ld single -DFRAGMENT=percpu.ld $dynamic
done
[ -z "${linkers%%*lld}" ] &&
    check "PIE, lld, RELR" runs lld reserve -DFRAGMENT=percpu.ld $dynamic --pack-dyn-relocs=relr
[ $target = x86_64 ] &&
    check "PIE, bfd, RELR" runs bfd reserve -DFRAGMENT=percpu.ld $dynamic -z pack-relative-relocs

# -- Pieces ------------------------------------------------------------------------------------------

for ld in $linkers; do
    check "regions and segments, $ld" eval \
        "link $ld reserve -DSEGMENTS $dynamic && image && boot"
    check "the template is read where it is loaded, $ld" runs $ld flash '-DSEGMENTS -DIN_PLACE'
    check "read where nothing is aligned: refused, $ld" fails 'which is no multiple of 8' \
        $ld flash '-DSEGMENTS -DIN_PLACE -DODD'
    check "variables that a section of the script's takes are reported, $ld" strays \
        $ld pie '-DFRAGMENT=percpu.ld -DSTRAY' $dynamic
    check "percpu.ld behind a section of PT_DYNAMIC joins it, and is reported, $ld" joins PT_DYNAMIC \
        $ld pie '-DSEGMENTS_PLAIN -DFRAGMENT=percpu.ld' $dynamic
    check "and does not behind an empty section that names another, $ld" eval \
        "link $ld pie '-DSEGMENTS_PLAIN -DFRAGMENT=percpu.ld -DBACK' $dynamic && image && boot"
    check "the kernel's end behind areas and template, $ld" \
        runs $ld pie '-DFRAGMENT=percpu.ld -DEND_LAST' $dynamic
    check "before both: refused, $ld" fails 'the areas lie behind the kernel.s end' \
        $ld pie '-DFRAGMENT=percpu.ld -DEND_FIRST' $dynamic
    check "before the areas: refused, $ld" fails 'the areas lie behind the kernel.s end' \
        $ld pie '-DIN_BSS -DEND_FIRST' $dynamic
done

# -- VMA 0 ---------------------------------------------------------------------------------------------

# riscv64 reaches no VMA 0 from 0x80000000 with addresses that compilers make, and LLD says so.
if [ $target != riscv64-m ]; then
    zero='-fno-pic -fno-pie -DPERCPU_PLATFORM_BARE -DPERCPU_ZERO_VMA'
    library zero $zero
    kernel zero zero $load 4 0 $zero
    for ld in $linkers; do
        check "VMA 0, sections that no script names, $ld" \
            runs $ld zero '-DFRAGMENT=percpu-vma0.ld -DEND_LAST'
        check "VMA 0, the same and segments, $ld" eval \
            "link $ld zero -DSEGMENTS_ZERO && image && boot"
        check "VMA 0, percpu-vma0.ld in a script with PHDRS: an error or reported, $ld" eval \
            "! link $ld zero '-DSEGMENTS_PLAIN -DBACK -DFRAGMENT=percpu-vma0.ld' || ! image"
        check "VMA 0, the kernel's end before it: refused, $ld" \
            fails 'the template lies behind the kernel.s end' \
            $ld zero '-DFRAGMENT=percpu-vma0.ld -DEND_FIRST'
    done
fi

end
