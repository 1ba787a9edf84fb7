#!/bin/sh
# SPDX-License-Identifier: MIT
# <percpu/asm.h>: every architecture's assembly with it is accepted, for each kind of template; on
# x86_64 a program's assembly and C agree. CC is the host's C compiler.
set -u
. "$(dirname "$0")/work.sh"
CC="${CC:-cc}"

needs llvm-nm

# assemble FILE COMPILER...: both kinds of template; the object refers to the variable and the head.
assemble() {
    file=$1
    shift
    for vma in -UPERCPU_ZERO_VMA -DPERCPU_ZERO_VMA; do
        "$@" $vma -I"$root/include" -c "$root/tests/asm/$file.S" -o "$work/asm.o" || return 1
        for symbol in __PERCPU_asm_word __PERCPU_percpu__head; do
            llvm-nm --undefined-only "$work/asm.o" | grep -w $symbol || return 1
        done
    done
}

# reads_delta TARGET REGISTER TEXT [FLAG...]: the register that PERCPU_READ_DELTA names is that of the options.
reads_delta() {
    target=$1 register=$2 text=$3
    shift 3
    printf '#include <percpu/asm.h>\n PERCPU_READ_DELTA(%s)\n' "$register" >"$work/delta.S"
    clang --target="$target" "$@" -I"$root/include" -c "$work/delta.S" -o "$work/delta.o" &&
        clang --target="$target" "$@" -I"$root/include" -E "$work/delta.S" | grep -qF "$text"
}

run() {
    # shellcheck disable=SC2086
    $CC -pthread -DPERCPU_PLATFORM_THREAD -I"$root/include" $1 -o "$work/main" "$root/tests/asm/main.c" \
        "$root/tests/asm/x86_64.S" "$here/library.c" && "$work/main"
}

with gcc check 'x86_64, gcc' assemble x86_64 gcc
with clang check 'x86_64, clang' assemble x86_64 clang --target=x86_64-unknown-none-elf
with clang check 'aarch64, clang' assemble aarch64 clang --target=aarch64-none-elf
with clang check 'arm, A32, clang' assemble arm clang --target=armv7a-none-eabi
with clang check 'arm, T32, clang' assemble arm clang --target=armv7a-none-eabi -mthumb
with clang check 'riscv64, clang' assemble riscv clang --target=riscv64-none-elf
with clang check 'riscv32, clang' assemble riscv clang --target=riscv32-none-elf
with clang check 'loongarch64, clang' assemble loongarch64 clang --target=loongarch64-none-gnusf
with clang check 'the register: TPIDR_EL1' reads_delta aarch64-none-elf x0 'mrs x0, tpidr_el1'
with clang check 'the register: TPIDR_EL2' reads_delta aarch64-none-elf x0 'mrs x0, tpidr_el2' -DPERCPU_ARM_EL2
with clang check 'the register: TPIDRURO' reads_delta armv7a-none-eabi r1 'mrc p15, 0, r1, c13, c0, 3'
with clang check 'the register: TPIDRPRW' reads_delta armv7a-none-eabi r1 'mrc p15, 0, r1, c13, c0, 4' \
    -DPERCPU_ARM_TPIDRPRW
with clang check 'the register: gp' reads_delta riscv64-none-elf a0 'mv a0, gp'
with clang check 'the register: tp' reads_delta riscv64-none-elf a0 'mv a0, tp' -DPERCPU_RISCV_TP
check 'assembly and C agree, PIE' run '-O2 -fPIE -pie'
check 'assembly and C agree, at a fixed address' run '-O2 -fno-pie -no-pie'
check 'assembly and C agree, static' run '-O0 -fno-pie -static'
end
