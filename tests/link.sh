#!/bin/bash
# SPDX-License-Identifier: MIT
# What linkers do with per-CPU data, and programs linked in unusual ways. TAP.
#
# usage: link.sh [PART]...     parts: config near lto hosted sizes older vma hooks variants; default all
#
# Environment: GCC, CLANG, BFD, LLD, MUSL_GCC. What needs musl-gcc or QEMU (tools/qemu-run) is skipped
# without it, everything without one of the others.
# shellcheck disable=SC2086,SC2046,SC2013 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
GCC=${GCC:-gcc} CLANG=${CLANG:-clang} BFD=${BFD:-ld.bfd} LLD=${LLD:-ld.lld}
MUSL_GCC=${MUSL_GCC:-musl-gcc}
needs "$GCC" "$CLANG" "$BFD" "$LLD"
parts=" ${*:-config near lto hosted sizes older vma hooks variants} "
# A part that dies in the middle is no part that passed.
part=
wanted() {
    [ -z "$part" ] || { echo "Bail out! part $part did not end" && exit 1; }
    [[ $parts == *" $1 "* ]] && part=$1
}

bare="-ffreestanding -fno-pic -fno-pie -fno-stack-protector -mno-red-zone -mgeneral-regs-only
    -mcmodel=kernel -fno-asynchronous-unwind-tables -DPERCPU_PLATFORM_BARE"
common="-std=gnu17 -O2 -Wall -Wextra -Werror -I$root/include -I$here/harness -I$here/bare"

# -- Building ---------------------------------------------------------------------------------

# compiler, output, source, flags...
compile() {
    local cc=$1 out=$2 source=$3 extra=
    shift 3
    if [ "${cc%% *}" = "$GCC" ]; then extra=-fno-tree-loop-distribute-patterns; fi
    $cc $common $extra "$@" -c -o "$out" "$source"
}

# name, compiler, flags...: the library, $work/name/libpercpu.a. Built once for the same flags.
declare -A built=()
libraries=0
library() {
    local name=$1 cc=$2 key="$2 ${*:3}" dir
    shift 2
    if [ -z "${built[$key]-}" ]; then
        dir=$work/library-$((libraries += 1))
        mkdir "$dir"
        must compile "$cc" "$dir/percpu.c.o" "$here/library.c" "$@"
        must ar rcs "$dir/libpercpu.a" "$dir"/*.o
        built[$key]=$dir
    fi
    rm -rf "${work:?}/$name"
    cp -r "${built[$key]}" "$work/$name"
}

# name, linker, script (preprocessed here) and its macros, then objects and archives
script() { # output, source, macros...
    local out=$1 source=$2
    shift 2
    must "$GCC" -E -P -undef -x assembler-with-cpp "$@" "$source" -o "$out"
}
bare_link() { # linker, script, output, objects...
    local ld=$1 lds=$2 out=$3
    shift 3
    "$ld" -nostdlib -static -z max-page-size=4096 --build-id=none -L"$root/ld" -T "$lds" -o "$out" \
        "$@"
}

# The machine that bare tests run on: $work/machine/*.o
machine() {
    [ -d "$work/machine" ] && return
    mkdir "$work/machine"
    local source
    for source in bare/bare.c bare/x86_64/boot.S bare/x86_64/machine.c harness/harness.c; do
        must compile "$GCC" "$work/machine/$(basename "$source").o" "$here/$source" $bare
    done
}

# name, image: boot it; it is a test program
boots() {
    with qemu-system-x86_64 check "$1" "$root/tools/qemu-run" x86_64 "$2"
}

# -- Parts of different configurations do not link ----------------------------------------------

user=$here/link/user.c
kernel_script=$here/bare/kernel.lds.S
if wanted config; then
    # Library and user: title, library's flags, user's flags, what the message must contain.
    while IFS='|' read -r title lib_flags user_flags text; do
        library hosted "$GCC" -D_GNU_SOURCE $lib_flags
        must compile "$GCC" "$work/user.o" "$user" $user_flags
        must compile "$GCC" "$work/same.o" "$user" $lib_flags
        for ld in bfd lld; do
            link="$CLANG --ld-path=$(command -v "$([ $ld = bfd ] && echo "$BFD" || echo "$LLD")")"
            check "$title: the same links and runs, $ld" bash -c \
                "$link -pthread -o $work/same $work/same.o $work/hosted/libpercpu.a && $work/same"
            check_refused "$title: refused, $ld" "$text" $link -pthread -o "$work/out" "$work/user.o" \
                "$work/hosted/libpercpu.a"
            check_refused "$title: refused with --gc-sections, $ld" "$text" $link -pthread \
                -Wl,--gc-sections -o "$work/out" "$work/user.o" "$work/hosted/libpercpu.a"
        done
        # Two users, one right and one wrong; the wrong one in an archive, and through ld -r.
        must compile "$GCC" "$work/part.o" "$here/link/part.c" $user_flags
        must compile "$GCC" "$work/whole.o" "$user" $lib_flags -DUSE_PART
        rm -f "$work/part.a"
        must ar rcs "$work/part.a" "$work/part.o"
        check_refused "$title: refused in an archive" "$text" "$GCC" -pthread -Wl,--gc-sections \
            -o "$work/out" "$work/whole.o" "$work/part.a" "$work/hosted/libpercpu.a"
        must "$BFD" -r -o "$work/both.o" "$work/whole.o" "$work/part.o"
        check_refused "$title: refused after ld -r" "$text" "$GCC" -pthread -o "$work/out" \
            "$work/both.o" "$work/hosted/libpercpu.a"
    done <<'END'
MAX_CPUS 64, user 8|-DPERCPU_MAX_CPUS=64|-DPERCPU_MAX_CPUS=8|cpus_8
rseq, user single||-DPERCPU_PLATFORM_SINGLE|single__cpus_1
rseq, user thread||-DPERCPU_PLATFORM_THREAD|thread__cpus_
single, user thread|-DPERCPU_PLATFORM_SINGLE|-DPERCPU_PLATFORM_THREAD|thread__cpus_
no debug, user debug||-DPERCPU_DEBUG|__debug
debug, user not|-DPERCPU_DEBUG||percpu_built_as__rseq
END

    script "$work/natural.lds" "$here/link/kernel.lds.S"
    script "$work/zero.lds" "$here/link/kernel.lds.S" -DPERCPU_ZERO_VMA
    must compile "$GCC" "$work/bare.o" "$here/bare/bare.c" $bare
    while IFS='|' read -r title lib_flags user_flags text; do
        library kernel "$GCC" $bare $lib_flags
        must compile "$GCC" "$work/user.o" "$user" $bare $user_flags
        for ld in "$BFD" "$LLD"; do
            check_refused "bare: $title: refused, $ld" "$text" bare_link "$ld" "$work/natural.lds" \
                "$work/out" "$work/user.o" "$work/kernel/libpercpu.a"
        done
    done <<'END'
natural VMA, user VMA 0||-DPERCPU_ZERO_VMA|zero_vma
no hooks, user hooks||-DPERCPU_PREEMPT|__preempt
MAX_CPUS 64, user 8||-DPERCPU_MAX_CPUS=8|bare__cpus_8
no debug, user debug||-DPERCPU_DEBUG|__debug
END
    part=
fi

# -- Near variables, undefined variables ------------------------------------------------------------

if wanted near; then
    script "$work/natural.lds" "$here/link/kernel.lds.S"
    script "$work/zero.lds" "$here/link/kernel.lds.S" -DPERCPU_ZERO_VMA
    must "$GCC" $common $bare -c -o "$work/memory.o" -x c - <<'END'
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
END
    for vma in natural zero; do
        flags=$([ $vma = zero ] && echo -DPERCPU_ZERO_VMA)
        library kernel "$GCC" $bare $flags
        must compile "$GCC" "$work/fits.o" "$user" $bare $flags -DUSE_NEAR=700
        must compile "$GCC" "$work/over.o" "$user" $bare $flags -DUSE_NEAR=900
        must compile "$GCC" "$work/undefined.o" "$user" $bare $flags -DUSE_UNDEFINED
        for ld in "$BFD" "$LLD"; do
            check "near variables fit, $vma VMA, $ld" bare_link "$ld" "$work/$vma.lds" "$work/out" \
                "$work/fits.o" "$work/memory.o" "$work/kernel/libpercpu.a"
            check_refused "more than 2 KiB of near variables, $vma VMA, $ld" \
                'percpu: more than 2 KiB of PERCPU_DEFINE_NEAR variables' \
                bare_link "$ld" "$work/$vma.lds" "$work/out" "$work/over.o" "$work/memory.o" \
                "$work/kernel/libpercpu.a"
            check_refused "a variable that is declared only, $vma VMA, $ld" __PERCPU_nowhere \
                bare_link "$ld" "$work/$vma.lds" "$work/out" "$work/undefined.o" \
                "$work/memory.o" "$work/kernel/libpercpu.a"
        done
    done
    part=
fi

# -- Link-time optimisation ---------------------------------------------------------------------------

if wanted lto; then
    # name, compiler, linker option
    lto() {
        local name=$1 cc=$2 option=$3
        library "lto-$name" "$cc" -D_GNU_SOURCE -flto
        must compile "$cc" "$work/user.o" "$user" -flto
        must compile "$cc" "$work/wrong.o" "$user" -flto -DPERCPU_MAX_CPUS=8
        must compile "$cc" "$work/part.o" "$here/link/part.c" -flto
        must compile "$cc" "$work/whole.o" "$user" -flto -DUSE_PART
        check "LTO runs, $name" bash -c "$cc -O2 -flto $option -pthread -o $work/out $work/user.o \
            $work/lto-$name/*.o && $work/out"
        check "LTO of two files runs, --gc-sections, $name" bash -c "$cc -O2 -flto $option \
            -Wl,--gc-sections -pthread -o $work/out $work/whole.o $work/part.o \
            $work/lto-$name/*.o && $work/out"
        check_refused "LTO: refused, $name" cpus_8 $cc -O2 -flto $option -pthread -o "$work/out" \
            "$work/wrong.o" "$work/lto-$name"/*.o
    }
    # In parts, as large programs are.
    lto gcc "$GCC" '--param lto-partitions=40 --param lto-min-partition=200'
    lto clang "$CLANG" "--ld-path=$(command -v "$LLD")"
    lto clang-thin "$CLANG -flto=thin" "--ld-path=$(command -v "$LLD")"
    part=
fi

# -- Hosted programs of every kind -----------------------------------------------------------------------

if wanted hosted; then
    # GCC looks for a linker by these names only.
    mkdir -p "$work/linkers"
    ln -sf "$(command -v "$BFD")" "$work/linkers/ld.bfd"
    ln -sf "$(command -v "$LLD")" "$work/linkers/ld.lld"
    hosted() { # name, compiler, compile flags, link flags
        local name=$1 cc=$2 cflags=$3 lflags=$4 at=
        library hosted "$cc" -D_GNU_SOURCE $cflags
        must compile "$cc" "$work/user.o" "$user" $cflags -DUSE_PART
        must compile "$cc" "$work/part.o" "$here/link/part.c" $cflags
        [[ $name != "static PIE"* ]] || at=${platform,,}
        high "${at:-low}" "$name" bash -c "$cc $lflags -pthread -o $work/out $work/user.o $work/part.o \
            $work/hosted/libpercpu.a && $work/out"
    }
    # Its wrapper hides the kernel's headers.
    musl='-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include'
    # Every compiler with every linker once, for the default platform.
    for platform in '' THREAD SINGLE; do
        set -- "$GCC bfd" "$CLANG lld"
        [ -z "$platform" ] && set -- "$@" "$GCC lld" "$CLANG bfd"
        define=${platform:+ -DPERCPU_PLATFORM_$platform}
        for pair; do
            cc=${pair% *} ld=${pair#* }
            option="-B$work/linkers -fuse-ld=$ld"
            [ "$cc" = "$CLANG" ] && option="--ld-path=$(command -v \
                "$([ $ld = bfd ] && echo "$BFD" || echo "$LLD")")"
            title="$cc, $ld${platform:+, ${platform,,}}"
            hosted "PIE: $title" "$cc" "-fPIE$define" "$option -pie"
            hosted "not PIE: $title" "$cc" "-fno-pie$define" "$option -no-pie"
            hosted "static: $title" "$cc" "-fno-pie$define" "$option -static -no-pie"
            hosted "static PIE: $title" "$cc" "-fPIE$define" "$option -static-pie"
            hosted "relro and sections: $title" "$cc" \
                "-fPIE -ffunction-sections -fdata-sections$define" \
                "$option -pie -Wl,-z,now,-z,relro,--gc-sections"
        done
        if command -v "$MUSL_GCC" >/dev/null; then
            hosted "musl${platform:+, ${platform,,}}" "$MUSL_GCC" "-fPIE $musl$define" -static-pie
        else
            skip "musl${platform:+, ${platform,,}}" "missing: $MUSL_GCC"
        fi
    done

    # The program's own percpu_panic() instead of the archive's.
    library hosted "$GCC" -D_GNU_SOURCE
    must compile "$GCC" "$work/user.o" "$user" -DOWN_PANIC
    check "the program's own percpu_panic()" bash -c \
        "$GCC -pthread -o $work/out $work/user.o $work/hosted/libpercpu.a && $work/out"

    # The headers of rseq say which section comes first.
    library hosted "$GCC" -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD
    must compile "$GCC" "$work/first.o" "$here/link/isolated_first.c" -DPERCPU_PLATFORM_THREAD -DFIRST
    must compile "$GCC" "$work/second.o" "$here/link/isolated_first.c" -DPERCPU_PLATFORM_THREAD
    for ld in bfd lld; do
        check "peer_alignment, isolated variables first, $ld" bash -c \
            "$GCC -B$work/linkers -fuse-ld=$ld -pthread -o $work/out $work/first.o $work/second.o \
             $work/hosted/libpercpu.a && $work/out"
    done

    # The system call that sets the register fails.
    library hosted "$GCC" -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD
    must compile "$GCC" "$work/prctl.o" "$here/link/prctl.c" -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD
    check "peer_arch_prctl_fails" bash -c "$GCC -pthread -Wl,--wrap=getauxval,--wrap=syscall \
        -o $work/out $work/prctl.o $work/hosted/libpercpu.a && $work/out"

    # All of the host's tests without FSGSBASE.
    must "$GCC" $common -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD -pthread -Wl,--wrap=getauxval \
        -o "$work/out" "$here"/t_*.c "$here/harness/harness.c" "$here/harness/hosted.c" \
        "$here/link/no_fsgsbase.c" "$work/hosted/libpercpu.a"
    check "all tests without FSGSBASE" "$work/out"
    part=
fi

# -- Templates of unusual sizes ------------------------------------------------------------------------------

if wanted sizes; then
    machine
    library hosted "$GCC" -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD
    for large in '' -DLARGE; do
        title=$([ -n "$large" ] && echo 'peer_template_over_64_kib' || echo 'peer_no_variables')
        must "$GCC" $common $large -D_GNU_SOURCE -DPERCPU_PLATFORM_THREAD -pthread -o "$work/out" "$here/link/extremes.c" \
            "$here/harness/harness.c" "$here/harness/hosted.c" "$work/hosted/libpercpu.a"
        check "$title, hosted" "$work/out"
        for zero in '' -DPERCPU_ZERO_VMA; do
            library kernel "$GCC" $bare $zero
            must compile "$GCC" "$work/extremes.o" "$here/link/extremes.c" $bare $zero $large
            script "$work/k.lds" "$kernel_script" -DBARE_LOAD=0x100000 -DBARE_OFFSET=0 \
                -DBARE_MMU=0 -DBARE_CPUS=8 $zero
            must bare_link "$BFD" "$work/k.lds" "$work/k.elf" "$work/machine"/*.o \
                "$work/extremes.o" "$work/kernel/libpercpu.a"
            boots "$title, bare, ${zero:+VMA 0}" "$work/k.elf"
        done
    done
    part=
fi

# -- A script written before this library ---------------------------------------------------------------------

if wanted older; then
    machine
    library kernel0 "$GCC" $bare -DPERCPU_ZERO_VMA
    library kernel "$GCC" $bare
    must compile "$GCC" "$work/older.o" "$here/link/older.c" $bare -DPERCPU_ZERO_VMA -DOLDER_CPUS=8
    must compile "$GCC" "$work/noload.o" "$here/link/older.c" $bare -DPERCPU_ZERO_VMA \
        -DEXPECT_NOTEMPLATE
    must compile "$GCC" "$work/natural.o" "$here/link/older.c" $bare -DAT_NATURAL_VMA=4
    must compile "$GCC" "$work/reset.o" "$user" $bare -DPERCPU_ZERO_VMA -Dmain=bare_main
    must compile "$GCC" "$work/noreset.o" "$user" $bare -DPERCPU_ZERO_VMA -Dmain=bare_main \
        -DNO_RESET
    for half in low high; do
        offset=$([ $half = high ] && echo 0xffffffff80000000 || echo 0)
        for ld in "$BFD" "$LLD"; do
            script "$work/older.lds" "$here/link/older.lds.S" -DBARE_LOAD=0x100000 \
                -DBARE_OFFSET=$offset -DOLDER_CPUS=8 -DOLDER_TYPE=
            script "$work/noload.lds" "$here/link/older.lds.S" -DBARE_LOAD=0x100000 \
                -DBARE_OFFSET=$offset -DOLDER_CPUS=8 '-DOLDER_TYPE=(NOLOAD)'
            title="$half half, $ld"
            check "older script links, $title" bare_link "$ld" "$work/older.lds" "$work/k.elf" \
                "$work/machine"/*.o "$work/older.o" "$work/kernel0/libpercpu.a"
            boots "older script boots, $title" "$work/k.elf"
            check "peer_noload links, $title" bare_link "$ld" "$work/noload.lds" "$work/k.elf" \
                "$work/machine"/*.o "$work/noload.o" "$work/kernel0/libpercpu.a"
            boots "peer_noload_initial_values, $title" "$work/k.elf"
            # harness.o defines bare_main: leave it out
            objects=("$work/machine/bare.c.o" "$work/machine/boot.S.o" "$work/machine/machine.c.o")
            check "older script, a program without reset links, $title" bare_link "$ld" \
                "$work/older.lds" "$work/k.elf" "${objects[@]}" "$work/noreset.o" \
                "$work/kernel0/libpercpu.a"
            check_refused "older script, reset_to_init is refused, $title" _percpu_template bare_link \
                "$ld" "$work/older.lds" "$work/k.elf" "${objects[@]}" "$work/reset.o" \
                "$work/kernel0/libpercpu.a"
        done
    done
    script "$work/natural.lds" "$here/link/older.lds.S" -DBARE_LOAD=0x100000 -DBARE_OFFSET=0 \
        -DOLDER_CPUS=4 -DOLDER_TYPE= -DOLDER_NATURAL
    for ld in "$BFD" "$LLD"; do
        must bare_link "$ld" "$work/natural.lds" "$work/k.elf" "$work/machine"/*.o \
            "$work/natural.o" "$work/kernel/libpercpu.a"
        boots "peer_nonzero_vma_in_an_older_script, $ld" "$work/k.elf"
    done
    part=
fi

# -- Compiled for one VMA and linked at another ------------------------------------------------------------------

if wanted vma; then
    machine
    for zero in '' -DPERCPU_ZERO_VMA; do
        library kernel "$GCC" $bare $zero
        must compile "$GCC" "$work/evma.o" "$here/link/older.c" $bare $zero -DEXPECT_EVMA
        # The other one of the two fragments.
        script "$work/evma.lds" "$kernel_script" -DBARE_LOAD=0x100000 -DBARE_OFFSET=0 -DBARE_MMU=0 \
            -DBARE_CPUS=8 "$([ -n "$zero" ] && echo -UPERCPU_ZERO_VMA || echo -DPERCPU_ZERO_VMA)"
        for ld in "$BFD" "$LLD"; do
            title="compiled for ${zero:+VMA 0}${zero:-natural VMA}, linked at the other, $ld"
            title=${title/-DPERCPU_ZERO_VMA/}
            check "$title: links" bare_link "$ld" "$work/evma.lds" "$work/k.elf" \
                "$work/machine"/*.o "$work/evma.o" "$work/kernel/libpercpu.a"
            boots "$title: init says so" "$work/k.elf"
        done
    done
    part=
fi

# -- PERCPU_PREEMPT without hooks ------------------------------------------------------------------------------------

if wanted hooks; then
    script "$work/natural.lds" "$here/link/kernel.lds.S"
    library kernel "$GCC" $bare -DPERCPU_PREEMPT
    must compile "$GCC" "$work/user.o" "$user" $bare -DPERCPU_PREEMPT
    check_refused "peer_preempt_without_hooks" percpu_preempt_disable bare_link "$BFD" "$work/natural.lds" \
        "$work/out" "$work/user.o" "$work/kernel/libpercpu.a"
    part=
fi

# -- All tests in configurations that have no build of their own -----------------------------------------------------

if wanted variants; then
    must "$GCC" $common -I"$here" -D_GNU_SOURCE -U__linux__ -pthread -o "$work/out" \
        "$here"/t_*.c "$here/harness/harness.c" "$here/harness/hosted.c" \
        "$here/library.c"
    check "thread with a thread-local word" "$work/out"

    machine
    # title, compiler, linker, offset, VMA, other flags, qemu-run's options
    while IFS='|' read -r title cc ld offset vma flags options; do
        rm -rf "$work/variant"
        library variant "$cc" ${bare/-DPERCPU_PLATFORM_BARE/} $vma $flags
        for source in "$here"/t_*.c; do
            must compile "$cc" "$work/variant/$(basename "$source").o" "$source" \
                ${bare/-DPERCPU_PLATFORM_BARE/} $vma $flags
        done
        script "$work/k.lds" "$kernel_script" -DBARE_LOAD=0x100000 -DBARE_OFFSET="$offset" \
            -DBARE_MMU=0 -DBARE_CPUS=8 $vma
        must bare_link "$ld" "$work/k.lds" "$work/k.elf" "$work/machine"/*.o \
            "$work/variant"/*.c.o
        with qemu-system-x86_64 check "$title" "$root/tools/qemu-run" x86_64 $options "$work/k.elf"
    done <<END
bare, debug and hooks, each instruction interruptible|$GCC|$BFD|0||-DPERCPU_PLATFORM_BARE -DPERCPU_DEBUG -DPERCPU_PREEMPT|--singlestep
bare, debug and hooks, VMA 0, high half|$CLANG|$LLD|0xffffffff80000000|-DPERCPU_ZERO_VMA|-DPERCPU_PLATFORM_BARE -DPERCPU_DEBUG -DPERCPU_PREEMPT|
single, freestanding|$GCC|$BFD|0||-DPERCPU_PLATFORM_SINGLE|--singlestep
single, freestanding, debug|$CLANG|$LLD|0xffffffff80000000||-DPERCPU_PLATFORM_SINGLE -DPERCPU_DEBUG|
END
    part=
fi

wanted '' # the last one ended
end
