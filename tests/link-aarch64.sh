#!/bin/bash
# SPDX-License-Identifier: MIT
# What only aarch64 has to show: how far addresses reach, which exception level, and that what runs
# before MMU and caches are on contains no exclusive. TAP.
#
# Environment: CC, a GCC for aarch64 or a clang; BFD, LLD, OBJDUMP. Boots QEMU (tools/qemu-run).
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-aarch64-linux-gnu-gcc} BFD=${BFD:-aarch64-linux-gnu-ld} LLD=${LLD:-ld.lld}
OBJDUMP=${OBJDUMP:-aarch64-linux-gnu-objdump}
load=0x40200000
. "$here/bare.sh"
case $CC in *clang*) CC="$CC --target=aarch64-none-elf" ;; esac
needs "$CC" "$BFD" "$LLD" "$OBJDUMP" qemu-system-aarch64
flags="$flags -mgeneral-regs-only -mstrict-align -mno-outline-atomics"

machine machine aarch64
script low
script low0 $zero
# Where kernels lie that use all of the upper half; and where adrp reaches VMA 0 around the corner.
script far0 -DBARE_OFFSET=0xffff000000000000 $zero
script top0 -DBARE_OFFSET=0xffffffff40000000 $zero
own_fragment percpu-vma0.ld
sed "s|percpu-vma0.ld|no-assert.ld|" "$work/low0.lds" >"$work/low0-no-assert.lds"
library el1
library el1-0 $zero
library el2 -DPERCPU_ARM_EL2
library el2-0 -DPERCPU_ARM_EL2 $zero
library el3 -DPERCPU_ARM_EL3
x18="-ffixed-x18 -DPERCPU_ARM_X18"
library x18 $x18
machine machine-x18 aarch64 $x18
echo "$memcpy_c" >"$work/memcpy.c"
for library in el1 el1-0 early; do
    mkdir -p "$work/$library"
    must compile "$work/memcpy.c" "$work/$library/memcpy.o" -O2
done

# -- Reach -----------------------------------------------------------------------------------------

reach=$here/bare/aarch64/reach.c
must compile "$here/link/extremes.c" "$work/extremes.o" -O2 -DLARGE
# shellcheck disable=SC2086
for variant in small: index:-DINDEX large:-DLARGE=70000 fits:-DLARGE=60000 near:-DNEAR=2100 \
    'packed:-DPACKED -Wno-address-of-packed-member'; do
    must compile "$reach" "$work/${variant%%:*}.o" -O2 $zero ${variant#*:}
done
must compile "$reach" "$work/large-O0.o" -O0 $zero -DLARGE=70000
must compile "$reach" "$work/small-O0.o" -O0 $zero
must compile "$reach" "$work/index-O0.o" -O0 $zero -DINDEX
mkdir "$work/el1-0-O0"
for source in "$here/library.c" "$work/memcpy.c"; do
    must compile "$source" "$work/el1-0-O0/$(basename "$source").o" -O0 $zero
done

el1_and() { # linker, flags
    compile "$reach" "$work/other.o" -O2 "${@:2}" && link "$1" low "$work/other.o" "$work"/el1/*.o
}
for ld in bfd lld; do
    must link $ld low "$work"/machine/*.o "$work"/el1/*.c.o \
        "$work/extremes.o"
    check "$ld: a template above 64 KiB, natural VMA: right values" \
        boots aarch64
    check "$ld: VMA 0, 60000 bytes" \
        link $ld low0 "$work/fits.o" "$work"/el1-0/*.o
    check_refused "$ld: VMA 0, above 64 KiB: refused" "$limit" \
        link $ld low0 "$work/large.o" "$work"/el1-0/*.o
    check_refused "$ld: VMA 0, above 64 KiB, -O0: refused" "$limit" \
        link $ld low0 "$work/large-O0.o" "$work"/el1-0/*.o
    check_refused "$ld: VMA 0, above 64 KiB, a script without the assertion: refused" \
        'R_AARCH64_MOVW_UABS_G0' \
        link $ld low0-no-assert "$work/large.o" "$work"/el1-0/*.o
    check_refused "$ld: above 2 KiB of near variables: refused" 'more than 2 KiB' \
        link $ld low0 "$work/near.o" "$work"/el1-0/*.o
    check_refused "$ld: a misaligned member of a near variable: refused" 'R_AARCH64_LDST64_ABS_LO12_NC' \
        link $ld low0 "$work/packed.o" "$work"/el1-0/*.o
    check_refused "$ld: VMA 0, program at 0xffff000040200000, compiler-made addresses: refused" \
        'R_AARCH64_ADR_PREL_PG_HI21' \
        link $ld far0 "$work/index.o" "$work"/el1-0/*.o
    check "$ld: VMA 0, program at 0xffff000040200000: links" \
        link $ld far0 "$work/small.o" "$work"/el1-0/*.o
    check "$ld: VMA 0, program at 0xffff000040200000, not optimised: links" \
        link $ld far0 "$work/small-O0.o" "$work"/el1-0-O0/*.o
    check_refused "$ld: VMA 0, program at 0xffff000040200000, not optimised, an index: refused" \
        'R_AARCH64_ADR_PREL_PG_HI21' \
        link $ld far0 "$work/index-O0.o" "$work"/el1-0-O0/*.o
    check "$ld: VMA 0, program at 0xffffffff80200000, compiler-made addresses: links" \
        link $ld top0 "$work/index.o" "$work"/el1-0/*.o
    check_refused "$ld: library for EL1, program for EL2: refused" 'percpu_built_as__bare__cpus_64__el2' \
        el1_and $ld -DPERCPU_ARM_EL2
    check_refused "$ld: library for EL1, program for EL3: refused" 'percpu_built_as__bare__cpus_64__el3' \
        el1_and $ld -DPERCPU_ARM_EL3
    # shellcheck disable=SC2086
    check_refused "$ld: library for EL1, program for x18: refused" 'percpu_built_as__bare__cpus_64__x18' \
        el1_and $ld $x18
done

# -- Exception levels ------------------------------------------------------------------------------

# name, machine, library, flags, options of qemu-run
level() {
    local name=$1 machine=$2 library=$3 cflags=$4
    shift 4
    # shellcheck disable=SC2086
    must compile "$here/bare/aarch64/level.c" "$work/level.o" -O2 $cflags
    must link bfd low "$work/${machines:-machine}"/*.o "$work/$library"/*.c.o \
        "$work/level.o"
    check "$name" boots "$machine" "$@"
}
el2=-DPERCPU_ARM_EL2
level 'for EL1, at EL1: taken' aarch64 el1 -DRIGHT=1
level 'for EL2, at EL2: taken' aarch64-el2 el2 "-DRIGHT=1 $el2"
level 'for EL1, at EL2: refused' aarch64-el2 el1 -DRIGHT=0
level 'for EL2, at EL1: refused' aarch64 el2 "-DRIGHT=0 $el2"
level 'for EL1, at EL2 with VHE: refused' aarch64-el2 el1 '-DRIGHT=0 -DVHE' --qemu='-cpu max'
level 'for EL2, at EL2 with VHE: taken' aarch64-el2 el2 "-DRIGHT=1 -DVHE $el2" --qemu='-cpu max'

el3=-DPERCPU_ARM_EL3
level 'for EL3, at EL3: taken' aarch64-el3 el3 "-DRIGHT=1 $el3"
level 'for EL1, at EL3: refused' aarch64-el3 el1 -DRIGHT=0
level 'for EL2, at EL3: refused' aarch64-el3 el2 "-DRIGHT=0 $el2"
level 'for EL3, at EL1: refused' aarch64 el3 "-DRIGHT=0 $el3"
level 'for EL3, at EL2: refused' aarch64-el2 el3 "-DRIGHT=0 $el3"
machines=machine-x18
for machine in aarch64 aarch64-el2 aarch64-el3; do
    level "x18, $machine: taken" $machine x18 "-DRIGHT=1 $x18"
done

# -- Before MMU and caches are on: no exclusive, no atomic instruction -----------------------------

# Only what takes the lock of percpu_init*() contains one, and there it is seen. Dynamic memory
# is for later.
no_atomics() {
    "$OBJDUMP" -d --no-show-raw-insn "$work/out" | awk '
        /^[0-9a-f]+ </ { name = $2; sub(/(\..*)?>:/, "", name) }
        $2 ~ /^(ld|st)a?l?x[rp][bh]?$|^(cas|swp)|^(ld|st)(add|clr|eor|set|[su](max|min))/ {
            print name, $0
            if (name ~ /^<(percpu_(init(_cpu)?(_with)?|init_in_place|fini)|percpu__areas_lock|percpu__init_enter|init_areas|lock|try_start)$/) locks++
            else if (name ~ /^<(percpu_(alloc_[a-z_]+|free)|(percpu__)?report(_[a-z]+)?|new_area)$/) later++
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
    must link bfd low${v:+0} "$work/early.o" "$work"/early/*.o
    check "no exclusive or atomic before MMU and caches are on${v:+, VMA 0}" \
        no_atomics
done

# mmu: runs percpu_init_in_place() and says whether its lock executed an exclusive
lock_is_exclusive() {
    local at log=$work/in_asm
    script lock -UBARE_MMU -DBARE_MMU="$1"
    must compile "$here/bare/aarch64/level.c" "$work/level.o" -O2 -DRIGHT=1
    must link bfd lock "$work"/machine/*.o "$work"/el1/*.c.o \
        "$work/level.o"
    must boots aarch64 --qemu="-d in_asm -D $log"
    for at in $("$OBJDUMP" -d --no-show-raw-insn "$work/out" | awk '
        /^[0-9a-f]+ </ { name = $2 }
        $2 ~ /^lda?xr$/ && name ~ /^<(percpu_init_in_place|percpu__init_enter|init_areas)(\..*)?>:/ { print $1 }
        '); do
        grep -q "^0x0*$at" "$log" && return 0
    done
    return 1
}
check 'percpu_init_in_place() with MMU and caches on: the lock is an exclusive' lock_is_exclusive 1
check 'percpu_init_in_place() with MMU and caches off: no exclusive is executed' \
    eval '! lock_is_exclusive 0'

end
