#!/bin/bash
# SPDX-License-Identifier: MIT
# What only arm has to show: how far addresses reach, which register, and that what runs before MMU and
# caches are on contains no exclusive. TAP.
#
# Environment: CC, a GCC for arm or a clang; BFD, LLD, OBJDUMP. Boots QEMU through tools/qemu-run.
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-arm-none-eabi-gcc} BFD=${BFD:-arm-none-eabi-ld} LLD=${LLD:-ld.lld}
OBJDUMP=${OBJDUMP:-arm-none-eabi-objdump}
load=0x40200000
. "$here/bare.sh"
case $CC in *clang*) CC="$CC --target=armv7a-none-eabi" ;; esac
needs "$CC" "$BFD" "$LLD" "$OBJDUMP" qemu-system-arm
flags="$flags -march=armv7-a -mfloat-abi=soft -mno-unaligned-access"

machine machine arm -marm
script natural
script zero $zero
own_fragment percpu-vma0.ld
sed 's|percpu-vma0.ld|no-assert.ld|' "$work/zero.lds" >"$work/own.lds"
library natural
library zero $zero

# -- Reach -----------------------------------------------------------------------------------------

# Each pair of linker, instruction set and optimisation once.
for mode in -marm -mthumb; do
    for opt in -O0 -O2; do
        what="$mode $opt"
        at_zero="$mode $opt $zero"
        # shellcheck disable=SC2086
        while read -r name cflags; do
            must compile "$here/bare/arm/reach.c" "$work/$name.o" $cflags
        done <<END
natural-reach $mode $opt -DLARGE=100000
zero-reach $at_zero -DLARGE=20000
large $at_zero -DLARGE=30000
refused $at_zero -DLARGE=30000 -DREFUSED
near $at_zero -DNEAR=2100
END
        case $what in "-marm -O2" | "-mthumb -O0") ld=bfd ;; *) ld=lld ;; esac
        for vma in natural zero; do
            must link $ld $vma "$work"/machine/*.o "$work"/$vma/*.o "$work/$vma-reach.o"
            check "$ld $what, $vma VMA: right values beyond 32 KiB" boots arm
        done
        check_refused "$ld $what, VMA 0, above 64 KiB: refused" "$limit" \
            link $ld zero "$work"/machine/*.o "$work"/zero/*.o "$work/large.o"
        must link $ld own "$work"/machine/*.o "$work"/zero/*.o "$work/refused.o"
        check "$ld $what, VMA 0, above 64 KiB, a script without the assertion: refused" boots arm
        check_refused "$ld $what, above 2 KiB of near variables: refused" 'more than 2 KiB' \
            link $ld zero "$work"/machine/*.o "$work"/zero/*.o "$work/near.o"
    done
done

must compile "$here/bare/arm/reach.c" "$work/other.o" -O2 -DPERCPU_ARM_TPIDRPRW
for ld in bfd lld; do
    check_refused "$ld: library for TPIDRURO, program for TPIDRPRW: refused" \
        'percpu_built_as__bare__cpus_64__tpidrprw' \
        link $ld natural "$work"/machine/*.o "$work"/natural/*.o "$work/other.o"
done

# -- Before MMU and caches are on: exclusives in nothing but the lock of percpu_init*() ----------------

no_exclusives() {
    "$OBJDUMP" -d --no-show-raw-insn "$work/out" | awk '
        /^[0-9a-f]+ </ { name = $2; sub(/(\..*)?>:/, "", name) }
        $2 ~ /^(ld|st)rex/ {
            print name, $0
            if (name ~ /^<(percpu_(init(_cpu)?(_with)?|init_in_place|fini)|percpu__areas_lock|percpu__init_enter|init_areas|lock|try_start)$/) locks++
            else if (name !~ /^<new_area$/) others++ # dynamic memory is for later
        }
        END { exit !(locks && !others) }'
}
{ echo "$memcpy_c" && cat; } >"$work/early.c" <<'C'
#include <percpu/percpu.h>
static PERCPU_DEFINE(uint32_t, var);
uint32_t early_use(size_t cpu);
uint32_t early_use(size_t cpu)
{
    percpu_write(var, percpu_read(var) + 1);
    percpu_add(var, 1);
    percpu_remote_write(var, cpu, percpu_remote_read(var, cpu));
    return (uint32_t)percpu_cpu_id() + *percpu_current_ptr(var);
}
int _start(size_t cpu);
int _start(size_t cpu)
{
    percpu_write_reg(percpu_read_reg());
    return percpu_init_in_place() + percpu_init_reg(cpu) + (int)percpu_area_base(cpu) +
           (int)percpu_area_num() + (int)early_use(cpu);
}
unsigned __aeabi_uidiv(unsigned a, unsigned b);
unsigned __aeabi_uidiv(unsigned a, unsigned b)
{
    unsigned q = 0;
    while (a >= b)
        a -= b, q++;
    return q;
}
void __aeabi_memcpy(void *to, const void *from, size_t n);
void __aeabi_memcpy(void *to, const void *from, size_t n) { memcpy(to, from, n); }
C
for vma in natural zero; do
    must compile "$work/early.c" "$work/early.o" -O2 -fno-inline "${zero/-D/-$([ $vma = zero ] && echo D || echo U)}"
    # What is not linked in is not looked at: percpu_sum() and percpu_reset_to_init() take 8 bytes too.
    must link bfd $vma --gc-sections -e _start "$work/early.o" "$work"/$vma/*.o
    check "no exclusive before MMU and caches are on, $vma VMA" no_exclusives
done

end
