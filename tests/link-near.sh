#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: link-near.sh
# The limit of near variables, 2 KiB, to the byte: both fragments, both linkers. TAP.
# Environment: CC, BFD.
# shellcheck disable=SC2154 # work.sh sets them
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc} BFD=${BFD:-ld.bfd}
needs "$CC"

build() { # fragment
    cat >"$work/$1.lds" <<END
SECTIONS
{
    . = 0x100000;
    .text : { *(.text .text.*) }
    .data : { *(.data .data.*) }
    PERCPU_CPU_NUM = 1;
    PERCPU_LMA_OFFSET = 0;
    INCLUDE $1
    /DISCARD/ : { *(.eh_frame .note.* .comment) }
}
END
    for size in 2048 2049 2112; do
        $CC -c -x assembler -o "$work/$size.o" - <<END || return 1
        .globl _start
_start: .quad _percpu_start
        .section .percpu..near, "aw", %progbits
        .skip $size
        .section .percpu.var.other, "aw", %progbits
        .skip 64
END
    done
}

links() { # linker, fragment, size
    "$1" -nostdlib -static -L"$root/ld" -T "$work/$2.lds" -o "$work/out" "$work/$3.o"
}

refuses() {
    ! links "$@" 2>"$work/said" && cat "$work/said" && grep -q 'more than 2 KiB' "$work/said"
}

for fragment in percpu.ld percpu-vma0.ld; do
    build "$fragment" || { echo 'Bail out! the object files'; exit 1; }
    for name in bfd lld; do
        [ $name = bfd ] && ld=$BFD || ld=ld.lld
        with "$ld" check "$fragment, $name: 2048 bytes of near variables link" links "$ld" "$fragment" 2048
        for size in 2049 2112; do
            with "$ld" check "$fragment, $name: $size bytes of near variables are refused" \
                refuses "$ld" "$fragment" $size
        done
    done
done

end
