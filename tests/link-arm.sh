#!/bin/bash
# SPDX-License-Identifier: MIT
# What only arm has to show: how far addresses reach, which register, and that what runs before MMU and
# caches are on contains no exclusive. TAP.
#
# usage: link-arm.sh [-k]     -k  keep the work folder and say where it is
#
# Environment: CC, a GCC for arm or a clang; BFD, LLD, OBJDUMP. Boots QEMU through tools/qemu-run.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
CC=${CC:-arm-none-eabi-gcc} BFD=${BFD:-arm-none-eabi-ld} LLD=${LLD:-ld.lld}
OBJDUMP=${OBJDUMP:-arm-none-eabi-objdump}
case $CC in *clang*) CC="$CC --target=armv7a-none-eabi" extra= ;;
*) extra=-fno-tree-loop-distribute-patterns ;; esac
work=$(mktemp -d) || exit 1
if [ "${1:-}" = -k ]; then echo "# $work"; else trap 'rm -rf "$work"' EXIT; fi
trap 'exit 1' HUP INT TERM
. "$here/tools.sh"
needs "$CC" "$BFD" "$LLD" "$OBJDUMP" qemu-system-arm

flags="-std=gnu17 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie -fno-stack-protector
    -fno-asynchronous-unwind-tables -march=armv7-a -mfloat-abi=soft -mno-unaligned-access
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
# script, macros...
script() {
    local out=$1
    shift
    must "${CC%% *}" -E -P -undef -x assembler-with-cpp -DBARE_LOAD=0x40200000 -DBARE_OFFSET=0 \
        -DBARE_MMU=0 -DBARE_CPUS=4 "$@" "$here/bare/kernel.lds.S" -o "$out"
}
link() { # linker, script, objects...: $work/out
    local ld=$1 lds=$work/$2.lds
    shift 2
    [ "$ld" = bfd ] && ld=$BFD || ld=$LLD
    "$ld" -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none -L"$work" \
        -L"$root/ld" -T "$lds" -o "$work/out" "$@"
}
boots() {
    "$root/tools/qemu-run" arm "$work/out"
}

# objects NAME FLAGS...: the library, $work/NAME/*.o
objects() {
    local name=$1 source
    shift
    mkdir -p "$work/$name"
    for source in "$root"/src/*.c "$root"/src/platform/*.c; do
        must compile "$source" "$work/$name/$(basename "$source").o" -O2 -ffunction-sections "$@"
    done
}
mkdir "$work/machine"
for source in bare/bare.c bare/arm/boot.S bare/arm/machine.c harness/harness.c; do
    must compile "$here/$source" "$work/machine/$(basename "$source").o" -O2 -marm
done
script "$work/natural.lds"
script "$work/zero.lds" -DPERCPU_ZERO_VMA
sed -e "/INCLUDE percpu-template.ld/r $root/ld/percpu-template.ld" "$root/ld/percpu-vma0.ld" |
    sed -e '/INCLUDE percpu-template.ld/d' -e /ASSERT/d >"$work/no-assert.ld"
sed 's|percpu-vma0.ld|no-assert.ld|' "$work/zero.lds" >"$work/own.lds"
objects natural
objects zero -DPERCPU_ZERO_VMA

# -- Reach -----------------------------------------------------------------------------------------

limit='larger than this architecture.s code reaches at VMA 0'
# Each pair of linker, instruction set and optimisation once.
for mode in -marm -mthumb; do
    for opt in -O0 -O2; do
        what="$mode $opt"
        zero="$mode $opt -DPERCPU_ZERO_VMA"
        # shellcheck disable=SC2086
        while read -r name cflags; do
            must compile "$here/bare/arm/reach.c" "$work/$name.o" $cflags
        done <<END
natural-reach $mode $opt -DLARGE=100000
zero-reach $zero -DLARGE=20000
large $zero -DLARGE=30000
refused $zero -DLARGE=30000 -DREFUSED
near $zero -DNEAR=2100
END
        case $what in "-marm -O2" | "-mthumb -O0") ld=bfd ;; *) ld=lld ;; esac
        for vma in natural zero; do
            must link $ld $vma "$work"/machine/*.o "$work"/$vma/*.o "$work/$vma-reach.o"
            passes "$ld $what, $vma VMA: right values beyond 32 KiB" boots
        done
        fails "$ld $what, VMA 0, above 64 KiB: refused" "$limit" \
            link $ld zero "$work"/machine/*.o "$work"/zero/*.o "$work/large.o"
        must link $ld own "$work"/machine/*.o "$work"/zero/*.o "$work/refused.o"
        passes "$ld $what, VMA 0, above 64 KiB, a script without the assertion: refused" boots
        fails "$ld $what, above 2 KiB of near variables: refused" 'more than 2 KiB' \
            link $ld zero "$work"/machine/*.o "$work"/zero/*.o "$work/near.o"
    done
done

must compile "$here/bare/arm/reach.c" "$work/other.o" -O2 -DPERCPU_ARM_TPIDRPRW
for ld in bfd lld; do
    fails "$ld: library for TPIDRURO, program for TPIDRPRW: refused" \
        'percpu_built_as__bare__cpus_64__tpidrprw' \
        link $ld natural "$work"/machine/*.o "$work"/natural/*.o "$work/other.o"
done

# -- Before MMU and caches are on: exclusives in nothing but the lock of percpu_init*() ----------------

no_exclusives() {
    "$OBJDUMP" -d --no-show-raw-insn "$work/out" | awk '
        /^[0-9a-f]+ </ { name = $2; sub(/(\..*)?>:/, "", name) }
        $2 ~ /^(ld|st)rex/ {
            print name, $0
            if (name ~ /^<(percpu_(init(_cpu)?(_with)?|init_in_place|fini)|percpu__areas_(lock|begin)|init|lock|take|wait_and_take)$/) locks++
            else others++
        }
        END { exit !(locks && !others) }'
}
cat >"$work/early.c" <<'C'
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
void *memcpy(void *to, const void *from, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
void __aeabi_memcpy(void *to, const void *from, size_t n);
void __aeabi_memcpy(void *to, const void *from, size_t n) { memcpy(to, from, n); }
C
for vma in natural zero; do
    zero=-UPERCPU_ZERO_VMA
    [ $vma = natural ] || zero=-DPERCPU_ZERO_VMA
    must compile "$work/early.c" "$work/early.o" -O2 -fno-inline $zero
    # What is not linked in is not looked at: percpu_sum() and percpu_reset_to_init() take 8 bytes too.
    must link bfd $vma --gc-sections -e _start "$work/early.o" "$work"/$vma/*.o
    passes "no exclusive before MMU and caches are on, $vma VMA" no_exclusives
done

echo "1..$n"
echo "# end: $((n - failed)) passed, $failed failed"
[ $failed = 0 ]
