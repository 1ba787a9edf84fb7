#!/bin/bash
# SPDX-License-Identifier: MIT
# sparse(1) reads the headers without a word, on every platform, and reports a per-CPU pointer that is
# dereferenced or becomes an ordinary one. TAP.
#
# Environment: CC, a GCC, whose headers are read for other architectures.
# shellcheck disable=SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
needs sparse
bare="-DPERCPU_PLATFORM_BARE -ffreestanding -fno-pic -nostdinc -isystem $(${CC:-gcc} -print-file-name=include)"
{
    echo '#include <percpu/percpu.h>'
    echo 'PERCPU_DECLARE(int, lock); /* or sparse asks for "static" */'
    cat "$here/compile/everything.inc"
} >"$work/everything.c"

# sparse's own status does not say whether it has warned, but whether it has read the file.
reads() { # flags, file
    local status
    sparse -std=gnu11 -I"$root/include" $1 "$2" >"$work/said" 2>&1
    status=$?
    cat "$work/said"
    [ $status = 0 ] && [ ! -s "$work/said" ]
}

while IFS='|' read -r name flags; do
    for opt in -O0 -O2; do
        check "no word: $name $opt" reads "$opt $flags" "$work/everything.c"
    done
done <<END
rseq|-D_GNU_SOURCE -DPERCPU_PLATFORM_RSEQ
thread|-D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD
thread, debug|-D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD -DPERCPU_DEBUG
single|-DPERCPU_PLATFORM_SINGLE
bare, x86_64|$bare -mno-red-zone -fno-stack-protector
bare, x86_64, VMA 0, debug|$bare -U__PIC__ -DPERCPU_ZERO_VMA -DPERCPU_DEBUG -fno-stack-protector
bare, aarch64|--arch=arm64 $bare
bare, arm|--arch=arm $bare -D__ARM_ARCH=7 -D__ARMEL__ -D__ARM_EABI__ -D__ARM_ARCH_PROFILE=65
bare, riscv64|--arch=riscv64 $bare
bare, riscv32|--arch=riscv32 $bare
END

cat >"$work/wrong.c" <<'C'
#include <percpu/alloc.h>
struct stats { unsigned long rx; };
unsigned long wrong(struct stats PERCPU *s);
unsigned long wrong(struct stats PERCPU *s)
{
#ifdef DEREFERENCE
    return s->rx;
#else
    struct stats *ordinary = s;
    return ordinary->rx;
#endif
}
C
for platform in RSEQ THREAD SINGLE; do
    check_refused "a dereference: $platform" 'dereference of noderef expression' \
        reads "-D_GNU_SOURCE -DPERCPU_PLATFORM_$platform -DDEREFERENCE" "$work/wrong.c"
    check_refused "an ordinary pointer: $platform" 'different address spaces' \
        reads "-D_GNU_SOURCE -DPERCPU_PLATFORM_$platform" "$work/wrong.c"
done

end
