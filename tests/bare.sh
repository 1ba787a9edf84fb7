# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154 # for scripts, behind work.sh; flags are lists of words
# What scripts share that build kernels for the tests' machines. They say $CC, $BFD, $LLD and $load.
flags="-std=gnu17 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-pie -fno-stack-protector
    -fno-asynchronous-unwind-tables -DPERCPU_PLATFORM_BARE -I$root/include -I$here/harness -I$here/bare"
zero=-DPERCPU_ZERO_VMA
limit="larger than this architecture.s code reaches"

# compile SOURCE OBJECT FLAG...
compile() {
    local source=$1 object=$2 extra=
    shift 2
    case $CC in *clang*) ;; *) extra=-fno-tree-loop-distribute-patterns ;; esac
    $CC $flags $extra "$@" -c -o "$object" "$source"
}

# library NAME FLAG...: $work/NAME/*.o
library() {
    local name=$1
    shift
    mkdir -p "$work/$name"
    must compile "$here/library.c" "$work/$name/percpu.c.o" -O2 -ffunction-sections "$@"
}

# machine NAME FOLDER FLAG...: what boots and prints, $work/NAME/*.o
machine() {
    local name=$1 source
    mkdir -p "$work/$name"
    for source in bare/bare.c bare/$2/boot.S bare/$2/machine.c harness/harness.c; do
        must compile "$here/$source" "$work/$name/$(basename "$source").o" -O2 "${@:3}"
    done
}

# script NAME MACRO...: $work/NAME.lds, in the low half unless macros say another offset
script() {
    local name=$1
    shift
    case $* in *-DBARE_OFFSET=*) ;; *) set -- -DBARE_OFFSET=0 "$@" ;; esac
    must ${CC%% *} -E -P -undef -x assembler-with-cpp -DBARE_LOAD=$load -DBARE_MMU=0 -DBARE_CPUS=64 "$@" \
        "$here/bare/kernel.lds.S" -o "$work/$name.lds"
}
# A fragment without its assertions: own_fragment FILE, $work/no-assert.ld
own_fragment() {
    sed -e "/INCLUDE percpu-template.ld/r $root/ld/percpu-template.ld" "$root/ld/$1" |
        sed -e '/INCLUDE percpu-template.ld/d' -e /ASSERT/d >"$work/no-assert.ld"
}

# link LINKER SCRIPT OBJECT...: $work/out
link() {
    local ld=$1 lds=$work/$2.lds
    shift 2
    case $ld in bfd) ld=$BFD ;; lld) ld=$LLD ;; relax-gp) ld="$LLD --relax-gp" ;; esac
    $ld -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none -L"$work" -L"$root/ld" -T "$lds" \
        -o "$work/out" "$@"
}

# boots TARGET OPTION...
boots() {
    local target=$1
    shift
    "$root/tools/qemu-run" "$target" "$work/out" "$@"
}

# The C library's, which compilers call.
memcpy_c='#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}'
